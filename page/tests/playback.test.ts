import { expect, test } from 'vitest';
import { Playback } from '../src/audio/playback';

const RATE = 48_000;
const BLOCK = 128;
const blocks = (seconds: number) => Math.ceil((seconds * RATE) / BLOCK);

type Step = ['add', number, number] | ['fill', number] | ['over'] | ['clear'] | ['begin'];

/** What is heard when sound is given and asked for in these steps. */
function play(steps: Step[]) {
  const playback = new Playback(RATE);
  const heard: number[] = [];
  for (const step of steps) {
    if (step[0] === 'add') playback.add(new Int16Array(step[1]).fill(step[2]));
    else if (step[0] === 'fill') {
      for (let block = 0; block < step[1]; block += 1) {
        const sound = new Float32Array(BLOCK).fill(9);
        playback.fill(sound);
        heard.push(...Array.from(sound, (sample) => Math.round(sample * 32768)));
      }
    } else playback[step[0]]();
  }
  return { heard, gaps: playback.gaps, played: playback.played };
}

test('sound begins after a short start-up and then has no hole', () => {
  const { heard } = play([
    ['add', 2000, 1],
    ['fill', 3],
    ['add', 881, 2],
    ['fill', 1],
    ['add', 7, 3],
    ['fill', blocks(0.06)],
  ]);
  const sounds = heard.filter((sample) => sample !== 0);
  expect(sounds).toEqual([...Array(2000).fill(1), ...Array(881).fill(2), ...Array(7).fill(3)]);
  expect(heard.indexOf(1)).toBe(3 * BLOCK); // 2000 samples are under 60 ms, 2881 are not
  expect(heard.slice(heard.indexOf(1) + sounds.length).every((sample) => sample === 0)).toBe(true);
});

test('a word shorter than the start-up buffer is played after it', () => {
  const { heard, gaps } = play([['add', 480, 5], ['over'], ['fill', blocks(0.1)]]);
  expect(heard.filter((sample) => sample === 5)).toHaveLength(480);
  expect(Math.abs(heard.indexOf(5) - 0.06 * RATE)).toBeLessThanOrEqual(BLOCK);
  expect(gaps).toBe(0);
});

test('running dry inside a reply is counted, between replies it is not', () => {
  const reply: Step[] = [
    ['add', RATE / 10, 1],
    ['fill', blocks(0.2)],
  ];
  expect(play([...reply, ...reply, ...reply]).gaps).toBe(2);
  expect(play([...reply, ['over'], ...reply, ['clear'], ...reply]).gaps).toBe(0);
});

test('clear fades to silence in five milliseconds', () => {
  const { heard } = play([['add', RATE, 1000], ['fill', blocks(0.1)], ['clear'], ['fill', blocks(0.1)]]);
  const after = heard.slice(blocks(0.1) * BLOCK);
  const fade = after.slice(0, Math.round(0.005 * RATE));
  expect(fade).toEqual([...fade].sort((a, b) => b - a));
  expect(
    Math.max(...fade.slice(1).map((sample, index) => Math.abs(sample - (fade[index] ?? 0)))),
  ).toBeLessThan(10);
  expect(after.slice(fade.length).every((sample) => sample === 0)).toBe(true);
});

test('clear before the first sound leaves nothing', () => {
  const { heard } = play([['add', 1000, 1000], ['clear'], ['fill', blocks(0.2)]]);
  expect(heard.every((sample) => sample === 0)).toBe(true);
});

test('a page that stalled drops the oldest sound', () => {
  const { heard } = play([
    ['add', RATE, 1],
    ['add', RATE, 2],
    ['add', RATE, 3],
    ['fill', blocks(2.1)],
  ]);
  const many = (level: number) => heard.filter((sample) => sample === level).length;
  expect([many(1), many(2), many(3)]).toEqual([0, RATE, RATE]);
});

test('what is played of a reply is counted from its own first sample', () => {
  const { played } = play([['add', RATE / 10, 1], ['begin'], ['add', RATE / 10, 2], ['fill', blocks(0.3)]]);
  expect(played).toBe(RATE / 10);
});

test('what was cleared counts as neither waiting nor played', () => {
  const { played } = play([
    ['add', RATE / 2, 1],
    ['begin'],
    ['add', RATE / 2, 2],
    ['fill', blocks(0.1)],
    ['clear'],
    ['fill', blocks(0.2)],
    ['add', RATE / 10, 2],
    ['fill', blocks(0.3)],
  ]);
  expect(played).toBe(RATE / 10);
});
