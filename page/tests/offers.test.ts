import { expect, test } from 'vitest';
import {
  choicesOf,
  defaultWords,
  enginesOffered,
  isAbsent,
  modelBehind,
  shortOf,
  standInWords,
} from '../src/offers';
import type { EngineStatus, ModelStatus } from '../src/schema';

const engine = (name: string, model: string, more: Partial<EngineStatus> = {}): EngineStatus => ({
  name,
  choices: [],
  default_choice: '',
  embedded: true,
  up: true,
  why: '',
  model,
  state: 'available',
  answers: { engine: name, model, instead_of: '', why: '' },
  download: '',
  fallback: null,
  ...more,
});
const VOICES = ['fast', 'quality', 'high', 'joe', 'ljspeech'];
const fast = engine('fast', 'joe', { choices: VOICES });
const high = engine('high', 'joe', { choices: VOICES, state: 'not downloaded', download: 'ljspeech' });
const piper = engine('piper', 'joe', { choices: VOICES });
const instead = { engine: 'fast', model: 'joe', instead_of: 'kokoro', why: 'not downloaded' } as const;
const kokoro = engine('kokoro', 'af_heart', { up: false, state: 'not downloaded', answers: instead });
const model = { name: 'ljspeech', engine: 'piper', state: 'missing', loaded: false } as ModelStatus;

test('the sizes of Piper are its voices, each offered once', () => {
  const names = (kept = '') => enginesOffered([fast, high, kokoro, piper], kept).map((one) => one.name);
  expect(names()).toEqual(['kokoro', 'piper']);
  expect(names('high')).toEqual(['high', 'kokoro', 'piper']);
  expect(choicesOf(piper, [])).toEqual(['joe', 'ljspeech']);
  expect(enginesOffered([fast, high]).map((one) => one.name)).toEqual(['fast', 'high']);
  expect(choicesOf(engine('fast', 'joe', { choices: ['fast'] }), [])).toEqual(['fast']);
});

test('engines of tests are not offered, unless one was chosen', () => {
  const scripted = engine('scripted', '');
  expect(enginesOffered([scripted, piper])).toEqual([piper]);
  expect(enginesOffered([scripted, piper], 'scripted')).toEqual([scripted, piper]);
});

test('behind the automatic engine stand the models of the one that answers', () => {
  const embedded = engine('embedded', 'qwen', { choices: ['qwen', 'qwen3'] });
  const answers = { engine: 'embedded', model: 'qwen', instead_of: '', why: '' } as const;
  const auto = engine('auto', 'qwen', { choices: ['llama', 'qwen'], answers });
  expect(choicesOf(auto, [auto, embedded])).toEqual(['qwen', 'qwen3']);
  expect(choicesOf(auto, [auto])).toEqual(['llama', 'qwen']);
  expect(defaultWords({ default: 'auto', engines: [auto], unavailable: [] })).toBe('qwen');
  expect(defaultWords({ default: 'gone', engines: [auto], unavailable: [] })).toBe('gone');
});

test('what has to be downloaded is known by its engine and name', () => {
  expect(isAbsent('piper', 'ljspeech', [model])).toBe(true);
  expect(isAbsent('fast', 'ljspeech', [model])).toBe(true);
  expect(isAbsent('piper', 'ljspeech', [{ ...model, loaded: true }])).toBe(false);
  expect(isAbsent('kokoro', 'ljspeech', [model])).toBe(false);
  expect(shortOf(high)).toBe('not downloaded');
  expect(shortOf(piper)).toBe('');
});

test('who answers in place of an engine is said, and who did lately', () => {
  expect(modelBehind(kokoro)).toBe('af_heart');
  expect(standInWords(kokoro)).toBe('joe answers in its place');
  expect(standInWords({ ...kokoro, answers: null })).toBe('nobody answers in its place');
  expect(standInWords(piper)).toBe('');
  const slow = { by: { ...instead, why: 'too slow' }, seconds_ago: 40.4 } as const;
  expect(standInWords({ ...kokoro, up: true, fallback: slow })).toBe(
    '40 s ago kokoro was too slow, joe answered',
  );
  const long = { ...slow, seconds_ago: 200 };
  expect(standInWords({ ...kokoro, up: true, fallback: long })).toMatch(/^3 min ago/);
});
