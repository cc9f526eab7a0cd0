// Small line charts as SVG. Only here may a number become a float: as a position in pixels.

import { figureOf, formatFigure } from "./exact.js";
import { h, svg } from "./dom.js";
import { readPeriod } from "./periods.js";
import { t } from "./texts.js";

function points(rows, width, height, pad) {
  const known = rows
    .map((row) => ({ row, end: readPeriod(row.period).end, y: Number(figureOf(row).value ?? NaN) }))
    .filter((point) => Number.isFinite(point.y));
  if (known.length === 0) return [];
  const lowest = Math.min(...known.map((point) => point.y));
  const span = Math.max(...known.map((point) => point.y)) - lowest || 1;
  const first = known[0].end;
  const months = known.at(-1).end - first;
  return known.map(({ row, end, y }) => ({
    row,
    end,
    x: months ? pad + ((end - first) / months) * (width - 2 * pad) : width / 2,
    y: height - pad - ((y - lowest) / span) * (height - 2 * pad),
  }));
}

/** Lines between neighbouring periods only: over a missing period nothing is drawn. */
function lines(list) {
  const steps = list.slice(1).map((point, index) => point.end - list[index].end);
  const step = Math.min(...steps);
  const parts = [[]];
  list.forEach((point, index) => {
    if (index > 0 && steps[index - 1] > step) parts.push([]);
    parts.at(-1).push(`${point.x.toFixed(1)},${point.y.toFixed(1)}`);
  });
  return parts.filter((part) => part.length > 1).map((part) => svg("polyline", { points: part.join(" ") }));
}

/** The trend in a cell: decoration for the eye, the numbers are in the detail. Oldest row first. */
export function sparkline(rows) {
  const [width, height] = [72, 16];
  const list = points(rows, width, height, 2.5);
  const last = list.at(-1);
  return svg(
    "svg",
    { class: "spark", viewBox: `0 0 ${width} ${height}`, width, height, "aria-hidden": "true" },
    lines(list),
    last && svg("circle", { cx: last.x.toFixed(1), cy: last.y.toFixed(1), r: 2 }),
  );
}

/** The trend of one key with its periods and figures; oldest row first. */
export function trend(rows, indicator, lang) {
  const [width, height, pad] = [640, 150, 36];
  const list = points(rows, width, height, pad);
  const label = list
    .map(({ row }) => `${row.period}: ${formatFigure(figureOf(row), indicator, lang)}`)
    .join("; ");
  return h(
    "figure",
    { class: "trend" },
    svg(
      "svg",
      { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label || t("no_figure") },
      lines(list),
      list.map(({ row, x, y }) => [
        svg("circle", { cx: x.toFixed(1), cy: y.toFixed(1), r: 4, "data-colour": row.status_colour }),
        svg("text", { x: x.toFixed(1), y: (y - 9).toFixed(1) }, formatFigure(figureOf(row), indicator, lang)),
        svg("text", { x: x.toFixed(1), y: height - 6, class: "axis" }, row.period),
      ]),
    ),
    h("figcaption", { class: "muted" }, t("trend_note")),
  );
}
