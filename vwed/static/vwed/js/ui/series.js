// Which lines a chart shows when there are more than anybody can tell apart.
const SERIES = 6;

// At most six series: five and the rest together. Who has a series keeps it as long as it lives; the largest follow.
export function top(chart, rows, texts) {
  if (rows.length <= SERIES) return rows;
  const alive = new Set(rows.map((row) => row[0]));
  const shown = new Set([...chart.series.keys()].filter((name) => alive.has(name)).slice(0, SERIES - 1));
  for (const [name] of [...rows].sort((a, b) => b[2] - a[2])) if (shown.size < SERIES - 1) shown.add(name);
  const rest = rows.filter((row) => !shown.has(row[0]));
  const sum = rest.reduce((total, row) => total + row[2], 0);
  return [...rows.filter((row) => shown.has(row[0])), ["…", `${texts.others} (${rest.length})`, sum]];
}

// The same for lines of the past, the largest first: [{name, label, points: [[ms, mean, least, most]]}].
export function topLines(lines, texts) {
  if (lines.length <= SERIES) return lines;
  const rest = lines.slice(SERIES - 1);
  const points = rest[0].points.map(([at], index) => {
    const known = rest.map((line) => line.points[index][1]).filter((mean) => mean !== null);
    return [at, known.length ? known.reduce((sum, mean) => sum + mean, 0) : null];
  });
  return [...lines.slice(0, SERIES - 1), { name: "…", label: `${texts.others} (${rest.length})`, points }];
}
