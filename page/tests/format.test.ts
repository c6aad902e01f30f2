import { describe, expect, test } from 'vitest';
import { asSet, chips, chosen, named, readChoices, without } from '../src/choices';
import { memory } from '../src/format';
import {
  afterSave,
  alike,
  differences,
  faultOf,
  faults,
  hoursLines,
  readDraft,
  readHours,
  sizeOf,
  tidy,
} from '../src/panels/draft';
import {
  gatewayWords,
  lasting,
  modelWords,
  percent,
  possibleActions,
  progressWords,
  serviceWords,
  size,
  standing,
  unloadedWords,
} from '../src/panels/words';
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
  answers: [],
  call_facts: [],
  documents: [],
  examples: [],
  transfer: 'One moment.',
  no_transfer: '',
  whisper: '',
  not_reached: 'Nobody is free.',
  who_calls: 'This is {name}.',
  on_transfer: 'go_on',
  unknown: '',
  reprompt: '',
  goodbye: '',
  farewell: '',
  slots: {},
  tools: {},
  tasks: {},
  tool_calls: 'by_rule',
  limits: {
    tools_a_call: 12,
    rounds_a_turn: 4,
    calls_by_caller_an_hour: null,
    calls_by_caller_a_day: null,
    too_often: '',
    never_say: [],
  },
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

describe('what is said of an engine, a model, a service, a gateway', () => {
  test('a gateway takes calls, is full, drains or is gone', () => {
    const one = { name: 'box:3001', version: '1', calls: 2, max_calls: 3, seconds_ago: 0, this: true };
    const words = (calls: number, draining: boolean, alive: boolean) =>
      gatewayWords({ ...one, calls, draining, alive }).words;
    expect(words(2, false, true)).toBe('Takes calls');
    expect(words(3, false, true)).toBe('Full');
    expect(words(3, true, true)).toBe('Draining');
    expect(words(3, true, false)).toBe('Not heard');
  });

  test('an engine answers, does not, or cannot be asked', () => {
    expect(standing({ up: true, why: '', state: 'available' })).toEqual({ mood: 'good', words: 'Available' });
    expect(standing({ up: false, why: 'start it', state: 'not running' })).toEqual({
      mood: 'bad',
      words: 'start it',
    });
    expect(standing({ up: null, why: '', state: 'unchecked' }).mood).toBe('none');
    const away = standing({ up: true, why: 'pull it', state: 'not downloaded' });
    expect(away).toEqual({ mood: 'warn', words: 'Not downloaded' });
  });

  test('a model in use says by how many', () => {
    expect(modelWords({ ...model, loaded: true, in_use: 1 }).words).toBe('Loaded, 1 request active');
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
    expect(progressWords(progress)).toBe('Starting');
    expect(
      progressWords({ ...progress, file: 'a.bin', source: 'the hub', message: 'cannot be reached' }),
    ).toBe('a.bin · the hub: cannot be reached');
    const half = { ...progress, state: 'cancelled' as const, done: 46_000_000, total: 95_000_000 };
    expect(progressWords(half)).toBe('Cancelled at 46 MB of 95 MB. Resume continues from here.');
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
    expect(unloadedWords({ unloaded: [], kept: [] })).toBe('No model was loaded.');
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
    expect(
      readChoices('{"llm": 7, "band": "short wave", "profile": "no", "transport": "pigeon", "greeting": ""}'),
    ).toEqual({
      ...asSet,
      greeting: '',
    });
    const all = {
      ...asSet,
      llm: 'ollama',
      llmModel: 'llama3.2:3b',
      band: 'telephone',
      profile: 'fast',
      transport: 'webrtc',
    };
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

describe('chips', () => {
  test('say what differs from the defaults, and take it back', () => {
    expect(chips(asSet)).toEqual([]);
    const some = {
      ...asSet,
      tts: 'kokoro',
      voice: 'af_bella',
      band: 'telephone' as const,
      transport: 'webrtc' as const,
      systemPrompt: ' ',
    };
    expect(chips(some).map((one) => one.words)).toEqual([
      'Voice: kokoro, af_bella',
      'Phone quality (8 kHz)',
      'Transport: WebRTC',
      'Own system prompt is empty',
    ]);
    expect(without(some, 'tts')).toEqual({ ...some, tts: '', voice: '' });
    expect(without(some, 'systemPrompt').systemPrompt).toBeNull();
  });
});

describe('the draft of an agent', () => {
  test('what is missing is named by its field', () => {
    expect(faults(agent)).toEqual({});
    const wrong = { ...agent, name: ' ', prompt: '', examples: [{ asks: 'When?', says: '' }] };
    expect(Object.keys(faults(wrong))).toEqual(['name', 'prompt', 'examples.0']);
    expect(faults({ ...agent, greeting: 'x'.repeat(1001) }).greeting).toContain(
      '1 characters too long: 1,000',
    );
    const long = {
      ...agent,
      facts: ['', 'x'.repeat(2003)],
      examples: [{ asks: 'y'.repeat(2001), says: 'z' }],
    };
    expect(faults(long)).toMatchObject({
      'facts.1': 'This is 3 characters too long: 2,000 at most.',
      'examples.0': 'This is 1 characters too long: 2,000 at most.',
    });
    expect(faults({ ...agent, facts: Array(501).fill('One.') }).facts).toContain('500 at most');
    expect(faults({ ...agent, facts: Array(400).fill('x'.repeat(300)) }).whole).toContain('98304 at most');
  });

  test('a refusal of the gateway stands at the field that it names', () => {
    expect(faultOf('facts[2]: Expected `str` of length <= 2000; allowed: text')).toEqual({
      'facts.2': 'facts[2]: Expected `str` of length <= 2000; allowed: text',
    });
    expect(Object.keys(faultOf('timezone = "Mars" is not known; write one such as "UTC"'))).toEqual([
      'timezone',
    ]);
    expect(Object.keys(faultOf('the agent: greeting: too long'))).toEqual(['greeting']);
    expect(faultOf('a worker cannot synthesise the agent: 7')).toEqual({});
  });

  test('its size is told before it is sent', () => {
    const some = { ...agent, prompt: 'x'.repeat(40), facts: ['y'.repeat(20), ' '] };
    expect(sizeOf(some)).toEqual({ bytes: JSON.stringify(tidy(some)).length, tokens: 15 });
  });

  test('opening hours are lines', () => {
    const hours = { 'mon-fri': '9:00-17:30', '2026-12-25': 'closed' };
    expect(readHours(hoursLines(hours))).toEqual({ hours, wrong: [] });
    expect(readHours('"sat" = "10:00-16:00"\n\nwhenever').wrong).toEqual(['whenever']);
    expect(readHours('"sat" = "10:00-16:00"').hours).toEqual({ sat: '10:00-16:00' });
  });

  test('what was left empty is not sent, and is no change', () => {
    const draft = { ...agent, facts: ['', ' We open at nine. '], examples: [{ asks: ' ', says: '' }] };
    expect(tidy(draft)).toEqual({ ...agent, facts: ['We open at nine.'] });
    expect(alike(agent, { ...agent, facts: [''] })).toBe(true);
    expect(alike(agent, draft)).toBe(false);
  });
});

describe('an agent that several people write', () => {
  test('what was typed during a save stays, the rest is as the gateway has it', () => {
    const sent = { ...agent, prompt: 'One.', greeting: 'Hello.' };
    const typed = { ...sent, prompt: 'One. Two.' };
    const saved = { ...sent, greeting: 'Hello!' };
    expect(afterSave(typed, sent, saved)).toEqual({ ...agent, prompt: 'One. Two.', greeting: 'Hello!' });
  });

  test('a draft is read again after a reload; what is none is none', () => {
    const kept = { agent: { ...agent, name: 'Draft' }, from: agent, of: 'a1' };
    expect(readDraft(JSON.stringify(kept))).toEqual(kept);
    for (const raw of [null, '{', '{}', '{"agent": {}, "from": 3}'])
      expect(readDraft(raw)).toEqual({ agent: null, from: null, of: '' });
  });

  test('two of them differ by lines', () => {
    const before = { ...agent, facts: ['We open at nine.', 'We close at six.'] };
    const now = { ...agent, facts: ['We open at nine.', 'We close at five.'], greeting: 'Hello.' };
    expect(differences(before, now)).toEqual([
      { field: 'Greeting', gone: [], come: ['Hello.'] },
      { field: 'Facts', gone: ['We close at six.'], come: ['We close at five.'] },
    ]);
    expect(differences(agent, agent)).toEqual([]);
    const zoned = { ...agent, timezone: 'UTC', hours: { sat: 'closed' } };
    expect(differences(agent, zoned)).toEqual([
      { field: 'timezone', gone: [], come: ['UTC'] },
      { field: 'hours', gone: [], come: ['sat = closed'] },
    ]);
  });
});
