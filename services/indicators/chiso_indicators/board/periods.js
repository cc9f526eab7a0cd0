// Period codes: which kind they are and which is newer. The calendar's dates are the service's business.

const KINDS = [
  [/^(\d{4})-(\d{2})$/, "month", 1, 1],
  [/^(\d{4})-Q([1-4])$/, "quarter", 3, 3],
  [/^(\d{4})-H([12])$/, "half", 6, 6],
  [/^(\d{4})-(9)M$/, "nine_months", 1, 9],
  [/^(\d{4})$/, "year", 12, 12],
];

/** {frequency, end} of a code; `end` grows with the end of the period, in months. */
export function readPeriod(code) {
  for (const [pattern, frequency, monthsPerStep] of KINDS) {
    const match = pattern.exec(code);
    if (match) return { frequency, end: Number(match[1]) * 12 + Number(match[2] ?? 1) * monthsPerStep };
  }
  return { frequency: "unknown", end: 0 };
}

/** Newest first; of two that end together the shorter first. */
export function newestFirst(a, b) {
  const [one, other] = [readPeriod(a), readPeriod(b)];
  const length = (period) => KINDS.find((kind) => kind[1] === period.frequency)?.[3] ?? 0;
  return other.end - one.end || length(one) - length(other);
}

/** The codes to read for a choice: the one chosen, or the newest, with `count` in all of the same frequency. */
export function periodsFor(chosen, covered, count) {
  const sorted = [...new Set(covered)].sort(newestFirst);
  const frequency = chosen === "newest"
    ? (sorted.some((code) => readPeriod(code).frequency === "month") ? "month" : undefined)
    : readPeriod(chosen).frequency;
  const same = sorted.filter((code) => frequency === undefined || readPeriod(code).frequency === frequency);
  if (chosen === "newest") return same.slice(0, count);
  return [chosen, ...same.filter((code) => readPeriod(code).end < readPeriod(chosen).end)].slice(0, count);
}
