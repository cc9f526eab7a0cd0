// Exact decimals: numbers of the API stay text, digit for digit, and are only dressed for a language.
// Nothing here may turn an indicator's number into a binary float.

const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** JSON in which every number is given as the text it was delivered with. */
export function parseExact(text) {
  return JSON.parse(text.replace(TOKEN, (token) => (token[0] === '"' ? token : `"${token}"`)));
}

const SIGNS = { eq: "", gt: "> ", ge: "≥ ", lt: "< ", le: "≤ ", approx: "≈ " };
const SEPARATORS = { vi: [".", ","], en: [",", "."] };

/** "1234567.50" → "1.234.567,50" (vi) or "1,234,567.50" (en); every delivered digit is kept. */
export function formatExact(text, lang) {
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text);
  if (!match) return text;
  const [group, point] = SEPARATORS[lang] ?? SEPARATORS.en;
  const [, sign, whole, fraction] = match;
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, group);
  return (sign ? "−" : "") + grouped + (fraction === undefined ? "" : point + fraction);
}

/** A ratio between 0 and 1 as a percentage, by moving the point: "0.9479" → "94.79". */
export function asPercent(text) {
  const match = /^(\d+)(?:\.(\d+))?$/.exec(text);
  if (!match) return text;
  const digits = match[1] + (match[2] ?? "").padEnd(2, "0");
  const cut = match[1].length + 2;
  const whole = digits.slice(0, cut).replace(/^0+(?=\d)/, "");
  const fraction = digits.slice(cut).replace(/0+$/, "");
  return fraction ? `${whole}.${fraction}` : whole;
}

/** The figure with its qualifier and unit: "> 74 %", "98–99 %". `figure` has value, qualifier, value_high. */
export function formatFigure(figure, indicator, lang) {
  if (figure.value === null || figure.value === undefined) return null;
  const unit = isPercent(indicator) ? " %" : "";
  const low = formatExact(figure.value, lang);
  if (figure.qualifier === "range" && figure.value_high) {
    return `${low}–${formatExact(figure.value_high, lang)}${unit}`;
  }
  return (SIGNS[figure.qualifier ?? "eq"] ?? "") + low + unit;
}

/** True for rates that are shown per hundred. */
export function isPercent(indicator) {
  return Boolean(indicator) && /^ratio/.test(indicator.kind) && String(indicator.factor) === "100";
}

/** The row's own figure: the computed value, or the reported one with its qualifier. */
export function figureOf(row) {
  if (row.value_source === "computed") return { value: row.value, qualifier: "eq" };
  if (row.reported) return row.reported;
  return { value: row.value, qualifier: "eq" };
}

/** An instant in the country's own time. */
export function formatInstant(text, lang) {
  if (!text) return "";
  return new Intl.DateTimeFormat(lang === "vi" ? "vi-VN" : "en-GB", {
    dateStyle: "medium",
    timeStyle: "medium",
    timeZone: "Asia/Ho_Chi_Minh",
  }).format(new Date(text));
}
