/** Where on the page one is: `#/history/ID?t=12`. Each view and each call has an address, so Back and links work. */

import { createSignal } from 'solid-js';

export const VIEWS = [
  'call',
  'engines',
  'services',
  'machine',
  'calls',
  'charts',
  'history',
  'unanswered',
  'agent',
  'rehearsals',
  'settings',
] as const;
export type View = (typeof VIEWS)[number];

export interface Route {
  readonly view: View;
  /** A call's id, where one is open. */
  readonly id: string;
  readonly query: Readonly<Record<string, string>>;
}

const DASHBOARD: View = 'engines'; // shown for the dashboard where no view of it is named

/** Read an address, with or without its `#`. What is not known leads to the call. */
export function readRoute(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#?\/?/, '').split('?', 2);
  const [name = '', id = ''] = path.split('/', 2);
  const view = name === 'dashboard' ? DASHBOARD : (VIEWS.find((one) => one === name) ?? 'call');
  return { view, id: decoded(id), query: Object.fromEntries(new URLSearchParams(query)) };
}

/** The address of a view. What is empty is left out. */
export function address(view: View, id = '', query: Record<string, string | number> = {}): string {
  const path = `#/${view === 'call' ? '' : view}${id && `/${encodeURIComponent(id)}`}`;
  const told = Object.entries(query).filter(([, value]) => value !== '');
  const asked = new URLSearchParams(told.map(([name, value]) => [name, String(value)])).toString();
  return asked ? `${path}?${asked}` : path;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return '';
  }
}

const [route, setRoute] = createSignal(readRoute(globalThis.location?.hash ?? ''));
globalThis.addEventListener?.('hashchange', () => setRoute(readRoute(location.hash)));

/** Where one is. */
export { route };

/** Go there; Back leads here again. */
export function go(to: string): void {
  location.hash = to;
}

/** Go there in place of here, as for a filter that is being typed: Back does not lead through every letter. */
export function replaceRoute(to: string): void {
  history.replaceState(null, '', to);
  setRoute(readRoute(to));
}
