/** What the next call names. Kept in this browser; empty means: as the gateway is set. */

import { createSignal } from 'solid-js';
import type { FirstMessage } from './schema';

const KEPT = 'lineside choices';
const LONGEST = 20_000; // characters of a prompt; the gateway takes no more

export const PROFILES = ['', 'fast', 'balanced', 'patient', 'digits', 'silence'] as const;
export const BANDS = ['wide', 'telephone'] as const;

export interface Choices {
  readonly stt: string;
  readonly llm: string;
  readonly llmModel: string;
  readonly tts: string;
  readonly voice: string;
  /** Telephone: 8 kHz μ-law, as a real phone would send it. */
  readonly band: (typeof BANDS)[number];
  readonly profile: (typeof PROFILES)[number];
  /** null: the agent's own. */
  readonly systemPrompt: string | null;
  /** null: the agent's own; empty: none. */
  readonly greeting: string | null;
}

export const asSet: Choices = {
  stt: '',
  llm: '',
  llmModel: '',
  tts: '',
  voice: '',
  band: 'wide',
  profile: '',
  systemPrompt: null,
  greeting: null,
};

/** Choices as they were kept; whatever cannot be read is as set. */
export function readChoices(raw: string | null): Choices {
  let kept: Partial<Record<keyof Choices, unknown>>;
  try {
    kept = Object(JSON.parse(raw ?? '{}'));
  } catch {
    return asSet;
  }
  const text = (value: unknown): string => (typeof value === 'string' ? value.slice(0, 200) : '');
  const long = (value: unknown): string | null =>
    typeof value === 'string' ? value.slice(0, LONGEST) : null;
  return {
    stt: text(kept.stt),
    llm: text(kept.llm),
    llmModel: text(kept.llmModel),
    tts: text(kept.tts),
    voice: text(kept.voice),
    band: BANDS.find((band) => band === kept.band) ?? 'wide',
    profile: PROFILES.find((profile) => profile === kept.profile) ?? '',
    systemPrompt: long(kept.systemPrompt),
    greeting: long(kept.greeting),
  };
}

/** The choices after some are made. A model belongs to its engine, a voice to its own. */
export function chosen(before: Choices, part: Partial<Choices>): Choices {
  const now = { ...before, ...part };
  if (now.llm !== before.llm && part.llmModel === undefined) now.llmModel = '';
  if (now.tts !== before.tts && part.voice === undefined) now.voice = '';
  return now;
}

/** What the first message of a call says of them; what is as set is left out. */
export function named(choices: Choices): Partial<FirstMessage> {
  return {
    ...(choices.stt && { stt_engine: choices.stt }),
    ...(choices.llm && { llm_engine: choices.llm }),
    ...(choices.llmModel && { llm_model: choices.llmModel }),
    ...(choices.tts && { tts_engine: choices.tts }),
    ...(choices.voice && { tts_voice: choices.voice }),
    ...(choices.profile && { turn_profile: choices.profile }),
    ...(choices.systemPrompt !== null && { system_prompt: choices.systemPrompt }),
    ...(choices.greeting !== null && { greeting: choices.greeting }),
  };
}

const [choices, setChoices] = createSignal(readChoices(globalThis.localStorage?.getItem(KEPT) ?? null));

/** The choices as they stand. */
export { choices };

/** Choose, and keep it. */
export function choose(part: Partial<Choices>): void {
  setChoices((before) => chosen(before, part));
  globalThis.localStorage?.setItem(KEPT, JSON.stringify(choices()));
}
