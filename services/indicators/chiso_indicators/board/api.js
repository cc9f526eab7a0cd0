// Reads the two services. Answers come with exact numbers as text; failures are thrown with one sentence.

import { parseExact } from "./exact.js";

const PAGE_LIMIT = 10000;
const TIMEOUT_MS = 15000;

export class Unreadable extends Error {}

/** GET `url` with `parameters` (a list repeats the name); null for 404. */
export async function read(url, parameters = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined && one !== null && one !== "") query.append(name, one);
    }
  }
  const address = query.size ? `${url}?${query}` : url;
  let answer;
  try {
    answer = await fetch(address, {
      headers: { accept: "application/json" },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch (error) {
    throw new Unreadable(`${url}: ${error.message}`);
  }
  if (answer.status === 404) return null;
  if (!answer.ok) throw new Unreadable(`${url}: ${answer.status} ${answer.statusText}`);
  return parseExact(await answer.text());
}

/** Every item of a list, page by page. */
export async function readAll(url, parameters = {}) {
  const items = [];
  let cursor = null;
  do {
    const page = await read(url, { ...parameters, limit: PAGE_LIMIT, cursor });
    if (page === null) return items;
    items.push(...page.items);
    cursor = page.next_cursor ?? null;
  } while (cursor);
  return items;
}

/** The path of one key: rollups or cells. */
export function keyPath(kind, key) {
  const parts = [key.unit, key.indicator, key.calendar, key.period, key.basis];
  return `v1/${kind}/${parts.map(encodeURIComponent).join("/")}`;
}
