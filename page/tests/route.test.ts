import { expect, test } from 'vitest';
import { address, readRoute } from '../src/route';

test.each([
  ['', 'call', '', {}],
  ['#/', 'call', '', {}],
  ['#/dashboard', 'engines', '', {}],
  ['#/history', 'history', '', {}],
  ['#/history/ab%2Fc?t=12&search=a%20b', 'history', 'ab/c', { t: '12', search: 'a b' }],
  ['#/nowhere/at/all', 'call', 'at', {}],
  ['#/calls/%', 'calls', '', {}],
])('the address %j leads to %s', (hash, view, id, query) => {
  expect(readRoute(hash)).toEqual({ view, id, query });
});

test('an address leads where it says', () => {
  expect(address('call')).toBe('#/');
  expect(address('history', 'ab/c', { t: 12, search: '' })).toBe('#/history/ab%2Fc?t=12');
  expect(readRoute(address('history', 'ab/c', { t: 12 }))).toMatchObject({ id: 'ab/c', query: { t: '12' } });
});
