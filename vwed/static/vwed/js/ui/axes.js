// What the library is told about a chart: its axes, their marks, and the texts beside the pointer.
const MINUTE_MS = 60000;
export const DAY_MS = 86400000;
// Steps of the axis of time: the first with which at most eight marks stand on it.
const STEPS_MS = [MINUTE_MS, 10 * MINUTE_MS, 240 * MINUTE_MS, 2 * DAY_MS, 15 * DAY_MS];
const MARKS = 8;

const power = (value) => Math.abs(Math.log10(value) - Math.round(Math.log10(value))) < 1e-9;

// The next number that an axis may end with.
export function roundUp(value) {
  const unit = 10 ** Math.floor(Math.log10(value));
  const step = value / unit < 2 ? unit / 2 : unit;
  return Math.ceil(value / step) * step;
}

// Full minutes, hours and days of the place where the page is read.
function marks(from, to) {
  const step = STEPS_MS.find((each) => (to - from) / each <= MARKS) || DAY_MS;
  const shift = new Date(to).getTimezoneOffset() * MINUTE_MS;
  const first = Math.ceil((from - shift) / step) * step + shift;
  return Array.from({ length: Math.max(0, Math.floor((to - first) / step) + 1) }, (_, index) => first + index * step);
}

// chart: a LiveChart
export function chartOptions(chart) {
  const { stacked, unit, log } = chart.options;
  const tick = chart.options.tick || unit;
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
        filter: (item) => !item.dataset.vwBand && !item.dataset.vwBound,
        callbacks: {
          title: (items) => (items.length ? chart.moment(items[0].parsed.x) : ""),
          label: (item) => `${item.dataset.label}: ${unit(item.parsed.y)}`,
        },
      },
    },
    scales: {
      x: {
        type: "linear", min: 0, max: 1, border: { display: false },
        ticks: { maxRotation: 0, callback: (value) => chart.tick(value) },
        afterBuildTicks: (axis) => { axis.ticks = marks(axis.min, axis.max).map((value) => ({ value })); },
      },
      y: log
        ? { type: "logarithmic", min: 1, ticks: { callback: (value) => (power(value) ? tick(value) : "") }, border: { display: false } }
        : { type: "linear", min: 0, stacked, ticks: { maxTicksLimit: 6, callback: (value) => tick(value) }, border: { display: false } },
    },
  };
}
