// Live charts on the theme's Chart.js: rings of 300 points, linear axes (the theme brings no date adapter), no animation.
import { clock } from "./format.js";

const POINTS = 300;
const ORDER = ["active", "wait", "good", "decide", "idle", "off", "bad"];
const DASHES = [[], [6, 3], [2, 2], [8, 3, 2, 3], [], [6, 3], [2, 2]];
const SHRINK_MS = 30000;

const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export class LiveChart {
  // options: stacked, unit (value → text), tones (series → token name)
  constructor(canvas, legend, options, signal) {
    this.legend = legend;
    this.options = options;
    this.series = new Map();
    this.shrinkAt = null;
    this.top = 1;
    this.visible = true;
    this.chart = new Chart(canvas, { type: "line", data: { datasets: [] }, options: this.settings() });
    const seen = new IntersectionObserver((entries) => { this.visible = entries[0].isIntersecting; });
    seen.observe(canvas);
    const themes = new MutationObserver(() => this.recolour());
    themes.observe(document.documentElement, { attributeFilter: ["class"] });
    this.recolour();
    signal.addEventListener("abort", () => { seen.disconnect(); themes.disconnect(); this.chart.destroy(); }, { once: true });
  }

  settings() {
    const { stacked, unit } = this.options;
    return {
      animation: false,
      normalized: true,
      parsing: false,
      responsive: true,
      maintainAspectRatio: false,
      spanGaps: false,
      interaction: { mode: "nearest", axis: "x", intersect: false },
      plugins: {
        legend: { display: false },
        tooltip: {
          callbacks: {
            title: (items) => (items.length ? clock(items[0].parsed.x) : ""),
            label: (item) => `${item.dataset.label}: ${unit(item.parsed.y)}`,
          },
        },
      },
      scales: {
        x: { type: "linear", min: 0, max: 1, ticks: { maxTicksLimit: 6, maxRotation: 0, callback: (value) => clock(value) }, border: { display: false } },
        y: { type: "linear", min: 0, stacked, ticks: { maxTicksLimit: 6, precision: this.options.precision, callback: (value) => unit(value) }, border: { display: false } },
      },
    };
  }

  // values: [[name, label, number or null], …] of one moment
  add(at, values) {
    const present = new Set();
    for (const [name, label, value] of values) {
      present.add(name);
      const set = this.series.get(name) || this.create(name, label, at);
      set.vwGone = false;
      set.data.push({ x: at, y: value });
      if (set.data.length > POINTS) set.data.shift();
    }
    for (const [name, set] of this.series) {
      if (present.has(name)) continue;
      // A gap stays a gap; what has gone leaves the legend at once and the chart when none of its points is in sight.
      set.vwGone = true;
      set.data.push({ x: at, y: this.options.stacked ? 0 : null });
      if (set.data.length > POINTS) set.data.shift();
      if (set.data.every((point) => !point.y)) this.remove(name);
    }
    this.draw(at);
  }

  points() {
    return [...this.series].map(([name, set]) => [name, set.label, set.data]);
  }

  restore(series) {
    for (const [name, label, points] of series) {
      const set = this.create(name, label, null);
      set.data = points.slice(-POINTS);
      if (set.data.length) set.data.push({ x: set.data[set.data.length - 1].x + 1, y: null });
    }
  }

  gap(at) {
    for (const set of this.series.values()) set.data.push({ x: at, y: null });
  }

  create(name, label, at) {
    const set = { label, data: [], pointRadius: 0, borderWidth: 1.75, fill: this.options.stacked ? "stack" : false, vwName: name };
    if (this.options.stacked && at && this.series.size) {
      const first = [...this.series.values()][0];
      set.data = first.data.map((point) => ({ x: point.x, y: point.y === null ? null : 0 }));
      if (set.data.length && set.data[set.data.length - 1].x === at) set.data.pop();
    }
    this.series.set(name, set);
    this.chart.data.datasets.push(set);
    this.recolour();
    return set;
  }

  remove(name) {
    const set = this.series.get(name);
    this.series.delete(name);
    this.chart.data.datasets = this.chart.data.datasets.filter((other) => other !== set);
    this.recolour();
  }

  draw(at) {
    const x = this.chart.options.scales.x;
    x.max = at;
    x.min = at - (POINTS - 1) * 1000;
    this.scale(at);
    this.drawLegend();
    if (this.visible && !document.hidden) this.chart.update("none");
  }

  // The range grows at once and shrinks after half a minute, so that it does not dance.
  scale(at) {
    const sets = [...this.series.values()];
    let top = 0;
    if (this.options.stacked) {
      const sums = new Map();
      for (const set of sets) for (const point of set.data) sums.set(point.x, (sums.get(point.x) || 0) + (point.y || 0));
      for (const sum of sums.values()) top = Math.max(top, sum);
    } else {
      for (const set of sets) for (const point of set.data) top = Math.max(top, point.y || 0);
    }
    const wanted = Math.max(this.options.least || 1, top * 1.15);
    if (wanted >= this.top) {
      this.top = wanted;
      this.shrinkAt = null;
    } else if (this.shrinkAt === null) {
      this.shrinkAt = at + SHRINK_MS;
    } else if (at >= this.shrinkAt) {
      this.top = wanted;
      this.shrinkAt = null;
    }
    this.chart.options.scales.y.suggestedMax = this.top;
  }

  recolour() {
    const line = token("--vw-line");
    const text = token("--vw-subtle");
    let index = 0;
    for (const [name, set] of this.series) {
      const tone = (this.options.tones && this.options.tones[name]) || ORDER[index % ORDER.length];
      const colour = token(`--vw-${tone}`);
      set.borderColor = colour;
      set.backgroundColor = `color-mix(in srgb, ${colour} 30%, transparent)`;
      set.borderDash = DASHES[this.options.tones ? index % 2 : Math.floor(index / ORDER.length) || 0];
      if (!this.options.stacked) set.borderDash = DASHES[ORDER.indexOf(tone)] || [];
      index += 1;
    }
    for (const axis of Object.values(this.chart.options.scales)) {
      axis.grid = { color: line };
      axis.ticks.color = text;
    }
    this.legendKey = null;
    this.chart.update("none");
  }

  newest(set) {
    return set.data[set.data.length - 1];
  }

  // Entries are made when the series change; values change as text only.
  drawLegend() {
    const sets = [...this.series.values()].filter((set) => !set.vwGone);
    const key = sets.map((set) => set.vwName + set.borderColor).join("|");
    if (key !== this.legendKey) {
      this.legendKey = key;
      this.legend.replaceChildren(...sets.map((set) => entry(set)));
    }
    sets.forEach((set, index) => {
      const last = this.newest(set);
      const text = last && last.y !== null ? this.options.unit(last.y) : "–";
      this.legend.children[index].lastChild.firstChild.data = text;
    });
  }
}

function entry(set) {
  const item = document.createElement("li");
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
