// A chart of the past beside a live one: buttons choose the range, the server sends at most 300 buckets a line.
import { LiveChart } from "./charts.js";
import { clock, day } from "./format.js";
import { fill } from "./i18n.js";
import { topLines } from "./series.js";

const DAY_MS = 86400000;

class PastChart extends LiveChart {
  // The newest bucket is often still empty: the legend tells the last value there is.
  newest(set) {
    return set.data.findLast((point) => point.y !== null);
  }

  // answer: what the history endpoint says
  show(answer, texts) {
    for (const name of [...this.series.keys()]) this.remove(name);
    const lines = topLines(answer.series, texts);
    for (const line of lines) {
      const set = this.create(line.name, line.label, null);
      set.data = line.points.map(([x, y]) => ({ x, y }));
      // Too few points for a line are dots.
      set.pointRadius = line.points.filter(([, mean]) => mean !== null).length < 4 ? 2 : 0;
    }
    const x = this.chart.options.scales.x;
    x.min = answer.from_ms;
    x.max = answer.to_ms;
    const form = answer.to_ms - answer.from_ms > DAY_MS ? day : clock;
    x.ticks.callback = (value) => form(value);
    this.chart.options.plugins.tooltip.callbacks.title = (items) => (items.length ? `${day(items[0].parsed.x)} ${clock(items[0].parsed.x)}` : "");
    this.top = 1;
    this.scale(answer.to_ms);
    this.recolour();
    this.drawLegend();
    return lines.some((line) => line.points.some(([, mean]) => mean !== null));
  }
}

// The last minutes of a live chart, from before the page was opened.
export async function fillLive(live, url, chart, texts, signal) {
  try {
    const response = await fetch(`${url}?chart=${chart}&range=live`, { credentials: "same-origin", signal });
    if (!response.ok) return;
    const answer = await response.json();
    live.restore(topLines(answer.series, texts).map(({ name, label, points }) => (
      [name, label, points.filter(([, mean]) => mean !== null).map(([x, y]) => ({ x, y }))]
    )));
    // What was sampled a moment ago goes on with the next frame: there is no gap.
    const step = answer.step_ms;
    for (const { data } of live.series.values()) if (data.length && Date.now() - data[data.length - 1].x < 4 * step) data.pop();
  } catch {
    // The chart then begins with the next frame.
  }
}

// card: holds the buttons, both canvases, both legends and the note; chart: its name
export function watchRanges(card, chart, options, texts, signal) {
  const part = (kind, name) => card.querySelector(`[data-vw-${kind}="${name}"]`);
  const live = [part("chart", chart).parentElement, part("legend", chart)];
  const past = [part("chart", `${chart}-history`).parentElement, part("legend", `${chart}-history`)];
  const note = card.querySelector("[data-vw-chart-note]");
  let drawn = null;
  let asked = 0;

  const say = (text) => {
    note.hidden = !text;
    note.textContent = text || "";
  };

  async function choose(range) {
    asked += 1;
    const turn = asked;
    for (const button of card.querySelectorAll("[data-vw-range]")) button.ariaPressed = String(button.dataset.vwRange === range);
    for (const element of live) element.hidden = range !== "live";
    for (const element of past) element.hidden = range === "live";
    say("");
    if (range === "live") return;
    let answer;
    try {
      const response = await fetch(`${card.dataset.url}?chart=${chart}&range=${range}`, { credentials: "same-origin", signal });
      if (!response.ok) throw new Error(String(response.status));
      answer = await response.json();
    } catch {
      if (!signal.aborted && turn === asked) say(note.dataset.failed);
      return;
    }
    if (turn !== asked || signal.aborted) return;
    if (!drawn) drawn = new PastChart(past[0].firstElementChild, past[1], options, signal);
    if (!drawn.show(answer, texts)) {
      say(answer.last_ms && answer.last_ms < answer.from_ms ? fill(note.dataset.since, { t: `${day(answer.last_ms)} ${clock(answer.last_ms)}` }) : note.dataset.empty);
    }
  }

  card.addEventListener("click", (event) => {
    const button = event.target.closest("[data-vw-range]");
    if (button) choose(button.dataset.vwRange);
  }, { signal });
}
