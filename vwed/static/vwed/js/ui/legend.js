// The legend of a chart with the newest values, and the chart as a table. Made when the series change; otherwise text only.
import { fill } from "./i18n.js";

const ROWS = 20;

export class Legend {
  constructor(list) {
    this.list = list;
    this.key = null;
  }

  forget() { this.key = null; }

  draw(all, unit) {
    const sets = all.filter((set) => !set.vwGone);
    const key = sets.map((set) => set.vwName + set.borderColor + set.borderDash).join("|");
    if (key !== this.key) {
      this.key = key;
      this.list.replaceChildren(...sets.map((set) => entry(set)));
    }
    sets.forEach((set, index) => {
      // The newest bucket of the past is often still empty: the last value there is.
      const last = set.data.findLast((point) => point.y !== null);
      this.list.children[index].lastChild.firstChild.data = last ? unit(last.y) : "–";
    });
  }
}

function entry(set) {
  const item = document.createElement("li");
  item.dataset.series = set.vwName;
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("width", "18");
  svg.setAttribute("height", "8");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
  for (const [name, value] of [["x1", "0"], ["y1", "4"], ["x2", "18"], ["y2", "4"], ["stroke-width", "3"]]) line.setAttribute(name, value);
  line.setAttribute("stroke", set.borderColor);
  line.setAttribute("stroke-dasharray", set.borderDash.join(" "));
  svg.append(line);
  const label = document.createElement("span");
  label.textContent = set.label;
  label.translate = false;
  const value = document.createElement("span");
  value.className = "vw-num vw-strong";
  value.textContent = "–";
  item.append(svg, label, value);
  return item;
}

const cell = (kind, text, number) => {
  const made = document.createElement(kind);
  made.textContent = text;
  if (number) made.className = "vw-num";
  if (kind === "th") made.scope = "col";
  return made;
};

// The last 20 points of what a chart shows, the newest first.
function table(chart, time, caption) {
  const sets = [...chart.shown.values()].filter((set) => !set.vwBound);
  const moments = [...new Set(sets.flatMap((set) => set.data.filter((point) => point.y !== null).map((point) => point.x)))]
    .sort((a, b) => b - a).slice(0, ROWS);
  const made = document.createElement("table");
  made.className = "vw-table vw-dense vw-tight";
  made.createCaption().textContent = caption;
  const head = made.createTHead().insertRow();
  head.append(cell("th", time), ...sets.map((set) => cell("th", set.label, true)));
  const body = made.createTBody();
  for (const at of moments) {
    const values = sets.map((set) => set.data.find((point) => point.x === at && point.y !== null));
    body.insertRow().append(cell("td", chart.moment(at), true), ...values.map((point) => cell("td", point ? chart.options.unit(point.y) : "–", true)));
  }
  return made;
}

// A fold-out with the chart as a table, made when it is opened and when the chart shows something else; returns the latter.
export function watchTable(chart, place, time, signal) {
  const fold = place.parentElement;
  const make = () => place.replaceChildren(...(fold.open ? [table(chart, place.dataset.time, fill(place.dataset.caption, { t: time() }))] : []));
  fold.addEventListener("toggle", make, { signal });
  return () => { if (fold.open) make(); };
}
