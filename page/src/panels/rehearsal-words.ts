/** What a rehearsal says. Pure. */

import type { RehearsalFault, RehearsalStatus } from '../schema';

const STATES: Record<RehearsalStatus['state'], string> = {
  idle: '',
  running: 'Running',
  done: 'Finished',
  cancelled: 'Cancelled',
  failed: 'Failed',
};

/** How far it is, and how many calls passed. */
export function rehearsalWords({ state, results, total }: RehearsalStatus): string {
  const calls = results.reduce((sum, one) => sum + one.runs, 0);
  const passed = results.reduce((sum, one) => sum + one.passed, 0);
  const far = state === 'done' ? `${total}` : `${results.length} of ${total}`;
  const share = calls > 0 ? ` (${Math.floor((100 * passed) / calls)} %)` : '';
  return `${STATES[state]}: ${far} ${total === 1 ? 'scenario' : 'scenarios'}, ${passed} of ${calls} calls passed${share}`;
}

const KINDS: Record<string, string> = {
  no_tool: 'Tool not called',
  twice: 'Tool called too often',
  forbidden_tool: 'Tool must not be called',
  wrong_slot: 'Wrong value',
  not_heard: 'Not said',
  forbidden_words: 'Must not be said',
  state: 'Back end differs',
  silence: 'Silence too long',
  loop: 'Too many turns',
  end: 'Ended otherwise',
  misheard: 'Misheard',
  no_answer: 'No answer',
  hung_up: 'Hung up',
  too_long: 'Too long',
  not_run: 'Not run',
};

/** What fell short in a call. */
export const faultWords = ({ kind, what }: RehearsalFault): string => `${KINDS[kind] ?? kind}: ${what}`;
