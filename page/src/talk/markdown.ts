/**
 * The little of Markdown that models write, as values to draw: headings, lists, quotes, code, emphasis, links. Pure.
 * Nothing of it is ever HTML: what is not understood stays as it was written. `at` is where a text stands in the source.
 */

export type Inline =
  | { readonly kind: 'text'; readonly text: string; readonly at: number }
  | { readonly kind: 'code'; readonly text: string; readonly at: number }
  | { readonly kind: 'strong' | 'em'; readonly inside: readonly Inline[] }
  | { readonly kind: 'link'; readonly href: string; readonly inside: readonly Inline[] };

export type Block =
  | { readonly kind: 'p' | 'h' | 'quote'; readonly inside: readonly Inline[] }
  | { readonly kind: 'ul' | 'ol'; readonly items: readonly (readonly Inline[])[] }
  | { readonly kind: 'pre'; readonly text: string; readonly language: string; readonly at: number };

const FENCE = /^\s{0,3}(`{3,}|~{3,})\s*([\w+-]*)/;
const HEADING = /^#{1,6}\s+/;
const QUOTE = /^>\s?/;
const BULLET = /^\s*[-*+]\s+/;
const NUMBER = /^\s*\d{1,3}[.)]\s+/;

interface Row {
  readonly text: string;
  readonly at: number;
}

/** The blocks of a text. What is still being written is shown as far as it goes. */
export function blocks(source: string): Block[] {
  const rows = split(source);
  const found: Block[] = [];
  for (let index = 0; index < rows.length; ) {
    const [block, next] = blockAt(rows, index, source);
    if (block) found.push(block);
    index = next;
  }
  return found;
}

function split(source: string): Row[] {
  let at = 0;
  return source.split('\n').map((text) => {
    const row = { text, at };
    at += text.length + 1;
    return row;
  });
}

/** The block that begins there, and the row after it. */
function blockAt(rows: readonly Row[], index: number, source: string): [Block | null, number] {
  const row = rows[index] as Row;
  if (!row.text.trim()) return [null, index + 1];
  const fence = FENCE.exec(row.text);
  if (fence) return fenced(rows, index, source, fence);
  const heading = HEADING.exec(row.text);
  if (heading) return [{ kind: 'h', inside: line(row, heading[0].length) }, index + 1];
  for (const [kind, mark] of [
    ['ul', BULLET],
    ['ol', NUMBER],
  ] as const) {
    if (mark.test(row.text)) return listed(rows, index, kind, mark);
  }
  if (QUOTE.test(row.text))
    return gathered(rows, index, 'quote', (text) => QUOTE.exec(text)?.[0].length ?? -1);
  const starts = (text: string) => [FENCE, HEADING, QUOTE, BULLET, NUMBER].some((mark) => mark.test(text));
  return gathered(rows, index, 'p', (text) => (!text.trim() || starts(text) ? -1 : 0));
}

function fenced(
  rows: readonly Row[],
  index: number,
  source: string,
  fence: RegExpExecArray,
): [Block, number] {
  const closes = (text: string) => text.trim().startsWith(fence[1] as string);
  let end = index + 1;
  while (end < rows.length && !closes((rows[end] as Row).text)) end += 1;
  const at = rows[index + 1]?.at ?? source.length;
  const until = rows[end]?.at ?? source.length + 1;
  const text = source.slice(at, Math.max(at, until - 1));
  return [{ kind: 'pre', text, language: fence[2] ?? '', at }, end + 1];
}

function listed(rows: readonly Row[], index: number, kind: 'ul' | 'ol', mark: RegExp): [Block, number] {
  const items: Inline[][] = [];
  let next = index;
  for (; next < rows.length; next += 1) {
    const row = rows[next] as Row;
    const found = mark.exec(row.text);
    if (!found) break;
    items.push(line(row, found[0].length));
  }
  return [{ kind, items }, next];
}

/** Rows that belong together, `skip` telling how much of each is no text; less than none where they end. */
function gathered(
  rows: readonly Row[],
  index: number,
  kind: 'p' | 'quote',
  skip: (text: string) => number,
): [Block, number] {
  const inside: Inline[] = [];
  let next = index;
  for (; next < rows.length; next += 1) {
    const row = rows[next] as Row;
    const skipped = next === index ? Math.max(0, skip(row.text)) : skip(row.text);
    if (skipped < 0) break;
    if (next > index) inside.push({ kind: 'text', text: '\n', at: row.at - 1 });
    inside.push(...line(row, skipped));
  }
  return [{ kind, inside }, next];
}

const line = (row: Row, skipped: number): Inline[] => inline(row.text.slice(skipped), row.at + skipped);

// In this order: code, which holds nothing else; strong; em; a link. Each has a longest length: a mark that is never
// closed is looked for no further, or a text full of them would take minutes.
const SPAN =
  /(`+)(.{1,500}?)\1|(\*\*|__)(?=\S)(.{1,500}?)(?<=\S)\3|(?<![\w*])([*_])(?=\S)([^*_]+?)(?<=\S)\5(?!\w)|\[([^\][]{1,300})\]\(([^()\s]{1,2000})\)/;

/** The spans of a line. */
export function inline(text: string, at: number): Inline[] {
  const found: Inline[] = [];
  let rest = text;
  let from = at;
  for (let span = SPAN.exec(rest); span; span = SPAN.exec(rest)) {
    if (span.index > 0) found.push({ kind: 'text', text: rest.slice(0, span.index), at: from });
    found.push(spanned(span, from + span.index));
    from += span.index + span[0].length;
    rest = rest.slice(span.index + span[0].length);
  }
  if (rest) found.push({ kind: 'text', text: rest, at: from });
  return found;
}

function spanned(span: RegExpExecArray, at: number): Inline {
  const [whole, ticks, code, stars, strong, star, em, words, href] = span;
  if (ticks && code) return { kind: 'code', text: code, at: at + ticks.length };
  if (stars && strong) return { kind: 'strong', inside: inline(strong, at + 2) };
  if (star && em) return { kind: 'em', inside: inline(em, at + 1) };
  const safe = safeLink(href ?? '');
  if (words && safe) return { kind: 'link', href: safe, inside: [{ kind: 'text', text: words, at: at + 1 }] };
  return { kind: 'text', text: whole, at };
}

/** Only what leads to a page or opens a letter; a link may not run anything here. */
function safeLink(href: string): string | null {
  return /^(https?:\/\/|mailto:)/i.test(href) && URL.canParse(href) ? href : null;
}
