// The Database page: meters follow their figures, connections their states; rows are never moved while somebody reads.
import { duration } from "../ui/format.js";
import { setText } from "../ui/bind.js";
import { fill } from "../ui/i18n.js";

const MINUTE = 60_000;

export function start(root, store, texts, signal) {
  if (!store) return;
  const rows = new Map([...root.querySelectorAll("tr[data-connection]")].map((row) => [row.dataset.connection, row]));
  const pools = [...root.querySelectorAll("tr[data-pool]")];
  const meter = root.querySelector("[data-vw-meter] progress");
  const sign = root.querySelector("[data-vw-changed]");
  const waits = [];
  store.onFrame((topics, at) => {
    const data = topics.database;
    if (!data) return;
    if (meter) [meter.max, meter.value] = [data.max, data.n];
    for (const row of pools) pool(row, data.pools[row.dataset.pool]);
    if (data.c) connections(rows, data, sign, texts);
    rate(root, waits, at, data.busy, texts);
  }, signal);
}

function pool(row, figures) {
  row.classList.toggle("vw-gone", !figures);
  if (!figures) return;
  const [inUse, size, , most] = figures;
  const drawn = row.querySelector("progress");
  [drawn.max, drawn.value] = [size + most, inUse];
}

function connections(rows, data, sign, texts) {
  for (const [id, row] of rows) {
    const live = data.c[id];
    row.classList.toggle("vw-gone", !live);
    if (!live) continue;
    setText(row.querySelector('[data-cell="command"]'), live[0]);
    setText(row.querySelector('[data-cell="time"]'), duration(live[1], texts.units));
  }
  if (!sign) return;
  const all = !location.search.includes("show=");
  const ids = Object.keys(data.c);
  sign.hidden = !([...rows.keys()].some((id) => !data.c[id]) || (all && ids.some((id) => !rows.has(id))));
}

// Waits a minute, from what was seen while the page is open; a process that ends takes its count along.
function rate(root, waits, at, busy, texts) {
  const shown = root.querySelector("[data-vw-rate]");
  if (!shown) return;
  if (waits.length && busy < waits[waits.length - 1][1]) waits.length = 0;
  waits.push([at, busy]);
  while (at - waits[0][0] > MINUTE) waits.shift();
  const [since, first] = waits[0];
  shown.hidden = at - since < 5000;
  if (!shown.hidden) setText(shown, fill(texts.perMinute, { n: Math.round(((busy - first) * MINUTE) / (at - since)) }));
}
