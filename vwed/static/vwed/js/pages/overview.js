// The Overview: charts, reasons and workers. Numbers in tiles are bound by ui/bind.js.
import { bytes, clock, count, render, shorten } from "../ui/format.js";
import { setText } from "../ui/bind.js";
import { startPanels } from "../ui/panel.js";
import { top } from "../ui/series.js";
import { fill } from "../ui/i18n.js";
import { startWall } from "../ui/wall.js";

// Where the name of the process stands in a worker's row.
const NAME = 9;
const REASONS_EVERY_MS = 10000;
const SHOWN = ["ready", "running", "waiting", "paused", "interrupted", "scheduled", "claimed"];

export async function start(root, store, texts, signal) {
  const reasons = new Reasons(root, store, texts, signal);
  let panels = new Map();
  const show = (topics, at) => {
    const data = topics.overview;
    if (!data) return;
    feed(panels, data, at, texts);
    workers(root, data, store, texts);
    reasons.show(data.why);
  };
  store.onFrame(show, signal);
  startWall(root, store, signal);
  panels = await startPanels(root, store, texts, signal);
  if (!signal.aborted && store.seed && store.seed.overview) feed(panels, store.seed.overview, store.now(), texts);
}

function feed(panels, data, at, texts) {
  const give = (name, values, moment = at) => {
    const panel = panels.get(name);
    if (panel) panel.add(moment, values, at);
  };
  const memory = panels.get("memory");
  if (memory) memory.addRows(at, top(memory.chart, data.mem.p.map(([name, size]) => [name, name, size]), texts), at);
  give("status", Object.fromEntries(SHOWN.map((name) => [name, data.n[name]])));
  give("queue_age", { oldest: data.oldest === null ? 0 : Math.max(0, at - data.oldest) });
  give("requests", { pending: data.req });
  give("connections", data.db.max === null ? { connections: data.db.n } : { connections: data.db.n, limit: data.db.max });
  if (data.db.pool) give("pool", { in_use: data.db.pool[0], size: data.db.pool[1], overflow: data.db.pool[2] });
  // These are told by slots of five seconds; without a new one only the axis moves.
  give("throughput", data.s ? data.s.throughput : {}, data.s ? data.s.at : 0);
  give("latency", data.s ? data.s.latency : {}, data.s ? data.s.at : 0);
}

// Rows are made when workers come or go; what they do changes inside their cells.
function workers(root, data, store, texts) {
  const body = root.querySelector("[data-vw-workers]");
  if (!body) return;
  const names = data.w.map((row) => row[NAME]);
  const present = [...body.children].map((row) => row.dataset.worker);
  if (names.join("|") !== present.join("|")) body.replaceChildren(...data.w.map((row) => workerRow(row)));
  data.w.forEach((row, index) => worker(body.children[index], row, store, texts));
  root.querySelector("[data-vw-noworkers]").hidden = data.w.length > 0;
  root.querySelector("[data-vw-wmore]").hidden = data.wmore === 0;
}

function workerRow(values) {
  const row = document.createElement("tr");
  row.dataset.worker = values[NAME];
  for (const cell of ["name", "does", "block", "since", "memory", "runs", "recycle"]) {
    const made = document.createElement("td");
    made.dataset.cell = cell;
    if (cell === "name") { made.className = "vw-mono"; made.textContent = values[0]; made.title = values[NAME]; }
    if (["since", "memory", "runs", "recycle"].includes(cell)) made.className = "vw-num";
    row.append(made);
  }
  return row;
}

function worker(element, [, record, label, block, since, size, runs, state, recycle], store, texts) {
  const cells = Object.fromEntries([...element.children].map((cell) => [cell.dataset.cell, cell]));
  const key = `${record}|${label}|${state}`;
  if (element.dataset.state !== state) element.dataset.state = state;
  if (cells.does.dataset.key !== key) {
    cells.does.dataset.key = key;
    cells.does.replaceChildren(...does(record, label, state, texts));
  }
  setText(cells.block, block || "");
  if (since) cells.since.dataset.age = String(since);
  else delete cells.since.dataset.age;
  setText(cells.since, since ? render("age", since, store.now(), texts) : "");
  setText(cells.memory, size === null ? texts.none : bytes(size));
  setText(cells.runs, count(runs));
  setText(cells.recycle, recycle === null ? texts.none : fill(texts.afterRuns, { n: count(recycle) }));
}

function icon(name, tone) {
  const made = document.createElement("span");
  made.className = "vw-icon vw-tone";
  made.ariaHidden = "true";
  made.dataset.tone = tone;
  made.textContent = name;
  return made;
}

function does(record, label, state, texts) {
  const parts = [];
  if (state !== "alive") {
    const [name, tone, text] = texts.processes[state];
    const word = document.createElement("span");
    word.className = "vw-strong";
    word.textContent = text;
    parts.push(icon(name, tone), " ", word, " ");
  }
  if (!record) {
    if (parts.length) return parts;
    const word = document.createElement("span");
    word.className = "vw-subtle";
    word.textContent = texts.idle;
    return [icon("pause", "off"), " ", word];
  }
  const link = document.createElement("a");
  link.className = "vw-link vw-mono";
  link.href = texts.urls.record.replace("/-/", `/${encodeURIComponent(record)}/`);
  link.textContent = shorten(record);
  link.translate = false;
  const name = document.createElement("span");
  name.textContent = label;
  name.translate = false;
  return [...parts, icon("play_arrow", "active"), " ", link, " ", name];
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
