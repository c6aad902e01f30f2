/** What the next call names. Kept in this browser; empty means: as the gateway is set. */

import { createSignal } from 'solid-js';
import { engineWords } from './format';
import type { FirstMessage } from './schema';

const KEPT = 'lineside choices';
const LONGEST = 20_000; // characters of a prompt; the gateway takes no more

export const PROFILES = ['', 'fast', 'balanced', 'patient', 'digits', 'silence'] as const;
export const BANDS = ['wide', 'telephone'] as const;
export const TRANSPORTS = ['websocket', 'webrtc'] as const;

export interface Choices {
  readonly stt: string;
  readonly llm: string;
  readonly llmModel: string;
  readonly tts: string;
  readonly voice: string;
  /** Telephone: 8 kHz μ-law, as a real phone would send it. */
  readonly band: (typeof BANDS)[number];
  readonly transport: (typeof TRANSPORTS)[number];
  readonly profile: (typeof PROFILES)[number];
  /** null: the agent's own. */
  readonly systemPrompt: string | null;
  /** null: the agent's own; empty: none. */
  readonly greeting: string | null;
  /** Whether the call's sound is kept; null: RECORD_CALLS. */
  readonly record: boolean | null;
  /** The caller's number, kept with the call. */
  readonly caller: string;
  /** A draft of the agent that answers test calls, for as long as this tab is not loaded anew. */
  readonly draft: string;
}

export const asSet: Choices = {
  stt: '',
  llm: '',
  llmModel: '',
  tts: '',
  voice: '',
  band: 'wide',
  transport: 'websocket',
  profile: '',
  systemPrompt: null,
  greeting: null,
  record: null,
  caller: '',
  draft: '',
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
    transport: TRANSPORTS.find((transport) => transport === kept.transport) ?? 'websocket',
    profile: PROFILES.find((profile) => profile === kept.profile) ?? '',
    systemPrompt: long(kept.systemPrompt),
    greeting: long(kept.greeting),
    record: typeof kept.record === 'boolean' ? kept.record : null,
    caller: text(kept.caller),
    draft: '', // the gateway forgets it
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
    ...(choices.record !== null && { record: choices.record }),
    ...(choices.caller && { caller: choices.caller }),
    ...(choices.draft && { draft: choices.draft }),
  };
}

export interface Chip {
  readonly part: keyof Choices;
  readonly words: string;
}

/** What differs from the defaults, in words, each with the choice that takes it back. */
export function chips(choices: Choices): Chip[] {
  const model = (engine: string, choice: string) =>
    [engine && engineWords(engine), choice].filter(Boolean).join(', ');
  const llm = model(choices.llm, choices.llmModel);
  const tts = model(choices.tts, choices.voice);
  const all: (Chip | false)[] = [
    choices.draft !== '' && { part: 'draft', words: 'Test call: the draft answers' },
    choices.stt !== '' && { part: 'stt', words: `STT: ${engineWords(choices.stt)}` },
    llm !== '' && { part: 'llm', words: `LLM: ${llm}` },
    tts !== '' && { part: 'tts', words: `Voice: ${tts}` },
    choices.band === 'telephone' && { part: 'band', words: 'Phone quality (8 kHz)' },
    choices.transport === 'webrtc' && { part: 'transport', words: 'Transport: WebRTC' },
    choices.profile !== '' && { part: 'profile', words: `Turn detection: ${choices.profile}` },
    choices.systemPrompt !== null && {
      part: 'systemPrompt',
      words: choices.systemPrompt.trim() ? 'Own system prompt' : 'Own system prompt is empty',
    },
    choices.greeting !== null && {
      part: 'greeting',
      words: choices.greeting.trim() ? 'Own greeting' : 'No greeting',
    },
    choices.record !== null && { part: 'record', words: choices.record ? 'Recorded' : 'Not recorded' },
    choices.caller !== '' && { part: 'caller', words: `Caller: ${choices.caller}` },
  ];
  return all.filter((one): one is Chip => Boolean(one));
}

/** Take one choice back. A model goes with its engine. */
export function without(choices: Choices, part: keyof Choices): Choices {
  const more = { llm: { llmModel: '' }, tts: { voice: '' } }[part as string] ?? {};
  return { ...choices, [part]: asSet[part], ...more };
}

const [choices, setChoices] = createSignal(readChoices(globalThis.localStorage?.getItem(KEPT) ?? null));

/** The choices as they stand. */
export { choices };

/** Choose, and keep it in this browser. */
export function choose(part: Partial<Choices>): void {
  store(chosen(choices(), part));
}

/** Take one choice back. */
export function unchoose(part: keyof Choices): void {
  store(without(choices(), part));
}

/** Every choice is the default again. */
export function resetChoices(): void {
  store(asSet);
}

function store(now: Choices): void {
  setChoices(now);
  globalThis.localStorage?.setItem(KEPT, JSON.stringify(now));
}
