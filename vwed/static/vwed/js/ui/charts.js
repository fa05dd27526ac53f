// Charts on the theme's Chart.js: live rings of 300 points or buckets of the past on one canvas; linear axes (the theme
// brings no date adapter), no animation. The ring goes on while the past is shown.
import { chartOptions, DAY_MS, roundUp } from "./axes.js";
import { clock, day } from "./format.js";
import { Legend } from "./legend.js";

const POINTS = 300;
const ORDER = ["active", "wait", "good", "decide", "idle", "off", "bad"];
const DASHES = [[], [6, 3], [2, 2], [8, 3, 2, 3], [], [6, 3], [2, 2]];
const SHRINK_MS = 30000;
const BANDED = 3;
// Lines that are bounds, not figures: dashed, and they do not stretch the axis until the figures come near.
const BOUNDS = new Set(["limit"]);

const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export class LiveChart {
  // options: stacked, log, unit (value → text), tick (value → text of the axis), tones (series → token name), least, onDraw
  constructor(canvas, legend, options, signal) {
    this.legend = new Legend(legend);
    this.options = options;
    this.series = new Map();
    this.past = null;
    this.bands = [];
    this.shrinkAt = null;
    this.top = 1;
    this.visible = true;
    this.chart = new Chart(canvas, { type: "line", data: { datasets: [] }, options: chartOptions(this) });
    const seen = new IntersectionObserver((entries) => {
      this.visible = entries[0].isIntersecting;
      if (this.visible) this.chart.update("none");
    });
    seen.observe(canvas);
    const themes = new MutationObserver(() => this.recolour());
    themes.observe(document.documentElement, { attributeFilter: ["class"] });
    this.recolour();
    signal.addEventListener("abort", () => { seen.disconnect(); themes.disconnect(); this.chart.destroy(); }, { once: true });
  }

  get shown() { return this.past || this.series; }

  // Times of the axis and of one point; days count where the range is longer than one.
  get long() { return this.past !== null && this.chart.options.scales.x.max - this.chart.options.scales.x.min > DAY_MS; }
  tick(value) { return this.long ? day(value) : clock(value).slice(0, 5); }
  moment(value) { return this.past ? `${day(value)} ${clock(value)}` : clock(value); }

  // values: [[name, label, number or null], …] of one moment; now: where the axis ends
  add(at, values, now) {
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
    if (!this.past) this.draw(now);
  }

  restore(series) {
    for (const [name, label, points] of series) {
      const set = this.create(name, label, null);
      set.data = points.slice(-POINTS);
    }
  }

  gap(at) {
    for (const set of this.series.values()) {
      set.data.push({ x: at, y: null });
      if (set.data.length > POINTS) set.data.shift();
    }
  }

  create(name, label, at) {
    const set = this.dataset(name, label);
    if (this.options.stacked && !set.vwBound && at && this.series.size) {
      const first = [...this.series.values()][0];
      set.data = first.data.map((point) => ({ x: point.x, y: point.y === null ? null : 0 }));
      if (set.data.length && set.data[set.data.length - 1].x === at) set.data.pop();
    }
    this.series.set(name, set);
    this.take();
    return set;
  }

  dataset(name, label) {
    const bound = BOUNDS.has(name);
    const fill = this.options.stacked && !bound ? "stack" : false;
    return { label, data: [], pointRadius: 0, borderWidth: bound ? 1.25 : 1.75, fill, vwName: name, vwBound: bound, stack: bound ? name : "all" };
  }

  remove(name) {
    this.series.delete(name);
    this.take();
  }

  // What is shown becomes what the library draws.
  take() {
    this.chart.data.datasets = [...this.bands, ...this.shown.values()];
    this.recolour();
  }

  // lines: [{name, label, points: [[ms, mean, least, most], …]}] of one range; null: live again
  showPast(lines, from, to) {
    this.past = lines && new Map();
    this.bands = [];
    for (const { name, label, points } of lines || []) {
      const set = this.dataset(name, label);
      set.data = points.map(([x, y]) => ({ x, y }));
      // Too few points for a line are dots.
      set.pointRadius = points.filter(([, mean]) => mean !== null).length < 4 ? 2 : 0;
      this.past.set(name, set);
    }
    if (lines && !this.options.stacked && lines.length <= BANDED) this.bands = lines.flatMap((line) => this.band(line));
    const { x } = this.chart.options.scales;
    if (lines) [x.min, x.max] = [from, to];
    this.top = 1;
    this.shrinkAt = null;
    this.take();
    if (lines) this.finish(to);
  }

  // Between the least and the most of each bucket.
  band({ name, points }) {
    const edge = (index, fill) => ({
      data: points.map((point) => ({ x: point[0], y: point[index] ?? null })),
      pointRadius: 0, borderWidth: 0, fill, vwName: name, vwBand: true, stack: `${name}-${index}`,
    });
    return BOUNDS.has(name) ? [] : [edge(3, "+1"), edge(2, false)];
  }

  setStacked(stacked) {
    this.options.stacked = stacked;
    this.chart.options.scales.y.stacked = stacked;
    for (const set of [...this.series.values(), ...this.shown.values()]) set.fill = stacked && !set.vwBound ? "stack" : false;
    this.bands = [];
    this.top = 1;
    this.take();
    this.finish(this.chart.options.scales.x.max);
  }

  draw(at) {
    const { x } = this.chart.options.scales;
    x.max = at;
    x.min = at - (POINTS - 1) * 1000;
    for (const set of this.series.values()) while (set.data.length && set.data[0].x < x.min) set.data.shift();
    this.finish(at);
  }

  finish(at) {
    this.scale(at);
    this.legend.draw([...this.shown.values()], this.options.unit);
    if (this.options.onDraw) this.options.onDraw(this);
    if (this.visible && !document.hidden) this.chart.update("none");
  }

  get empty() {
    return [...this.shown.values()].every((set) => set.vwBound || set.data.every((point) => point.y === null));
  }

  // The range grows at once and shrinks after half a minute, so that it does not dance.
  scale(at) {
    const sets = [...this.shown.values()];
    let top = 0;
    if (this.options.stacked) {
      const sums = new Map();
      for (const set of sets) if (!set.vwBound) for (const point of set.data) sums.set(point.x, (sums.get(point.x) || 0) + (point.y || 0));
      for (const sum of sums.values()) top = Math.max(top, sum);
    } else {
      for (const set of [...sets, ...this.bands]) if (!set.vwBound) for (const point of set.data) top = Math.max(top, point.y || 0);
    }
    for (const set of sets) {
      const bound = set.vwBound && set.data.findLast((point) => point.y !== null);
      if (bound && top > bound.y / 2) top = Math.max(top, bound.y);
    }
    const wanted = roundUp(Math.max(this.options.least || 1, top * 1.15));
    if (wanted >= this.top) {
      this.top = wanted;
      this.shrinkAt = null;
    } else if (this.shrinkAt === null) {
      this.shrinkAt = at + SHRINK_MS;
    } else if (at >= this.shrinkAt) {
      this.top = wanted;
      this.shrinkAt = null;
    }
    const { y } = this.chart.options.scales;
    y.suggestedMax = this.top;
    // A bound far above the figures stays outside; the legend still tells it.
    if (sets.some((set) => set.vwBound)) y.max = this.top;
    else delete y.max;
  }

  recolour() {
    const line = token("--vw-line");
    const text = token("--vw-subtle");
    let index = 0;
    const worn = new Map();
    for (const [name, set] of this.shown) {
      const tone = set.vwBound ? "bad" : (this.options.tones && this.options.tones[name]) || ORDER[index % ORDER.length];
      const colour = token(`--vw-${tone}`);
      set.borderColor = colour;
      set.backgroundColor = `color-mix(in srgb, ${colour} 30%, transparent)`;
      // Two lines of one tone differ by their dashes.
      const same = worn.get(tone) || 0;
      worn.set(tone, same + 1);
      set.borderDash = this.options.stacked ? DASHES[same % DASHES.length] : DASHES[(ORDER.indexOf(tone) + same) % DASHES.length];
      if (set.vwBound) set.borderDash = [4, 4];
      for (const band of this.bands) if (band.vwName === name) band.backgroundColor = `color-mix(in srgb, ${colour} 14%, transparent)`;
      index += 1;
    }
    for (const axis of Object.values(this.chart.options.scales)) {
      axis.grid = { color: line };
      axis.ticks.color = text;
    }
    this.legend.forget();
    this.legend.draw([...this.shown.values()], this.options.unit);
    this.chart.update("none");
  }
}
