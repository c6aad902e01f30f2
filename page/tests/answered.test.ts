import { expect, test } from 'vitest';
import { enginesOf, fallbacksOf, modelsOf } from '../src/answered';

const whisper = { engine: 'faster-whisper', model: 'faster-whisper-base', instead_of: '', why: '' } as const;
const joe = { engine: 'piper', model: 'en_US-joe-medium', instead_of: 'kokoro', why: 'too slow' } as const;

test('a turn names the models that really answered, in order', () => {
  expect(modelsOf({ tts: joe, stt: whisper })).toBe('faster-whisper-base → en_US-joe-medium');
  expect(modelsOf({})).toBe('');
});

test('who stood in for whom is said, and why', () => {
  expect(fallbacksOf({ stt: whisper, tts: joe })).toBe('kokoro was too slow, en_US-joe-medium spoke');
  expect(fallbacksOf({ stt: whisper })).toBe('');
});

test('a call names the models that answered it or, before that, the engines it asks for', () => {
  expect(enginesOf({ stt: whisper }, ['faster-whisper', 'auto', 'fast'])).toBe('faster-whisper-base');
  expect(enginesOf({}, ['faster-whisper', '', 'fast', undefined])).toBe('faster-whisper → Piper: fast');
});
