// The Overview: charts, reasons and workers. Numbers in tiles are bound by ui/bind.js.
import { LiveChart } from "../ui/charts.js";
import { bytes, clock, count, render, shorten } from "../ui/format.js";
import { setText } from "../ui/bind.js";
import { top } from "../ui/series.js";
import { fill } from "../ui/i18n.js";

const KEPT = "vw-overview-points";
const AXIS_MS = 300000;
const REASONS_EVERY_MS = 10000;
const SHOWN = ["ready", "running", "waiting", "paused", "interrupted", "scheduled"];

export function start(root, store, texts, signal) {
  const pooled = Boolean(store.seed && store.seed.overview && store.seed.overview.db.pool);
  const charts = makeCharts(root, texts, pooled, signal);
  const reasons = new Reasons(root, store, texts, signal);
  if (!charts) return;
  const show = (topics, at) => {
    const data = topics.overview;
    if (!data) return;
    feed(charts, data, at, texts);
    workers(root, data, store, texts);
    reasons.show(data.why);
  };
  restore(charts);
  addEventListener("pagehide", () => keep(charts), { signal });
  if (store.seed && store.seed.overview) show(store.seed, Date.now());
  store.onFrame(show, signal);
  let silent = false;
  store.onTick(() => {
    const state = store.state();
    const now = state === "reconnecting" || state === "offline";
    if (now && !silent) for (const chart of Object.values(charts)) chart.gap(store.now());
    silent = now;
  }, signal);
}

function makeCharts(root, texts, pooled, signal) {
  const make = (name, options) => {
    const canvas = root.querySelector(`[data-vw-chart="${name}"]`);
    return canvas ? new LiveChart(canvas, root.querySelector(`[data-vw-legend="${name}"]`), options, signal) : null;
  };
  const memory = make("memory", { stacked: true, unit: (value) => bytes(value), least: 50e6 });
  if (!memory) return null;
  const whole = (value) => (Number.isInteger(value) ? count(value) : "");
  const status = make("status", { stacked: false, unit: whole, tones: texts.tones, least: 5, precision: 0 });
  const database = make("database", { stacked: !pooled, unit: whole, least: 5, precision: 0 });
  return { memory, status, database };
}

function feed(charts, data, at, texts) {
  charts.memory.add(at, top(charts.memory, data.mem.p.map(([name, , size]) => [name, name, size]), texts));
  charts.status.add(at, SHOWN.map((name) => [name, texts.status[name], data.n[name]]));
  if (data.db.pool) {
    const [used, size, overflow] = data.db.pool;
    charts.database.add(at, [["all", "server", data.db.n], ["used", "pool in use", used], ["size", "pool size", size], ["over", "overflow", overflow]]);
  } else {
    charts.database.add(at, top(charts.database, data.db.p.map(([name, open]) => [name, name, open]), texts));
  }
}

// Points survive a look at another page of this tab; what is older than the axis is not taken back.
function keep(charts) {
  const points = Object.fromEntries(Object.entries(charts).map(([name, chart]) => [name, chart.points()]));
  try {
    sessionStorage.setItem(KEPT, JSON.stringify({ at: Date.now(), points }));
  } catch {
    sessionStorage.removeItem(KEPT);
  }
}

function restore(charts) {
  const text = sessionStorage.getItem(KEPT);
  if (!text) return;
  sessionStorage.removeItem(KEPT);
  const { at, points } = JSON.parse(text);
  if (Date.now() - at > AXIS_MS) return;
  for (const [name, chart] of Object.entries(charts)) chart.restore(points[name] || []);
}

// Rows are made when workers come or go; what they do changes inside their cells.
function workers(root, data, store, texts) {
  const body = root.querySelector("[data-vw-workers]");
  const names = data.w.map((row) => row[0]);
  const present = [...body.children].map((row) => row.dataset.worker);
  if (names.join("|") !== present.join("|")) body.replaceChildren(...names.map((name) => workerRow(name)));
  data.w.forEach((row, index) => worker(body.children[index], row, store, texts));
  root.querySelector("[data-vw-noworkers]").hidden = data.w.length > 0;
}

function workerRow(name) {
  const row = document.createElement("tr");
  row.dataset.worker = name;
  for (const cell of ["name", "does", "block", "since", "memory", "runs"]) {
    const made = document.createElement("td");
    made.dataset.cell = cell;
    if (cell === "name") { made.className = "vw-mono"; made.textContent = name; }
    if (["since", "memory", "runs"].includes(cell)) made.className = "vw-num";
    row.append(made);
  }
  return row;
}

function worker(element, [, record, label, block, since, size, runs, draining], store, texts) {
  const cells = Object.fromEntries([...element.children].map((cell) => [cell.dataset.cell, cell]));
  const key = `${record}|${label}|${draining}`;
  if (cells.does.dataset.key !== key) {
    cells.does.dataset.key = key;
    cells.does.replaceChildren(...does(record, label, draining, texts));
  }
  setText(cells.block, block || "");
  if (since) cells.since.dataset.age = String(since);
  else delete cells.since.dataset.age;
  setText(cells.since, since ? render("age", since, store.now(), texts) : "");
  setText(cells.memory, bytes(size));
  setText(cells.runs, count(runs));
}

function does(record, label, draining, texts) {
  const icon = document.createElement("span");
  icon.className = "vw-icon vw-tone";
  icon.ariaHidden = "true";
  icon.dataset.tone = record ? "active" : "off";
  icon.textContent = record ? "play_arrow" : "pause";
  if (!record) {
    const word = document.createElement("span");
    word.className = "vw-subtle";
    word.textContent = draining ? texts.draining : texts.idle;
    return [icon, " ", word];
  }
  const link = document.createElement("a");
  link.className = "vw-link vw-mono";
  link.href = texts.urls.record.replace("/-/", `/${encodeURIComponent(record)}/`);
  link.textContent = shorten(record);
  link.translate = false;
  const name = document.createElement("span");
  name.textContent = label;
  name.translate = false;
  return [icon, " ", link, " ", name];
}

// The order changes only when the pointer and the focus are elsewhere, at most every ten seconds.
class Reasons {
  constructor(root, store, texts, signal) {
    this.body = root.querySelector("[data-vw-reasons]");
    this.sum = root.querySelector("[data-vw-sum]");
    this.asOf = root.querySelector("[data-vw-asof]");
    this.none = root.querySelector("[data-vw-noreasons]");
    this.store = store;
    this.texts = texts;
    this.over = false;
    this.changed = -REASONS_EVERY_MS;
    if (!this.body) return;
    this.body.addEventListener("pointerenter", () => { this.over = true; }, { signal });
    this.body.addEventListener("pointerleave", () => { this.over = false; }, { signal });
  }

  show(why) {
    const keys = why.rows.map(([code, args]) => [code, args.queue, args.group, args.filled].join("/"));
    const present = [...this.body.children].map((row) => row.dataset.key);
    if (keys.join("|") !== present.join("|")) {
      const calm = !this.over && !this.body.contains(document.activeElement);
      const due = performance.now() - this.changed > REASONS_EVERY_MS;
      if (!calm || (!due && present.length)) return;
      this.changed = performance.now();
      this.body.replaceChildren(...why.rows.map((row, index) => this.make(row, keys[index])));
    }
    why.rows.forEach(([, , runs, oldest], index) => {
      const row = this.body.children[index];
      setText(row.children[0], count(runs));
      const age = row.children[2].lastElementChild;
      age.dataset.age = String(oldest);
      setText(age, render("age", oldest, this.store.now(), this.texts));
    });
    // Written with the rows and never without them: they are of one reading.
    setText(this.sum, count(why.n));
    setText(this.asOf, clock(why.at));
    this.none.hidden = why.rows.length > 0;
  }

  words(code, args) {
    if (code === "location" && "filled" in args) {
      const what = this.texts.loads[String(args.filled)];
      return args.group ? fill(this.texts.inGroup, { what, group: args.group }) : what;
    }
    return (this.texts.reasons[code] || code) + (args.queue ? ` (${args.queue})` : "");
  }

  make([code, args], key) {
    const row = document.createElement("tr");
    row.dataset.code = code;
    row.dataset.key = key;
    const runs = document.createElement("td");
    runs.className = "vw-num vw-strong";
    const text = document.createElement("td");
    const link = document.createElement("a");
    link.className = "vw-link";
    const status = code === "decision" ? "interrupted" : "waiting";
    link.href = code === "nobody" ? this.texts.urls.services : `${this.texts.urls.records}?status=${status}`;
    link.textContent = this.words(code, args);
    text.append(link);
    const oldest = document.createElement("td");
    oldest.className = "vw-num";
    const word = document.createElement("span");
    word.className = "vw-subtle";
    word.textContent = this.texts.oldest;
    oldest.append(word, " ", document.createElement("span"));
    row.append(runs, text, oldest);
    return row;
  }
}
