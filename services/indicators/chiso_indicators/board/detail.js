// The drill-down of one figure: its facts, trend, revisions with authors and reasons, units below, versions.

import { keyPath, read, readAll } from "./api.js";
import { trend } from "./chart.js";
import { h, table } from "./dom.js";
import { asPercent, figureOf, formatExact, formatFigure, formatInstant, isPercent } from "./exact.js";
import { completenessOf, finalityOf, keyOf } from "./grid.js";
import { newestFirst, readPeriod } from "./periods.js";
import { lang, nameOf, t } from "./texts.js";

const number = (text) => (text === null || text === undefined ? "" : formatExact(String(text), lang()));

/** Fills and shows the dialog for `key` (unit, indicator, calendar, period, basis). */
export async function showDetail(dialog, key, context) {
  const unit = context.units.get(key.unit);
  const indicator = context.indicators.get(key.indicator);
  const body = h("div", { class: "body" }, h("p", {}, t("loading")));
  dialog.dataset.key = keyOf(key);
  dialog.replaceChildren(
    h("header", {},
      h("div", {},
        h("h2", { id: "detail-title" }, `${nameOf(unit, key.unit)} · ${nameOf(indicator, key.indicator)}`),
        h("p", { class: "muted" }, `${key.indicator} · ${t(key.calendar)} · ${key.period} · ${t(key.basis)}`)),
      h("button", { type: "button", class: "close", onclick: () => dialog.close() }, t("close"))),
    body,
  );
  if (!dialog.open) dialog.showModal();
  try {
    const sections = await Promise.all([
      facts(key, indicator), history(key, indicator), revisions(key, indicator), below(key, indicator, unit, context),
      versions(key, indicator),
    ]);
    if (dialog.dataset.key === keyOf(key)) body.replaceChildren(...sections.flat().filter(Boolean));
  } catch (error) {
    body.replaceChildren(h("p", { class: "problem", role: "alert" }, t("failed", { reason: error.message })));
  }
}

async function facts(key, indicator) {
  const row = await read(keyPath("rollups", key));
  if (row === null) return h("p", {}, t("no_figure"));
  const percent = isPercent(indicator) ? " %" : "";
  const target = row.target && `${row.target.comparator === "le" ? "≤" : "≥"} ${number(row.target.value)}${percent}`;
  const entries = [
    ["value", formatFigure(figureOf(row), indicator, lang()) ?? t("no_figure")],
    ["source", t(row.value_source)],
    ["fraction", row.numerator !== null && row.denominator !== null && `${number(row.numerator)} / ${number(row.denominator)}`],
    ["reported", row.reported && `${formatFigure(row.reported, indicator, lang()) ?? ""} ${row.reported.as_of ?? ""}`],
    ["discrepancy", number(row.discrepancy)],
    ["not_aggregable", row.not_aggregable],
    ["target", target],
    ["attainment", row.attainment !== null && `${number(row.attainment)} %`],
    ["completeness", completenessOf(row)],
    ["on_time", row.timeliness !== null && `${number(row.n_on_time)} (${number(asPercent(String(row.timeliness)))} %)`],
    ["finality", `${t(finalityOf(row))} (${t(row.phase)})`],
    ["vintage", number(row.vintage)],
    ["version", number(row.version)],
    ["updated", formatInstant(row.updated_at, lang())],
  ];
  return h("dl", { class: "facts", "data-colour": row.status_colour },
    entries.filter(([, value]) => value).map(([name, value]) =>
      h("div", { "data-fact": name }, h("dt", {}, t(name)), h("dd", {}, value))));
}

async function history(key, indicator) {
  const rows = await readAll("v1/rollups", {
    unit: key.unit, indicator: key.indicator, calendar: key.calendar, basis: key.basis,
  });
  const frequency = readPeriod(key.period).frequency;
  const same = rows.filter((row) => readPeriod(row.period).frequency === frequency);
  same.sort((a, b) => newestFirst(b.period, a.period));
  if (same.length < 2) return null;
  return [h("h3", {}, t("trend")), trend(same.slice(-12), indicator, lang())];
}

async function revisions(key, indicator) {
  const cell = await read(keyPath("cells", key));
  const found = cell?.revisions ?? [];
  return [
    h("h3", {}, t("revisions")),
    found.length ? revisionTable(cell, indicator) : h("p", { class: "muted" }, t("no_revisions")),
  ];
}

function revisionTable(cell, indicator) {
  const wins = (one) =>
    cell.winner && one.submission_id === cell.winner.submission_id && one.revision === cell.winner.revision;
  return table(
    t("revisions"),
    ["revision", "value", "outcome", "agency", "submission", "accepted_at", "reason"].map((name) => t(name)),
    cell.revisions.map((one) => [
      number(one.revision),
      reportedText(one, indicator),
      h("span", {}, t(one.outcome), wins(one) && h("strong", {}, ` · ${t("counts")}`), one.late && ` · ${t("late")}`),
      one.agency,
      h("code", {}, one.submission_id),
      formatInstant(one.accepted_at, lang()),
      one.reason ?? "",
    ]),
  );
}

/** What one revision said: a fraction, a figure with its date, a withdrawal, or "not applicable". */
function reportedText(one, indicator) {
  if (one.op === "withdraw") return t("withdraw");
  if (one.status === "NA") return t("NA");
  const parts = [];
  if (one.numerator !== null && one.numerator !== undefined) parts.push(`${number(one.numerator)} / ${number(one.denominator)}`);
  const figure = formatFigure(one, indicator, lang());
  if (figure) parts.push(figure);
  if (one.as_of) parts.push(`(${one.as_of})`);
  return parts.join(" ");
}

async function below(key, indicator, unit, context) {
  if (unit?.level !== "province" && unit?.level !== "nation") return null;
  const rows = unit.level === "nation" ? await provincesBelow(key, indicator, context) : await unitsBelow(key, indicator, context);
  return [
    h("h3", {}, t("below")),
    rows.length
      ? table(t("below"), ["code", "unit_below", "value", "show"].map((name) => t(name)), rows)
      : h("p", { class: "muted" }, t("no_below")),
  ];
}

async function provincesBelow(key, indicator, context) {
  const rows = await readAll("v1/rollups", { ...keyFilter(key), level: "province" });
  return rows.map((row) => [
    row.unit,
    nameOf(context.units.get(row.unit), row.unit),
    formatFigure(figureOf(row), indicator, lang()) ?? t("no_figure"),
    h("button", { type: "button", onclick: () => context.open(row) }, t("show")),
  ]);
}

async function unitsBelow(key, indicator, context) {
  const units = (await readAll("v1/units", { parent: key.unit })).filter((one) => one.parent === key.unit);
  if (units.length === 0) return [];
  const names = new Map(units.map((one) => [one.code, one]));
  const [cells, missing] = await Promise.all([
    readAll("v1/cells", { ...keyFilter(key), unit: [...names.keys()] }),
    readAll("v1/missing", { unit: key.unit, indicator: key.indicator, calendar: key.calendar, period: key.period }),
  ]);
  const reported = cells.map((cell) => [
    cell.unit, nameOf(names.get(cell.unit), cell.unit),
    reportedText(cell.winner ?? cell, indicator),
    h("button", { type: "button", onclick: () => context.open({ ...key, unit: cell.unit }, names.get(cell.unit)) }, t("show")),
  ]);
  const absent = missing
    .filter((one) => names.has(one.unit))
    .map((one) => [one.unit, nameOf(names.get(one.unit), one.unit), h("em", {}, t("missing")), ""]);
  return [...reported, ...absent];
}

const keyFilter = (key) => ({ indicator: key.indicator, calendar: key.calendar, period: key.period, basis: key.basis });

async function versions(key, indicator) {
  const found = await read(keyPath("rollups", key), { history: "true" });
  if (!found?.items?.length) return null;
  return [
    h("h3", {}, t("history")),
    table(
      t("history"),
      ["version", "vintage", "phase", "value", "completeness", "causes", "valid_from"].map((name) => t(name)),
      found.items.map((row) => [
        number(row.version), number(row.vintage), t(row.phase),
        formatFigure(figureOf(row), indicator, lang()) ?? t("no_figure"),
        completenessOf(row), row.causes.map((cause) => t(cause)).join(", "),
        formatInstant(row.valid_from ?? row.updated_at, lang()),
      ]),
    ),
  ];
}
