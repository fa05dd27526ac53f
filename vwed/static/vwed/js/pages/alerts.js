// The alerts' page: counts and strips change in place. What is new or has cleared is counted above; nothing moves.
import { count, duration } from "../ui/format.js";
import { setText } from "../ui/bind.js";
import { fill } from "../ui/i18n.js";
import { lateText } from "../ui/alerts.js";

const CELLS = 60;
const FRAME_ROWS = 20;

export function start(root, store, texts, signal) {
  watchSelection(root, signal);
  if (!store) return;
  const rows = new Map([...root.querySelectorAll("[data-alert]")].map((row) => [Number(row.dataset.alert), row]));
  const newest = Math.max(0, ...rows.keys());
  const page = {
    rows,
    newest,
    all: !location.search.includes("show="),
    empty: rows.size === 0,
    late: root.querySelector("[data-vw-late]"),
    lateText: root.querySelector("[data-vw-latetext]"),
    news: root.querySelector("[data-vw-news]"),
    newsText: root.querySelector("[data-vw-newstext]"),
    checked: root.querySelector("[data-vw-checked]"),
  };
  let looked = page.checked && page.checked.dataset.looked ? Number(page.checked.dataset.looked) : null;
  store.onFrame((topics) => {
    const data = topics.alerts;
    if (!data) return;
    looked = data.at;
    page.late.hidden = !data.late;
    if (data.late) setText(page.lateText, lateText(data.at, store, texts));
    for (const row of data.rows) update(rows.get(row[0]), row);
    tell(page, data, texts);
  }, signal);
  store.onTick(() => {
    if (!page.checked || looked === null) return;
    const age = duration((store.now() - looked) / 1000, texts.units);
    setText(page.checked, fill(texts.alerts.checked, { rules: page.checked.dataset.rules, d: age }));
  }, signal);
}

function update(element, row) {
  if (!element) return;
  const [, , , , , , , times, packed] = row;
  setText(element.querySelector('[data-cell="count"]'), count(times));
  if (element.dataset.packed === packed) return;
  element.dataset.packed = packed;
  const over = bits(packed);
  const drawn = element.querySelector('[data-strip="over"]');
  const before = drawn.getAttribute("d").split("M").length - 1 + element.querySelector('[data-strip="quiet"]').getAttribute("d").split("M").length - 1;
  const known = Math.min(CELLS, Math.max(before, over.length - over.indexOf(true)));
  drawn.setAttribute("d", path(over, known, true));
  element.querySelector('[data-strip="quiet"]').setAttribute("d", path(over, known, false));
}

function bits(packed) {
  return [...packed].flatMap((digit) => [8, 4, 2, 1].map((bit) => (parseInt(digit, 16) & bit) !== 0));
}

function path(cells, known, wanted) {
  const [top, height] = wanted ? [0, 14] : [12, 2];
  const drawn = cells.map((cell, at) => (at >= CELLS - known && cell === wanted ? `M${at} ${top}h1v${height}h-1z` : ""));
  return drawn.join("");
}

// A frame names the newest; of older ones it is known only how many there are.
function tell(page, data, texts) {
  if (!page.all) return;
  const ids = new Set(data.rows.map((row) => row[0]));
  const fresh = data.rows.filter((row) => !page.rows.has(row[0]) && row[0] > page.newest).length;
  const whole = data.open <= FRAME_ROWS && data.rows.length === data.open;
  let gone = 0;
  for (const [id, row] of page.rows) {
    const cleared = whole && !ids.has(id);
    row.toggleAttribute("data-gone", cleared);
    gone += cleared ? 1 : 0;
  }
  page.news.hidden = fresh + gone === 0;
  if (fresh + gone) setText(page.newsText, fill(texts.alerts.news, { n: count(fresh), m: count(gone) }));
}

function watchSelection(root, signal) {
  const all = root.querySelector("[data-vw-all]");
  if (!all) return;
  const boxes = [...root.querySelectorAll('input[name="id"]')];
  all.addEventListener("change", () => { for (const box of boxes) box.checked = all.checked; }, { signal });
  root.addEventListener("change", (event) => {
    if (event.target.name !== "id") return;
    const chosen = boxes.filter((box) => box.checked).length;
    all.checked = chosen === boxes.length;
    all.indeterminate = chosen > 0 && chosen < boxes.length;
  }, { signal });
}
