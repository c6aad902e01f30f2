/** What is asked of the history, as it stands in the address of the page. Pure. */

export const FILTERS = [
  'search',
  'caller',
  'agent',
  'line',
  'reason',
  'from',
  'to',
  'shortest',
  'longest',
  'recorded',
  'slow_ms',
] as const;
export type Filter = (typeof FILTERS)[number];
export type Filters = Readonly<Partial<Record<Filter, string>>>;

const DAY = 86_400; // seconds

/** The filters of an address; what it says besides is no filter. */
export function filtersOf(query: Readonly<Record<string, string>>): Filters {
  return Object.fromEntries(FILTERS.flatMap((name) => (query[name] ? [[name, query[name]]] : [])));
}

/** The query of a page of calls; without `limit`, of an export. Days are those of this browser's clock. */
export function apiQuery(filters: Filters, before = '', limit = 0): string {
  const asked = new URLSearchParams();
  if (limit > 0) asked.set('limit', String(limit));
  if (before) asked.set('before', before);
  for (const name of FILTERS) {
    const value = filters[name];
    if (!value || name === 'from' || name === 'to') continue;
    asked.set(name, value);
  }
  const [since, until] = [dayAt(filters.from), dayAt(filters.to)];
  if (since !== null) asked.set('since', String(since));
  if (until !== null) asked.set('until', String(until + DAY));
  return asked.toString();
}

/** The first second of a day such as 2026-11-24; null where it is none. */
function dayAt(day: string | undefined): number | null {
  const at = day && /^\d{4}-\d{2}-\d{2}$/.test(day) ? new Date(`${day}T00:00:00`).getTime() : Number.NaN;
  return Number.isNaN(at) ? null : at / 1000;
}

/** Which of all calls a page shows. */
export function countWords(first: number, shown: number, total: number, narrowed: boolean): string {
  if (total === 0) return narrowed ? 'No matching calls.' : 'No calls are kept yet.';
  if (shown === 0) return `No more calls; ${total.toLocaleString('en')} in all.`;
  const all = total.toLocaleString('en');
  return `Calls ${(first + 1).toLocaleString('en')} to ${(first + shown).toLocaleString('en')} of ${all}`;
}
