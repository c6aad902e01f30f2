import { describe, expect, test } from 'vitest';
import { asSet, chosen, named, readChoices } from '../src/choices';
import { alike, faults, tidy } from '../src/panels/draft';
import {
  lasting,
  memory,
  modelWords,
  percent,
  possibleActions,
  progressWords,
  serviceWords,
  size,
  standing,
  unloadedWords,
} from '../src/panels/format';
import type { Agent, DownloadProgress, ModelStatus, Service } from '../src/schema';

const model: ModelStatus = {
  name: 'tiny',
  role: 'stt',
  engine: 'faster-whisper',
  description: '',
  licence: 'MIT',
  source: '',
  bytes: 1,
  memory_bytes: null,
  state: 'ready',
  loaded: false,
  in_use: 0,
  default: false,
  downloading: null,
};
const progress: DownloadProgress = {
  model: 'tiny',
  file: '',
  done: 0,
  total: 0,
  source: '',
  state: 'running',
  message: '',
};
const service: Service = {
  name: 'whisper-server',
  state: 'ready',
  url: '',
  model: '',
  models: [],
  pid: 1,
  starts: 1,
  seconds: 65,
  memory_bytes: null,
  why: '',
};
const agent: Agent = {
  name: 'Desk',
  prompt: 'You answer.',
  greeting: '',
  facts: [],
  examples: [],
  transfer: 'One moment.',
  reprompt: '',
  goodbye: '',
  language: 'en',
  locale: '',
  timezone: '',
  hours: {},
};

describe('figures', () => {
  test.each([
    [0, '0 B'],
    [999, '999 B'],
    [999_999, '1.0 MB'],
    [1_240_000_000, '1.2 GB'],
    [39_600_000, '40 MB'],
    [9e15, '9000 TB'],
  ])('%d bytes are %s', (bytes, words) => expect(size(bytes)).toBe(words));

  test('memory is counted by powers of two, as it is sold', () => {
    expect(memory(16 * 2 ** 30)).toBe('16 GiB');
    expect(memory(1536 * 2 ** 20)).toBe('1.5 GiB');
  });

  test.each([
    [4.9, '4 s'],
    [125, '2 min 5 s'],
    [11_460, '3 h 11 min'],
  ])('%d seconds are %s', (seconds, words) => expect(lasting(seconds)).toBe(words));

  test('a part of nothing is nothing, and never more than all', () => {
    expect([percent(1, 0), percent(1, 3), percent(5, 4)]).toEqual([0, 33, 100]);
  });
});

describe('what is said of an engine, a model, a service', () => {
  test('an engine answers, does not, or cannot be asked', () => {
    expect(standing({ up: true, why: '' })).toEqual({ mood: 'good', words: 'answers' });
    expect(standing({ up: false, why: 'start it' })).toEqual({ mood: 'bad', words: 'start it' });
    expect(standing({ up: null, why: '' }).mood).toBe('none');
  });

  test('a model in use says by how many', () => {
    expect(modelWords({ ...model, loaded: true, in_use: 1 }).words).toBe('in memory, 1 request under way');
    expect(modelWords({ ...model, state: 'damaged' }).mood).toBe('bad');
  });

  test('only what can be done is offered', () => {
    expect(possibleActions(model)).toEqual(['load', 'delete']);
    expect(possibleActions({ ...model, engine: '' })).toEqual(['delete']);
    expect(possibleActions({ ...model, loaded: true })).toEqual(['unload']);
    expect(possibleActions({ ...model, loaded: true, engine: '' })).toEqual([]); // the gateway's own
    expect(possibleActions({ ...model, state: 'partial' })).toEqual(['resume', 'delete']);
    expect(possibleActions({ ...model, state: 'missing' })).toEqual(['download']);
    expect(possibleActions({ ...model, state: 'missing', downloading: progress })).toEqual(['cancel']);
  });

  test('a download says which file, how far, and why it waits', () => {
    expect(progressWords(progress)).toBe('begins');
    expect(progressWords({ ...progress, file: 'a.bin', done: 1_000_000, total: 4_000_000 })).toBe(
      'a.bin · 1.0 MB of 4.0 MB',
    );
    expect(progressWords({ ...progress, state: 'failed', message: 'the disk is full' })).toBe(
      'The download failed: the disk is full',
    );
  });

  test('a service says how long it has been so, and how often it fell', () => {
    expect(serviceWords(service)).toEqual({ mood: 'good', words: 'ready for 1 min 5 s' });
    expect(serviceWords({ ...service, state: 'failed', starts: 3 })).toEqual({
      mood: 'bad',
      words: 'failed, started 3 times',
    });
  });

  test('unloading everything tells what went and why something stays', () => {
    expect(unloadedWords({ unloaded: [], kept: [] })).toBe('There was nothing to unload.');
    const kept = [{ engine: 'ollama', model: 'b', why: '1 requests use it' }];
    expect(unloadedWords({ unloaded: [{ engine: 'x', model: 'a' }], kept })).toBe(
      'Unloaded: a. b stays: 1 requests use it.',
    );
  });
});

describe('the choices for the next call', () => {
  test('what was kept is read; what cannot be read is as set', () => {
    expect(readChoices(null)).toEqual(asSet);
    expect(readChoices('{')).toEqual(asSet);
    expect(readChoices('7')).toEqual(asSet);
    expect(readChoices('{"llm": 7, "band": "short wave", "profile": "no", "greeting": ""}')).toEqual({
      ...asSet,
      greeting: '',
    });
    const all = { ...asSet, llm: 'ollama', llmModel: 'llama3.2:3b', band: 'telephone', profile: 'fast' };
    expect(readChoices(JSON.stringify(all))).toEqual(all);
  });

  test('another engine forgets the model of the one before, another voice does not', () => {
    const before = { ...asSet, llm: 'ollama', llmModel: 'a', tts: 'piper', voice: 'amy' };
    expect(chosen(before, { llm: 'embedded' })).toMatchObject({ llmModel: '', voice: 'amy' });
    expect(chosen(before, { tts: '' }).voice).toBe('');
    expect(chosen(before, { voice: 'ryan' })).toMatchObject({ tts: 'piper', voice: 'ryan' });
  });

  test('a call names only what was chosen', () => {
    expect(named(asSet)).toEqual({});
    expect(
      named({ ...asSet, stt: 'whisper', voice: 'amy', greeting: '', systemPrompt: 'Be brief.' }),
    ).toEqual({
      stt_engine: 'whisper',
      tts_voice: 'amy',
      greeting: '',
      system_prompt: 'Be brief.',
    });
  });
});

describe('the draft of an agent', () => {
  test('what is missing is named by its field', () => {
    expect(faults(agent)).toEqual({});
    const wrong = { ...agent, name: ' ', prompt: '', examples: [{ asks: 'When?', says: '' }] };
    expect(Object.keys(faults(wrong))).toEqual(['name', 'prompt', 'examples.0']);
    expect(faults({ ...agent, greeting: 'x'.repeat(20_001) }).greeting).toContain('1 characters too long');
  });

  test('what was left empty is not sent, and is no change', () => {
    const draft = { ...agent, facts: ['', ' We open at nine. '], examples: [{ asks: ' ', says: '' }] };
    expect(tidy(draft)).toEqual({ ...agent, facts: ['We open at nine.'] });
    expect(alike(agent, { ...agent, facts: [''] })).toBe(true);
    expect(alike(agent, draft)).toBe(false);
  });
});
