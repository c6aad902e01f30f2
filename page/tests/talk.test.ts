import { expect, test } from 'vitest';
import { idle, type Moments } from '../src/call/state';
import { type Block, blocks, type Inline } from '../src/talk/markdown';
import { asJson, asText } from '../src/talk/storage';
import { average, waterfall } from '../src/talk/waterfall';

const plain = (inside: readonly Inline[]): string =>
  inside.map((span) => ('inside' in span ? `<${span.kind}>${plain(span.inside)}` : span.text)).join('|');

/** Blocks as short texts. */
const drawn = (source: string): string[] =>
  blocks(source).map((block: Block) => {
    if (block.kind === 'pre') return `pre ${block.language}: ${block.text}`;
    if ('items' in block) return `${block.kind}: ${block.items.map(plain).join(', ')}`;
    return `${block.kind}: ${plain(block.inside)}`;
  });

test.each([
  ['We are open.', ['p: We are open.']],
  ['**Open** and *not* `shut`', ['p: <strong>Open| and |<em>not| |shut']],
  ['# Hours\nFrom nine', ['h: Hours', 'p: From nine']],
  ['- one\n- two\n\n1. first\n2) second', ['ul: one, two', 'ol: first, second']],
  ['> said\n> so', ['quote: said|\n|so']],
  ['```ts\nlet a;\n\nlet b;\n```\nafter', ['pre ts: let a;\n\nlet b;', 'p: after']],
  ['```\nstill being wri', ['pre : still being wri']],
  ['```', ['pre : ']],
  ['2 * 3 * 4 and snake_case_name', ['p: 2 * 3 * 4 and snake_case_name']],
  ['**not closed', ['p: **not closed']],
  ['', []],
])('%j is drawn as it is meant', (source, wanted) => {
  expect(drawn(source)).toEqual(wanted);
});

test('a link leads to a page, and runs nothing', () => {
  const link = (source: string) => (blocks(source)[0] as Extract<Block, { inside: unknown }>).inside[0];
  expect(link('[hours](https://example.org/a)')).toMatchObject({
    kind: 'link',
    href: 'https://example.org/a',
  });
  for (const bad of [
    'javascript:alert`1`',
    'javascript://x/%0aalert',
    'data:text/html,x',
    '/web/',
    'JaVaScRiPt:x',
    'https://',
  ]) {
    expect(link(`[x](${bad})`)).toMatchObject({ kind: 'text' });
  }
});

test('every text tells where it stands in what was written', () => {
  const source = '# A **b**\n- c `d`\n> e\n```\nf\n```\n[g](https://h.example)';
  const check = (span: Inline): void => {
    if ('inside' in span) span.inside.forEach(check);
    else expect(source.slice(span.at, span.at + span.text.length)).toBe(span.text);
  };
  for (const block of blocks(source)) {
    if (block.kind === 'pre') expect(source.slice(block.at, block.at + block.text.length)).toBe(block.text);
    else if ('items' in block) block.items.flat().forEach(check);
    else block.inside.forEach(check);
  }
});

test('a text made to be slow is not', () => {
  const began = performance.now();
  for (const part of ['*', '**a', '**a ', '__a ', '[', '`', '``a ', '[a](', '_a '])
    blocks(part.repeat(20_000));
  expect(performance.now() - began).toBeLessThan(5000);
});

const metrics = {
  type: 'reply_metrics' as const,
  turn: 1,
  reply: 1,
  at: 0,
  endpoint_ms: 400,
  asr_ms: 100,
  llm_first_ms: 50,
  llm_ms: 200,
  tts_first_ms: 80,
  tts_ms: 150,
  e2e_ms: 500,
  asr_from_ms: 200,
  llm_from_ms: 300,
  tts_from_ms: 420,
  wasted: 0,
  wasted_ms: null,
  wasted_from_ms: null,
  engines: {},
};
const turn: Moments = {
  reply: 1,
  turn: 1,
  speech: 2.5,
  asked: 1000,
  sounded: 1500,
  silent: 4500,
  metrics,
};

test('the bars of a turn stand on one axis, zero at the end of speech', () => {
  const chart = waterfall(turn);
  const legs = chart?.bars.map(({ name, from, to, took }) => [name, from, to, took]);
  expect(legs).toEqual([
    ['Caller audio', -1000, 0, 2500],
    ['Turn detection', 0, 400, 400],
    ['STT', 200, 300, 100],
    ['LLM first token', 300, 350, 50],
    ['LLM first sentence', 300, 420, 120],
    ['LLM total', 300, 500, 200],
    ['TTS first audio', 420, 500, 80],
    ['TTS total', 420, 570, 150],
    ['Agent audio', 500, 1500, 3000],
  ]);
  expect([chart?.from, chart?.to]).toEqual([-1000, 1500]);
});

test('time between the transcript and the question to the model has a bar of its own', () => {
  const late = { ...metrics, llm_from_ms: 700, tts_from_ms: null };
  const bar = waterfall({ ...turn, metrics: late })?.bars.find((one) => one.name === 'Transcript to LLM');
  expect([bar?.from, bar?.to]).toEqual([300, 700]);
});

test('what was prepared for nothing is drawn where it was, as far as it is shown', () => {
  const legs = (metrics: Moments['metrics']) =>
    waterfall({ ...turn, metrics })
      ?.bars.filter((bar) => bar.tone === 'waste')
      .map(({ name, from, to, took }) => [name, from, to, took]);
  expect(legs({ ...metrics, wasted: 1, wasted_ms: 400, wasted_from_ms: -900 })).toEqual([
    ['Dropped preparation', -900, -500, 400],
  ]);
  expect(legs({ ...metrics, wasted: 3, wasted_ms: 900, wasted_from_ms: -5000 })).toEqual([
    ['Dropped preparations (3)', -1000, -1000, 900],
  ]);
  expect(legs(metrics)).toEqual([]);
});

test('a stage that had no part in a turn has no bar', () => {
  const typed = { ...turn, speech: null, metrics: { ...metrics, endpoint_ms: null, asr_ms: null } };
  expect(waterfall(typed)?.bars.map((bar) => bar.name)).not.toContain('STT');
  expect(waterfall({ ...turn, metrics: null })).toBeNull();
});

test('the average is that of the turns that have the measure', () => {
  const other = { ...turn, metrics: { ...metrics, e2e_ms: 700, asr_ms: null } };
  expect(average([turn, other, { ...turn, metrics: null }], 'e2e_ms')).toBe(600);
  expect(average([turn, other], 'asr_ms')).toBe(100);
  expect(average([], 'asr_ms')).toBeNull();
});

test('a conversation is kept with what was cut off told apart', () => {
  const line = {
    turn: 1,
    at: 65,
    open: false,
    thoughts: '',
    ms: null,
    cut: null,
    heard: 0,
    coming: [],
    filler: '',
    by: null,
    fillerMs: null,
  };
  const state = {
    ...idle,
    lines: [
      { ...line, key: 'a', who: 'caller' as const, text: 'When?' },
      {
        ...line,
        key: 'b',
        who: 'agent' as const,
        text: 'From nine.',
        cut: { heard: 'From ', rest: 'nine.' },
        ms: 5,
      },
    ],
    turns: [turn],
  };
  expect(asText(state, 0)).toBe('[1:05] You: When?\n[1:05] Agent: From [interrupted; not heard: nine.]\n');
  const call = {
    type: 'ready' as const,
    call_id: 'c1',
    codec: 'pcm' as const,
    sample_rate: 16_000,
    resume_token: '',
    resume_s: 0,
    engines: { stt: 'a', llm: 'b', tts: 'c' },
    answering: {},
  };
  const over = { ...state, call, began: 1000, end: { reason: 'caller_silent', seconds: 65 } };
  expect(asText(over, 0).split('\n').slice(0, 4)).toEqual([
    'Call c1',
    '1970-01-01T00:00:01.000Z',
    'a → b → c',
    '1:05, the caller was silent',
  ]);
  const kept = JSON.parse(asJson(state, 0));
  expect(kept.lines[1]).toEqual({
    who: 'agent',
    turn: 1,
    at: 65,
    text: 'From nine.',
    e2e_ms: 5,
    cut: { heard: 'From ', rest: 'nine.' },
  });
  expect(kept.metrics).toHaveLength(1);
});
