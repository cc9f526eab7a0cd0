// The table of provinces by indicator: one cell per figure, with colour, completeness and finality beside it.

import { sparkline } from "./chart.js";
import { h } from "./dom.js";
import { asPercent, figureOf, formatExact, formatFigure } from "./exact.js";
import { newestFirst } from "./periods.js";
import { lang, nameOf, t } from "./texts.js";

const SHAPES = { green: "●", yellow: "◆", red: "▼", grey: "○" };
const BASES = ["in_period", "ytd", "as_of", "unstated"];

/** provisional until closed; then final, or restated once it changed after the close. */
export function finalityOf(row) {
  if (row.phase !== "closed") return "provisional";
  return Number(row.vintage) > 1 ? "restated" : "final";
}

/** "91/96 units (94,79 %)", or that nobody is obliged to report. */
export function completenessOf(row) {
  if (row.completeness === null || row.completeness === undefined) return t("no_obligation");
  const counts = t("reported_of", {
    n: formatExact(String(row.n_reported), lang()),
    m: formatExact(String(row.n_expected), lang()),
  });
  return `${counts} (${formatExact(asPercent(row.completeness), lang())} %)`;
}

/** Which row a cell shows: newest first, one with a figure before one without, then by basis. */
function best(rows) {
  const hasFigure = (row) => (figureOf(row).value === null ? 1 : 0);
  return [...rows].sort(
    (a, b) =>
      hasFigure(a) - hasFigure(b) ||
      newestFirst(a.period, b.period) ||
      BASES.indexOf(a.basis) - BASES.indexOf(b.basis),
  )[0];
}

function byCell(rollups) {
  const cells = new Map();
  for (const row of rollups) {
    const key = `${row.unit}|${row.indicator}`;
    if (!cells.has(key)) cells.set(key, []);
    cells.get(key).push(row);
  }
  return cells;
}

/** Draws the table. `shown(row)` says whether a row may stand in a cell; the others only draw its trend. */
export function drawGrid(table, { units, indicators, rollups, shown, firing, open }) {
  const cells = byCell(rollups);
  const filled = indicators.filter((one) => units.some((unit) => cells.has(`${unit.code}|${one.code}`)));
  const columns = filled.length ? filled : indicators;
  let figures = 0;
  const body = units.map((unit) =>
    h(
      "tr",
      { "data-unit": unit.code, "data-level": unit.level },
      h("th", { scope: "row" }, nameOf(unit, unit.code), h("span", { class: "code" }, unit.code)),
      columns.map((indicator) => {
        const rows = cells.get(`${unit.code}|${indicator.code}`) ?? [];
        const row = best(rows.filter(shown));
        if (!row) return h("td", { class: "empty" }, h("span", { "aria-label": t("no_figure") }, "·"));
        figures += 1;
        return drawCell(unit, indicator, row, rows, firing, open);
      }),
    ),
  );
  table.replaceChildren(h("caption", {}, t("table_region")), drawHead(columns), h("tbody", {}, body));
  const first = table.querySelector("button.cell");
  if (first) first.tabIndex = 0;
  return figures;
}

function drawHead(columns) {
  const heading = (indicator) =>
    h("th", { scope: "col" }, nameOf(indicator, indicator.code), h("span", { class: "code" }, indicator.code));
  return h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t("unit")), columns.map(heading)));
}

function drawCell(unit, indicator, row, rows, firing, open) {
  const figure = formatFigure(figureOf(row), indicator, lang()) ?? t("no_figure");
  const finality = finalityOf(row);
  const alerts = firing.get(keyOf(row)) ?? [];
  const worst = alerts.map((alert) => alert.severity)[0];
  const trend = rows.filter((one) => one.basis === row.basis && one.calendar === row.calendar);
  trend.sort((a, b) => newestFirst(b.period, a.period));
  const label = [
    `${nameOf(unit, unit.code)}, ${nameOf(indicator, indicator.code)}: ${figure}`,
    t(row.status_colour), `${t("completeness")} ${completenessOf(row)}`, t(finality),
    `${row.period}, ${t(row.basis)}`, worst && `${t("alerts")}: ${t(worst)}`,
  ].filter(Boolean).join("; ");
  return h(
    "td",
    { "data-colour": row.status_colour, "data-finality": finality },
    h(
      "button",
      { type: "button", class: "cell", tabindex: -1, "aria-label": label, "data-key": keyOf(row), onclick: () => open(row) },
      h("span", { class: "figure" },
        h("span", { class: "shape" }, SHAPES[row.status_colour]), " ", figure,
        worst && h("span", { class: "bell", "data-severity": worst }, " ⚠")),
      sparkline(trend),
      h("span", { class: "beside" }, completenessOf(row)),
      h("span", { class: "beside" }, h("span", { class: "badge" }, t(finality)), ` ${row.period}`),
      h("span", { class: "beside" }, t(row.basis)),
    ),
  );
}

/** `unit|indicator|calendar|period|basis` */
export const keyOf = (row) => [row.unit, row.indicator, row.calendar, row.period, row.basis].join("|");

/** Arrow keys walk over the figures; Tab enters and leaves the table once. */
export function walkByKeyboard(table) {
  table.addEventListener("keydown", (event) => {
    const cell = event.target.closest?.("td");
    const step = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[event.key];
    if (!cell || !step) return;
    event.preventDefault();
    let [line, column] = [cell.parentElement.rowIndex, cell.cellIndex];
    for (;;) {
      line += step[0];
      column += step[1];
      const next = table.rows[line]?.cells[column];
      if (!next) return;
      const button = next.querySelector("button.cell");
      if (!button) continue;
      event.target.tabIndex = -1;
      button.tabIndex = 0;
      button.focus();
      return;
    }
  });
}

/** What the colours mean, in words and shapes. */
export function drawLegend(list) {
  const entries = Object.entries(SHAPES).map(([colour, shape]) =>
    h("li", { "data-colour": colour }, h("span", { class: "shape" }, shape), ` ${t(colour)}`),
  );
  list.replaceChildren(...entries);
}
