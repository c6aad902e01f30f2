/** Who really answered a turn, as pure functions. */

import { engineWords } from './format';
import type { AnsweredBy } from './schema';

export type Answered = Readonly<Record<string, AnsweredBy>>;

const ROLES = ['stt', 'llm', 'tts'] as const;
const DID: Record<string, string> = { stt: 'transcribed', llm: 'answered', tts: 'spoke' };
const WHY: Record<string, string> = {
  'too slow': 'was too slow',
  failed: 'failed',
  busy: 'was busy',
  'not running': 'is not running',
  'not downloaded': 'is not downloaded',
  'no key': 'has no valid key',
};

/** The models, in the order of a turn: faster-whisper-base → qwen3-1.7b → en_US-joe-medium. */
export function modelsOf(engines: Answered): string {
  return ROLES.map((role) => engines[role]?.model || engines[role]?.engine)
    .filter(Boolean)
    .join(' → ');
}

/** Which engines stood in for others, and why: "kokoro was too slow, en_US-joe-medium spoke". Empty: none did. */
export function fallbacksOf(engines: Answered): string {
  const said = ROLES.flatMap((role) => {
    const by = engines[role];
    return by?.why ? [fallbackWords(by, DID[role])] : [];
  });
  return said.join('; ');
}

/** That one stood in for another, and why: "kokoro was too slow, en_US-joe-medium answered". */
export const fallbackWords = (by: AnsweredBy, did = 'answered'): string =>
  `${by.instead_of} ${WHY[by.why] ?? by.why}, ${by.model || by.engine} ${did}`;

/** The models of a call that answered or, before anybody has, the engines that it was to have. */
export function enginesOf(answered: Answered, asked: readonly (string | undefined)[]): string {
  return modelsOf(answered) || asked.flatMap((name) => (name ? [engineWords(name)] : [])).join(' → ');
}
