import type { Cut } from './state';

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

/** Where so many characters of a text end, spaces not counted. */
export function reach(text: string, characters: number): number {
  let left = characters;
  let end = 0;
  for (; end < text.length && left > 0; end += 1) if (!/\s/.test(text.charAt(end))) left -= 1;
  return end;
}

/** How many characters there are, spaces not counted. */
export const characters = (text: string): number => text.replace(/\s+/g, '').length;
