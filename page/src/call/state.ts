import type { Answered } from '../answered';
import type { Ready, ReplyMetrics, ServerMessage } from '../schema';

export type Phase = 'ready' | 'connecting' | 'listening' | 'thinking' | 'speaking' | 'ended';

/** A text of which the caller heard only the beginning. */
export interface Cut {
  readonly heard: string;
  readonly rest: string;
}

/** A place in a text: so many characters, spaces not counted, have been heard after so many seconds of its sound. */
export interface Coming {
  readonly characters: number;
  readonly ends: number;
}

/** One line of the conversation. */
export interface Line {
  readonly key: string;
  readonly who: 'caller' | 'agent' | 'note';
  readonly turn: number;
  /** When it began, in seconds of the caller's sound. */
  readonly at: number;
  readonly text: string;
  /** It may still change. */
  readonly open: boolean;
  readonly thoughts: string;
  /** From the end of speech to the first sound of this answer. */
  readonly ms: number | null;
  readonly cut: Cut | null;
  /** Characters of the text that have been heard. */
  readonly heard: number;
  /** Words that are in its sound but have not been heard, in order. */
  readonly coming: readonly Coming[];
  /** What was said while the answer was not ready, such as "Let me see."; empty: nothing. */
  readonly filler: string;
  /** From the end of speech to the first sound of that. */
  readonly fillerMs: number | null;
  /** Who answered, by role; null before that is known. */
  readonly by: Answered | null;
}

/** Moments of one reply, in milliseconds of this page's clock; null before they have come. */
export interface Moments {
  readonly reply: number;
  readonly turn: number;
  /** Seconds that the caller spoke. */
  readonly speech: number | null;
  /** The caller's last sample of speech. */
  readonly asked: number | null;
  readonly sounded: number | null;
  readonly silent: number | null;
  readonly metrics: ReplyMetrics | null;
}

/** All that the page shows of a call. */
export interface CallState {
  readonly phase: Phase;
  readonly problem: string;
  readonly fatal: boolean;
  readonly lines: readonly Line[];
  readonly times: Partial<ReplyMetrics>;
  readonly turns: readonly Moments[];
  readonly call: Ready | null;
  readonly gaps: number;
  /** When the call was answered, in milliseconds of this page's clock. */
  readonly began: number | null;
  /** Why it ended, and after how long; null before it has. */
  readonly end: { readonly reason: string; readonly seconds: number | null } | null;
  /** The system took the loudspeaker and the microphone away, as a telephone call does. */
  readonly silenced: boolean;
  /** The network is gone; the call waits, and the page tries to come back. */
  readonly away: boolean;
  /** Why this call is not carried as it was wished; empty: it is. */
  readonly instead: string;
  /** The turn that began last: when it did, and when the caller stopped speaking, in seconds of their sound. */
  readonly speech: { readonly turn: number; readonly began: number; readonly ended: number | null } | null;
}

/** What happens on the page itself. */
export type PageEvent =
  | { type: 'connecting' }
  | { type: 'failed'; words: string; keyNeeded?: boolean }
  | { type: 'lost' }
  | { type: 'stopped' }
  | { type: 'gaps'; gaps: number }
  | { type: 'sound'; interrupted: boolean }
  | { type: 'away'; away: boolean }
  | { type: 'instead'; words: string }
  | { type: 'played'; reply: number; seconds: number };

/** `seen` is when it came, in milliseconds of this page's clock. */
export type Happened = (ServerMessage | PageEvent) & { readonly seen?: number };
export type Kind = Happened['type'];
export type Of<K extends Kind> = Extract<Happened, { type: K }> & { readonly seen?: number };

export const idle: CallState = {
  phase: 'ready',
  problem: '',
  fatal: false,
  lines: [],
  times: {},
  turns: [],
  call: null,
  gaps: 0,
  began: null,
  end: null,
  silenced: false,
  away: false,
  instead: '',
  speech: null,
};
