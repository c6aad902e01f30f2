import { expect, test } from 'vitest';
import { fromMuLaw, toMuLaw } from '../src/audio/g711';
import { levelOf } from '../src/audio/level';
import { signed } from '../src/audio/pcm';
import { Recording } from '../src/audio/recording';

test('mu-law is that of G.711, table 2', () => {
  // Code and value of the ends of the scale and of each segment's first value, in 16 bits.
  const table: [number, number][] = [
    [0x80, 32124],
    [0x8f, 16764],
    [0x9f, 8316],
    [0xaf, 4092],
    [0xbf, 1980],
    [0xcf, 924],
    [0xdf, 396],
    [0xef, 132],
    [0xff, 0],
    [0x00, -32124],
    [0x7f, 0],
  ];
  for (const [code, value] of table) expect(fromMuLaw(Uint8Array.of(code))[0]).toBe(value === 0 ? 0 : value);
});

test('every code comes back as itself', () => {
  const codes = Uint8Array.from({ length: 256 }, (_, code) => code).filter((code) => code !== 0x7f); // minus nought
  expect([...toMuLaw(fromMuLaw(codes))]).toEqual([...codes]);
});

test('a sample is at most half a step from its code', () => {
  const samples = Int16Array.from({ length: 1024 }, (_, index) => index * 64 - 32_768);
  const back = fromMuLaw(toMuLaw(samples));
  samples.forEach((sample, index) => {
    const loud = Math.min(Math.abs(sample), 32_635) + 132;
    const step = 2 ** (Math.floor(Math.log2(loud)) - 4);
    const wanted = Math.sign(sample) * Math.min(Math.abs(sample), 32_635);
    expect(Math.abs(wanted - (back[index] ?? 0))).toBeLessThanOrEqual(step);
  });
});

test('samples beyond full scale are the loudest there are', () => {
  expect([signed(2), signed(-2), signed(0.5), signed(0)]).toEqual([32_767, -32_768, 16_384, 0]);
});

test('the level of silence is none, of full scale all, and only that lights the lamp', () => {
  expect(levelOf(new Int16Array(960))).toEqual({ share: 0, decibels: -60, clipped: false });
  expect(levelOf(new Int16Array(960).fill(32_767))).toMatchObject({ clipped: true });
  expect(levelOf(new Int16Array(960).fill(32_767)).share).toBeCloseTo(1, 3);
  expect(levelOf(new Int16Array(960).fill(3_277)).decibels).toBeCloseTo(-20, 1);
  expect(levelOf(new Int16Array(960).fill(3_277)).clipped).toBe(false);
  expect(levelOf(new Int16Array(0))).toMatchObject({ share: 0, clipped: false });
});

test('a recording has the caller on the left and the agent on the right, at 16 kHz', () => {
  const recording = new Recording(48_000);
  recording.said(new Int16Array(960).fill(100));
  recording.played(new Int16Array(4800).fill(-200));
  const file = new DataView(recording.wav());
  expect(file.byteLength).toBe(44 + 1600 * 4);
  expect([file.getUint16(22, true), file.getUint32(24, true), file.getUint32(40, true)]).toEqual([
    2, 16_000, 6400,
  ]);
  expect([file.getInt16(44, true), file.getInt16(46, true)]).toEqual([100, -200]);
  expect(file.getInt16(44 + 4 * 320, true)).toBe(0); // the caller said no more than twenty milliseconds
  expect(recording.seconds).toBeCloseTo(0.1);
});

test('a recording keeps the last ten minutes', () => {
  const recording = new Recording(8000);
  for (let minute = 0; minute < 12; minute += 1) recording.played(new Int16Array(60 * 8000));
  expect(recording.seconds).toBe(600);
}, 60_000); // it copies 90 MB, which a busy machine does slowly
