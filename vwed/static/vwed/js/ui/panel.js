// Cards with charts: live at first from the history's last minutes and then from each frame, or one range of the past.
import { LiveChart } from "./charts.js";
import { bytes, clock, count, day, duration } from "./format.js";
import { fill } from "./i18n.js";
import { watchTable } from "./legend.js";
import { topLines } from "./series.js";

// A range of the past is read again as often as it gets a bucket, within these bounds.
const AGAIN_MS = [15000, 300000];
const number = (value) => (Number.isInteger(value) || Math.abs(value) >= 10 ? count(Math.round(value)) : value.toFixed(1));
const FORMS = {
  bytes: () => ({ unit: bytes, least: 50e6 }),
  ms: (texts) => ({ unit: (value) => duration(value / 1000, texts.units), least: 100 }),
  number: () => ({ unit: number, tick: (value) => (Number.isInteger(value) ? count(value) : ""), least: 5 }),
};

export class Panel {
  constructor(card, url, texts, signal) {
    this.card = card;
    this.name = card.dataset.vwPanel;
    this.labels = JSON.parse(card.dataset.lines);
    this.url = url;
    this.texts = texts;
    this.signal = signal;
    this.range = "live";
    this.asked = 0;
    this.read = 0;
    this.newest = 0;
    this.again = AGAIN_MS[0];
    this.note = card.querySelector("[data-vw-chart-note]");
    const options = {
      ...FORMS[card.dataset.form](texts),
      stacked: "stacked" in card.dataset,
      log: "log" in card.dataset,
      tones: this.name === "status" || this.name === "throughput" ? texts.tones : null,
      onDraw: (chart) => { if (!this.past) this.say(chart.empty ? this.note.dataset.empty : ""); },
    };
    this.chart = new LiveChart(card.querySelector("[data-vw-chart]"), card.querySelector("[data-vw-legend]"), options, signal);
    this.retable = watchTable(this.chart, card.querySelector("[data-vw-astable]"), () => clock(Date.now()), signal);
    for (const button of card.querySelectorAll("[data-vw-mode]")) button.addEventListener("click", () => this.mode(button.dataset.vwMode), { signal });
  }

  get past() { return this.range !== "live"; }

  // rows: [[name, label, number or null], …] of one moment; a moment that is there already only moves the axis
  addRows(at, rows, now) {
    if (at > this.newest) {
      this.newest = at;
      this.chart.add(at, rows, now);
    } else if (!this.past) this.chart.draw(now);
  }

  // values: {name: number or null} with the labels that the card brings
  add(at, values, now) {
    this.addRows(at, Object.entries(this.labels).filter(([name]) => name in values).map(([name, label]) => [name, label, values[name]]), now);
  }

  say(text) {
    if (this.note.hidden === !text && this.note.textContent === text) return;
    this.note.hidden = !text;
    this.note.textContent = text;
  }

  mode(name) {
    for (const button of this.card.querySelectorAll("[data-vw-mode]")) button.ariaPressed = String(button.dataset.vwMode === name);
    this.chart.setStacked(name === "stacked");
    remember(this.name, name === "lines" ? name : null);
  }

  async ask(range) {
    const response = await fetch(`${this.url}?chart=${this.name}&range=${range}`, { credentials: "same-origin", signal: this.signal });
    if (!response.ok) throw new Error(String(response.status));
    const answer = await response.json();
    const lines = Object.keys(this.labels).length ? answer.series : topLines(answer.series, this.texts);
    return { ...answer, lines: lines.filter((line) => line.points.some(([, mean]) => mean !== null)) };
  }

  // The last minutes from before the page was opened.
  async begin() {
    try {
      const answer = await this.ask("live");
      const newest = Math.max(0, ...answer.lines.flatMap(({ points }) => points.filter(([, mean]) => mean !== null).map(([at]) => at)));
      // What was sampled a moment ago goes on with the next frame; an older end is a gap.
      const until = Date.now() - newest < 4 * answer.step_ms ? newest : Infinity;
      this.newest = newest;
      this.chart.restore(answer.lines.map(({ name, label, points }) => (
        [name, label, points.filter(([at]) => at <= until).map(([x, y]) => ({ x, y }))]
      )));
    } catch {
      // The chart then begins with the next frame.
    }
  }

  async choose(range) {
    this.range = range;
    this.asked += 1;
    if (!this.past) {
      this.chart.showPast(null);
      this.chart.draw(Date.now());
      this.retable();
      return;
    }
    await this.reread();
  }

  async reread() {
    const turn = this.asked;
    this.read = Date.now();
    let answer;
    try {
      answer = await this.ask(this.range);
    } catch {
      if (!this.signal.aborted && turn === this.asked) this.say(this.note.dataset.failed);
      return;
    }
    if (turn !== this.asked || this.signal.aborted) return;
    this.again = Math.min(AGAIN_MS[1], Math.max(AGAIN_MS[0], answer.step_ms));
    this.chart.showPast([...answer.lines, ...this.bound(answer)], answer.from_ms, answer.to_ms);
    const old = answer.last_ms && answer.last_ms < answer.from_ms;
    const since = old ? fill(this.note.dataset.since, { t: `${day(answer.last_ms)} ${clock(answer.last_ms)}` }) : this.note.dataset.empty;
    this.say(this.chart.empty ? since : "");
    this.retable();
  }

  // The bound of today, where the history tells none.
  bound({ lines, from_ms: from, to_ms: to }) {
    const set = this.chart.series.get("limit");
    const last = set && set.data.at(-1);
    if (!last || !lines.length || lines.some((line) => line.name === "limit")) return [];
    return [{ name: "limit", label: set.label, points: [[from, last.y], [to, last.y]] }];
  }

  watch(now) {
    if (this.past && !document.hidden && now - this.read > this.again) this.reread();
  }
}

// The address holds what is shown, so that it can be sent to somebody.
function remember(name, value) {
  const address = new URL(location.href);
  if (value === null) address.searchParams.delete(name);
  else address.searchParams.set(name, value);
  history.replaceState(history.state, "", address);
}

// Every panel of a page with its buttons: the panels by name, once their last minutes are there.
export async function startPanels(root, store, texts, signal) {
  const place = root.querySelector("[data-vw-charts]");
  if (!place) return new Map();
  const panels = [...place.querySelectorAll("[data-vw-panel]")].map((card) => new Panel(card, place.dataset.url, texts, signal));
  const buttons = [...root.querySelectorAll("[data-vw-range]")];
  const choose = (range) => {
    for (const button of buttons) button.ariaPressed = String(button.dataset.vwRange === range);
    return Promise.all(panels.map((panel) => panel.choose(range)));
  };
  for (const button of buttons) {
    button.addEventListener("click", () => {
      remember("range", button.dataset.vwRange === "live" ? null : button.dataset.vwRange);
      choose(button.dataset.vwRange);
    }, { signal });
  }
  const pressed = buttons.find((button) => button.ariaPressed === "true");
  if (pressed && pressed.dataset.vwRange !== "live") choose(pressed.dataset.vwRange);
  for (const panel of panels) await panel.begin();
  if (store && !signal.aborted) watch(panels, store, signal);
  return new Map(panels.map((panel) => [panel.name, panel]));
}

function watch(panels, store, signal) {
  let silent = false;
  store.onTick(() => {
    const now = ["reconnecting", "offline"].includes(store.state());
    if (now && !silent) for (const panel of panels) panel.chart.gap(store.now());
    silent = now;
    for (const panel of panels) panel.watch(Date.now());
  }, signal);
}
