// Firing alerts beside the table, worst first. They come from another service: without it the table still stands.

import { readAll } from "./api.js";
import { h } from "./dom.js";
import { formatFigure, formatExact, formatInstant, isPercent } from "./exact.js";
import { keyOf } from "./grid.js";
import { lang, nameOf, t } from "./texts.js";

const SEVERITIES = ["critical", "warning", "info"];
const COMPARATORS = { ge: "≥", le: "≤" };

/** Every firing alert, worst first; null if the service cannot be read. */
export async function readFiring(base) {
  try {
    const items = await readAll(`${base}/v1/alerts`, { state: "FIRING" });
    return items.sort((a, b) => rank(a) - rank(b) || (a.period < b.period ? 1 : -1));
  } catch {
    return null;
  }
}

const rank = (alert) => {
  const place = SEVERITIES.indexOf(alert.severity);
  return place < 0 ? SEVERITIES.length : place;
};

/** Alerts by the key of their rollup. */
export function byKey(alerts) {
  const found = new Map();
  for (const alert of alerts ?? []) {
    const key = keyOf(alert);
    if (!found.has(key)) found.set(key, []);
    found.get(key).push(alert);
  }
  return found;
}

/** The list with a button for each alert, which opens its cell. */
export function drawAlerts(place, alerts, { units, indicators, open }) {
  if (alerts === null) return place.replaceChildren(h("p", { class: "muted" }, t("alerts_failed")));
  if (alerts.length === 0) return place.replaceChildren(h("p", { class: "muted" }, t("no_alerts")));
  const groups = SEVERITIES.map((severity) => [severity, alerts.filter((alert) => alert.severity === severity)]);
  return place.replaceChildren(
    ...groups.filter(([, list]) => list.length).map(([severity, list]) =>
      h("section", { "data-severity": severity },
        h("h3", {}, `${t(severity)} (${list.length})`),
        h("ul", {}, list.map((alert) => drawAlert(alert, units.get(alert.unit), indicators.get(alert.indicator), open)))),
    ),
  );
}

function drawAlert(alert, unit, indicator, open) {
  const figure = alert.reading && formatFigure(alert.reading, indicator, lang());
  const target = alert.target &&
    `${COMPARATORS[alert.target.comparator]} ${formatExact(alert.target.value, lang())}${isPercent(indicator) ? " %" : ""}`;
  return h("li", {},
    h("button", { type: "button", "data-alert": alert.alert_id, onclick: () => open(alert) },
      h("strong", {}, nameOf(unit, alert.unit)), ` · ${nameOf(indicator, alert.indicator)}`,
      h("span", { class: "beside" },
        [figure, target && `${t("target")} ${target}`, alert.period, t(alert.basis), t(alert.finality)]
          .filter(Boolean).join(" · ")),
      alert.opened_at && h("span", { class: "beside" }, t("since", { time: formatInstant(alert.opened_at, lang()) }))));
}
