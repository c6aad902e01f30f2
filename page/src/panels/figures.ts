/** Which charts there are, and what each line of them is. Pure. */

import type { Trends } from '../schema';

type Lines = Omit<Trends, 'every' | 'prometheus' | 'grafana' | 'trouble' | 'limit' | 'at'>;

export interface Line {
  readonly of: keyof Lines;
  readonly words: string;
  /** A token of style.css. */
  readonly colour: 'main' | 'warn' | 'bad' | 'good' | 'ink';
  readonly dashed?: true;
  /** What is drawn is the figure divided by this. */
  readonly per?: number;
}

export interface Chart {
  readonly name: string;
  readonly words: string;
  readonly unit: string;
  /** The scale reaches at least so far: one call more is no mountain. */
  readonly least: number;
  readonly lines: readonly Line[];
  /** Of how many the last figures are. */
  readonly counted?: { readonly of: keyof Lines; readonly words: string };
}

/** Of how many things the last figures of a chart are: "of 3 replies". */
export function countedWords(chart: Chart, trends: Trends): string {
  const many = chart.counted && trends[chart.counted.of].findLast((one) => one);
  return chart.counted && many ? `of ${many.toLocaleString('en')} ${chart.counted.words}` : '';
}

export const CHARTS: readonly Chart[] = [
  {
    name: 'calls',
    words: 'Active calls',
    unit: 'calls',
    least: 4,
    lines: [{ of: 'calls', words: 'calls', colour: 'main' }],
  },
  {
    name: 'fast',
    words: 'Response time',
    unit: 'ms',
    least: 1000,
    lines: [
      { of: 'e2e_p50_ms', words: 'p50', colour: 'main' },
      { of: 'e2e_p95_ms', words: 'p95', colour: 'warn', dashed: true },
    ],
    counted: { of: 'replies', words: 'replies' },
  },
  {
    name: 'where',
    words: 'Stage latency (p50)',
    unit: 'ms',
    least: 500,
    lines: [
      { of: 'endpoint_p50_ms', words: 'turn detection', colour: 'ink' },
      { of: 'asr_p50_ms', words: 'STT', colour: 'main' },
      { of: 'llm_first_p50_ms', words: 'LLM first token', colour: 'warn', dashed: true },
      { of: 'tts_first_p50_ms', words: 'TTS first audio', colour: 'good', dashed: true },
    ],
  },
  {
    name: 'turns',
    words: 'Turns and errors',
    unit: 'per minute',
    least: 5,
    lines: [
      { of: 'turns_a_minute', words: 'turns', colour: 'main' },
      { of: 'refused_a_minute', words: 'calls refused', colour: 'ink', dashed: true },
      { of: 'errors_a_minute', words: 'errors', colour: 'bad' },
      { of: 'gaps_a_minute', words: 'audio gaps > 40 ms', colour: 'warn', dashed: true },
    ],
  },
  {
    name: 'cores',
    words: 'Gateway CPU',
    unit: 'cores',
    least: 0.5,
    lines: [{ of: 'cores', words: 'cores', colour: 'main' }],
  },
  {
    name: 'lag',
    words: 'Event-loop lag p99',
    unit: 'ms',
    least: 10,
    lines: [{ of: 'loop_lag_p99_ms', words: 'lag', colour: 'main' }],
  },
  {
    name: 'memory',
    words: 'Gateway memory',
    unit: 'MiB',
    least: 100,
    lines: [{ of: 'memory_bytes', words: 'memory', colour: 'main', per: 1 << 20 }],
  },
];

/** When the last figure of a line was, if that is a while ago; empty: it is of now. */
export function agoOf(line: Line, trends: Trends): string {
  const last = trends[line.of].findLastIndex((one) => one !== null);
  const at = trends.at[last];
  if (last < 0 || last === trends.at.length - 1 || at === undefined) return '';
  return clockOf(at, trends.every);
}

/** A moment, in seconds since 1970, as a clock shows it; with seconds where marks are less than a minute apart. */
export function clockOf(at: number, every: number): string {
  const seconds = every < 60 ? ({ second: '2-digit' } as const) : {};
  return new Date(at * 1000).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit', ...seconds });
}

/** The last figure of a line, as people read it. */
export function newest(line: Line, trends: Trends): string {
  const value = trends[line.of].findLast((one) => one !== null);
  if (value === undefined || value === null) return '–';
  const shown = value / (line.per ?? 1);
  return shown >= 10 || Number.isInteger(shown) ? String(Math.round(shown)) : shown.toPrecision(2);
}
