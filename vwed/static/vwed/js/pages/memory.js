// The Memory page: charts, and signs that processes or probes have changed. Figures are bound by ui/bind.js.
import { LiveChart } from "../ui/charts.js";
import { clock, count } from "../ui/format.js";
import { watchTable } from "../ui/legend.js";
import { startPanels } from "../ui/panel.js";
import { top } from "../ui/series.js";

const PSS = 4;
const USS = 3;
const RSS = 2;
const LINES = 6;

export async function start(root, store, texts, signal) {
  blocks(root, signal);
  const memory = (await startPanels(root, store, texts, signal)).get("memory");
  if (!store || signal.aborted) return;
  const show = (topics, at) => {
    const data = topics.memory;
    if (!data) return;
    if (memory) memory.addRows(at, [...top(memory.chart, sizes(data.p), texts), ["limit", texts.limit, data.limit]], at);
    processes(root, data.p);
    probes(root, data.pr);
  };
  if (store.seed && store.seed.memory) show(store.seed, Date.now());
  store.onFrame(show, signal);
}

function sizes(rows) {
  return Object.values(rows)
    .map((row) => [row[0], row[0], row[PSS] ?? row[USS] ?? row[RSS]])
    .filter(([, , size]) => size !== null);
}

// Rows are never moved or made while somebody reads them: who has gone turns grey, and a line offers the new table.
function processes(root, rows) {
  let changed = false;
  const known = new Set();
  for (const row of root.querySelectorAll("tr[data-process]")) {
    known.add(row.dataset.process);
    const live = rows[row.dataset.process];
    const state = live ? live[1] : "gone";
    const was = row.dataset.state;
    if (state === was) continue;
    if (!live && row.querySelector("[data-live]") === null) continue; // beyond what a frame holds
    changed = true;
    row.classList.toggle("vw-gone", !live);
  }
  if (Object.keys(rows).some((key) => !known.has(key))) changed = true;
  const sign = root.querySelector("[data-vw-changed]");
  if (sign) sign.hidden = !changed;
}

// A probe that somebody waits for shows its result as soon as it is there.
function probes(root, states) {
  const open = root.querySelector("[data-vw-open-probe]");
  if (open) {
    const state = states[open.dataset.vwOpenProbe];
    if (state && !["asked", "running"].includes(state)) location.reload();
    return;
  }
  const rows = [...root.querySelectorAll("tr[data-probe]")];
  const sign = root.querySelector("[data-vw-changed]");
  if (sign && rows.some((row) => states[row.dataset.probe] && states[row.dataset.probe] !== row.dataset.state)) sign.hidden = false;
}

// Lines over the runs of each worker, not over time: drawn once, they come with the page.
function blocks(root, signal) {
  const canvas = root.querySelector("[data-vw-chart=blocks]");
  if (!canvas) return;
  const generations = JSON.parse(document.getElementById("vw-generations").textContent);
  const unit = (value) => (value < 0 ? `−${count(-value)}` : count(value));
  const chart = new LiveChart(canvas, root.querySelector("[data-vw-legend=blocks]"), { stacked: false, unit, tick: (value) => (Number.isInteger(value) ? unit(value) : "") }, signal);
  for (const line of generations.slice(0, LINES)) {
    chart.create(line.name, line.label, null).data = line.points.map(([x, y]) => ({ x, y }));
  }
  const runs = generations.flatMap((line) => line.points.map(([x]) => x));
  const { x, y } = chart.chart.options.scales;
  x.min = Math.min(...runs);
  x.max = Math.max(...runs, x.min + 1);
  chart.tick = chart.moment = count;
  delete x.afterBuildTicks;
  x.ticks.maxTicksLimit = 6;
  delete y.min;
  y.suggestedMin = -100;
  y.suggestedMax = 1000;
  chart.recolour();
  watchTable(chart, root.querySelector("[data-vw-blocks-table]"), () => clock(Date.now()), signal);
}
