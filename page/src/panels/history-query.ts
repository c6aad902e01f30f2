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
  'asked_for_person',
  'unanswered',
  'fallback',
  'outcome',
  'tag',
  'test',
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

/** The query of an export of these calls. */
export const selectionQuery = (ids: readonly string[]): string =>
  new URLSearchParams({ ids: ids.join(',') }).toString();

/** Tags as they are written, with commas between them; each once. */
export const readTags = (written: string): string[] => [
  ...new Set(
    written
      .split(',')
      .map((tag) => tag.trim().replace(/\s+/g, ' '))
      .filter(Boolean),
  ),
];

const WHY: Record<string, string> = {
  not_known: 'not known to the agent',
  engine_failed: 'an engine failed',
  asked_for_person: 'asked for a person',
};

/** Why a question has no answer. */
export const whyWords = (why: string): string => WHY[why] ?? why.replaceAll('_', ' ');

/** From when on questions are listed. */
export const SINCE = [
  { name: 'day', words: 'in the last 24 hours', days: 1 },
  { name: 'week', words: 'in the last 7 days', days: 7 },
  { name: 'month', words: 'in the last 30 days', days: 30 },
  { name: 'all', words: 'at any time', days: 0 },
] as const;

/** Which of these an address names. */
export const sinceOf = (query: Readonly<Record<string, string>>): (typeof SINCE)[number]['name'] =>
  SINCE.find(({ name }) => name === query.since)?.name ?? 'month';

/** What is asked of the questions without an answer; `now` in seconds since 1970. */
export function unansweredQuery(query: Readonly<Record<string, string>>, now: number): string {
  const days = SINCE.find(({ name }) => name === sinceOf(query))?.days ?? 0;
  const asked = new URLSearchParams({ limit: '200' });
  if (query.why && query.why in WHY) asked.set('why', query.why);
  if (days > 0) asked.set('since', String(Math.floor(now - days * DAY)));
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
