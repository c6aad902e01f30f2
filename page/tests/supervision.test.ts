import { expect, test } from 'vitest';
import { WavStream } from '../src/audio/wav-stream';
import { alarm, liveTags, partiesOf } from '../src/panels/live';
import type { ActiveCall } from '../src/schema';

const call: ActiveCall = {
  id: 'a',
  line: 'sip',
  codec: 'pcm',
  state: 'listening',
  seconds: 9,
  turns: 1,
  engines: {},
  answered: {},
  last_e2e_ms: null,
  direction: 'inbound',
  caller: '+15550100',
  called: '',
  asked_for_person: false,
  unanswered: 0,
  fallbacks: 0,
  taken_over: false,
  listeners: 0,
  answered_as: null,
};

/** A WAV without end, as the gateway sends it. */
function wav(channels: number, rate: number, samples: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(44 + 2 * samples.length);
  const view = new DataView(bytes.buffer);
  const name = (at: number, text: string) => bytes.set(new TextEncoder().encode(text), at);
  name(0, 'RIFF');
  view.setUint32(4, 0xffffffff, true);
  name(8, 'WAVEfmt ');
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, channels, true);
  view.setUint32(24, rate, true);
  name(36, 'data');
  view.setUint32(40, 0xffffffff, true);
  for (const [at, sample] of samples.entries()) view.setInt16(44 + 2 * at, sample, true);
  return bytes;
}

test.each([1, 2, 3, 7, 45, 200])('a WAV is read in pieces of %i bytes, each voice by itself', (size) => {
  const whole = wav(2, 16_000, [16_384, -16_384, 8192, 0, -32_768, 32_767]);
  const reader = new WavStream();
  const heard: number[][] = [[], []];
  for (let at = 0; at < whole.length; at += size)
    for (const [channel, voice] of reader.feed(whole.subarray(at, at + size)).entries())
      heard[channel]?.push(...voice);
  expect(reader.format).toEqual({ channels: 2, rate: 16_000 });
  expect(heard).toEqual([
    [0.5, 0.25, -1],
    [-0.5, 0, 32_767 / 32_768],
  ]);
});

test('what is no WAV is refused', () => {
  expect(() => new WavStream().feed(new TextEncoder().encode('{"error": {"code": "x"}}'))).toThrow('no WAV');
  expect(() => new WavStream().feed(wav(1, 8000, []).fill(0, 12, 16))).toThrow('no format');
});

test('a caller who asked for a person alarms until somebody has taken the call over', () => {
  expect(alarm({ ...call, asked_for_person: true }, 0)?.mood).toBe('bad');
  expect(alarm({ ...call, asked_for_person: true, taken_over: true }, 0)).toBeNull();
});

test('a live call says who calls whom, and what stands out', () => {
  expect(partiesOf(call)).toBe('+15550100');
  expect(partiesOf({ ...call, called: '100' })).toBe('+15550100 → 100');
  expect(partiesOf({ ...call, caller: '', called: '100' })).toBe('unknown → 100');
  expect(partiesOf({ ...call, caller: '' })).toBe('');
  expect(liveTags(call)).toEqual([]);
  const loud = {
    ...call,
    direction: 'outbound' as const,
    taken_over: true,
    unanswered: 2,
    fallbacks: 1,
    listeners: 1,
  };
  expect(liveTags(loud)).toEqual([
    'outbound',
    'taken over',
    '2 questions unanswered',
    'another engine answered',
    '1 listener',
  ]);
});
