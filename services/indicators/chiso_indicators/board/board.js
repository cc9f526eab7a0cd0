// The page: holds what is chosen (in the address, so that a view can be passed on), reads, draws, refreshes.

import { byKey, drawAlerts, readFiring } from "./alerts.js";
import { read, readAll } from "./api.js";
import { showDetail } from "./detail.js";
import { h } from "./dom.js";
import { formatInstant } from "./exact.js";
import { drawGrid, drawLegend, walkByKeyboard } from "./grid.js";
import { newestFirst, periodsFor } from "./periods.js";
import { familyName, lang, nameOf, setLang, t } from "./texts.js";

const REFRESH_MS = 15000;
const TREND_PERIODS = 6;
const CALENDARS = ["administrative", "statistical"];
const BASES = ["any", "in_period", "ytd", "as_of", "unstated"];
const CHOICES = ["calendar", "period", "basis", "family"];

const find = (selector) => document.querySelector(selector);
const chosen = {};
const context = { units: new Map(), indicators: new Map(), open: null };
let config = { coverage: [] };

async function start() {
  const address = new URLSearchParams(location.search);
  setLang(address.get("lang") ?? remembered() ?? (navigator.language.startsWith("vi") ? "vi" : "en"));
  for (const name of CHOICES) chosen[name] = address.get(name);
  wire();
  translate();
  say(t("loading"));
  await readCatalogue();
  await refresh();
  setInterval(() => document.visibilityState === "visible" && !find("#detail").open && refresh(), REFRESH_MS);
}

async function readCatalogue() {
  const [nation, provinces, indicators] = await Promise.all([
    readAll("v1/units", { level: "nation" }),
    readAll("v1/units", { level: "province" }),
    readAll("v1/indicators"),
  ]);
  for (const unit of [...nation, ...provinces]) {
    if ((unit.level === "province" || unit.level === "nation") && !unit.valid_to) context.units.set(unit.code, unit);
  }
  for (const indicator of indicators) context.indicators.set(indicator.code, indicator);
}

/** Puts every choice at something that exists: what was asked for, else where most figures are. */
function fitChoices() {
  const rows = (calendar) =>
    config.coverage.filter((one) => one.calendar === calendar).reduce((sum, one) => sum + Number(one.rows), 0);
  if (!CALENDARS.includes(chosen.calendar)) {
    chosen.calendar = rows("administrative") >= rows("statistical") ? "administrative" : "statistical";
  }
  if (!BASES.includes(chosen.basis)) chosen.basis = "any";
  chosen.period = chosen.period || "newest";
  chosen.family = chosen.family || "all";
}

function covered() {
  const fits = (one) => one.calendar === chosen.calendar && (chosen.basis === "any" || one.basis === chosen.basis);
  return [...new Set(config.coverage.filter(fits).map((one) => one.period))].sort(newestFirst);
}

async function refresh() {
  try {
    config = (await read("board/config.json")) ?? config;
    fitChoices();
    drawControls();
    const indicators = [...context.indicators.values()]
      .filter((one) => chosen.family === "all" || one.family === chosen.family);
    const periods = periodsFor(chosen.period, covered(), TREND_PERIODS);
    const [rollups, firing] = await Promise.all([
      periods.length ? readRollups(indicators, periods) : [],
      readFiring(config.alerts_url ?? `${location.protocol}//${location.hostname}:${config.alerts_port ?? 8103}`),
    ]);
    draw(indicators, rollups, firing);
  } catch (error) {
    say(t("failed", { reason: error.message }), true);
  }
}

function readRollups(indicators, period) {
  return readAll("v1/rollups", {
    level: ["nation", "province"], calendar: chosen.calendar, period,
    basis: chosen.basis === "any" ? null : chosen.basis,
    indicator: chosen.family === "all" ? null : indicators.map((one) => one.code),
  });
}

function draw(indicators, rollups, firing) {
  const focused = document.activeElement?.dataset?.key;
  const figures = drawGrid(find("#grid"), {
    units: [...context.units.values()], indicators, rollups, firing: byKey(firing), open: context.open,
    shown: (row) => chosen.period === "newest" || row.period === chosen.period,
  });
  drawLegend(find("#legend"));
  drawAlerts(find("#alerts"), firing, context);
  if (focused) find(`button.cell[data-key="${CSS.escape(focused)}"]`)?.focus();
  const time = formatInstant(new Date().toISOString(), lang());
  say(figures ? t("shown", { n: figures, m: new Set(rollups.map((row) => row.unit)).size, time }) : t("nothing"));
  document.body.dataset.drawn = String(Number(document.body.dataset.drawn ?? 0) + 1);
}

function drawControls() {
  const families = [...new Set([...context.indicators.values()].map((one) => one.family))];
  const periods = covered();
  if (chosen.period !== "newest" && !periods.includes(chosen.period)) periods.unshift(chosen.period);
  const options = {
    calendar: CALENDARS.map((one) => [one, t(one)]),
    period: [["newest", t("newest")], ...periods.map((one) => [one, one])],
    basis: BASES.map((one) => [one, t(one)]),
    family: [["all", t("all")], ...families.map((one) => [one, familyName(one)])],
  };
  for (const [name, entries] of Object.entries(options)) {
    const select = find(`select[name=${name}]`);
    select.replaceChildren(...entries.map(([value, text]) => h("option", { value, selected: value === chosen[name] }, text)));
    select.value = chosen[name];
  }
}

function wire() {
  context.open = (key, unit) => {
    if (unit && !context.units.has(unit.code)) unit = { ...unit };
    const units = unit ? new Map([...context.units, [unit.code, unit]]) : context.units;
    return showDetail(find("#detail"), key, { ...context, units });
  };
  find(".controls").addEventListener("submit", (event) => { event.preventDefault(); refresh(); });
  find(".controls").addEventListener("change", (event) => {
    chosen[event.target.name] = event.target.value;
    if (event.target.name === "calendar") chosen.period = "newest";
    remember();
    refresh();
  });
  for (const button of document.querySelectorAll("[data-lang]")) {
    button.addEventListener("click", () => { setLang(button.dataset.lang); remember(); translate(); refresh(); });
  }
  walkByKeyboard(find("#grid"));
}

function translate() {
  document.documentElement.lang = lang();
  document.title = t("title");
  for (const element of document.querySelectorAll("[data-text]")) element.textContent = t(element.dataset.text);
  for (const element of document.querySelectorAll("[data-label]")) element.setAttribute("aria-label", t(element.dataset.label));
  for (const button of document.querySelectorAll("[data-lang]")) {
    button.setAttribute("aria-pressed", String(button.dataset.lang === lang()));
  }
}

function remembered() {
  try { return localStorage.getItem("chiso.lang"); } catch { return null; }
}

function remember() {
  const address = new URLSearchParams({ lang: lang() });
  for (const name of CHOICES) if (chosen[name]) address.set(name, chosen[name]);
  window.history.replaceState(null, "", `?${address}`);
  try { localStorage.setItem("chiso.lang", lang()); } catch { /* a reader may forbid it */ }
}

function say(text, problem = false) {
  const notice = find("#notice");
  notice.textContent = text;
  notice.classList.toggle("problem", problem);
}

start().catch((error) => say(t("failed", { reason: error.message }), true));
