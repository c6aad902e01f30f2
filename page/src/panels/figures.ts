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

/** The last figure of a line, as people read it. */
export function newest(line: Line, trends: Trends): string {
  const value = trends[line.of].findLast((one) => one !== null);
  if (value === undefined || value === null) return '–';
  const shown = value / (line.per ?? 1);
  return shown >= 10 || Number.isInteger(shown) ? String(Math.round(shown)) : shown.toPrecision(2);
}
