import type { Cut } from './state';

const LIKELY = 0.4; // seconds; a shorter sound tells nothing of the voice's pace
const SLOWEST = 4; // characters a second …
const FASTEST = 40; // … and whatever was reckoned beyond these was no pace of a voice

/** What was heard of a text, and the rest of it. After its words `heard` may hold an apology that is not in the text. */
export function parted(text: string, heard: string): Cut {
  const told = heard.replace(/\s+/g, '');
  let end = 0;
  let matched = 0;
  for (; end < text.length; end += 1) {
    if (/\s/.test(text.charAt(end))) continue;
    if (text[end] !== told[matched]) break;
    matched += 1;
  }
  // No space, where a word was cut in two.
  const space = matched === told.length ? (/\s*$/.exec(text.slice(0, end))?.[0] ?? '') : ' ';
  return { heard: heard + space, rest: text.slice(end).trimEnd() };
}

/** How many characters of a text are said in so many seconds at that pace: whole words, those begun included. */
export function saidBy(text: string, seconds: number, pace: number): number {
  const reached = Math.floor(seconds * pace);
  if (reached <= 0) return 0;
  if (reached >= text.length) return text.length;
  const word = /\s/.exec(text.slice(reached));
  return word ? reached + word.index : text.length;
}

/** The pace of a voice, after it has said so many characters in so many seconds. */
export function learnt(pace: number, characters: number, seconds: number): number {
  if (seconds < LIKELY || characters === 0) return pace;
  const now = Math.min(FASTEST, Math.max(SLOWEST, characters / seconds));
  return (pace + now) / 2;
}
