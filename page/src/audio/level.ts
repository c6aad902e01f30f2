/** How loud a frame is. Pure. */

const QUIETEST = -60; // dBFS; the left end of the meter
const CLIPPED = 32_600; // of 32768; the recogniser hears such a sample as a crack

export interface Level {
  /** From 0, silence, to 1, as loud as can be. */
  readonly share: number;
  readonly decibels: number;
  readonly clipped: boolean;
}

export const silent: Level = { share: 0, decibels: QUIETEST, clipped: false };

export function levelOf(pcm: Int16Array): Level {
  let power = 0;
  let peak = 0;
  for (const sample of pcm) {
    power += sample * sample;
    peak = Math.max(peak, Math.abs(sample));
  }
  const decibels = 10 * Math.log10(Math.max(1, power / Math.max(1, pcm.length)) / 32768 ** 2);
  const share = Math.max(0, Math.min(1, 1 - decibels / QUIETEST));
  return { share, decibels: Math.max(QUIETEST, decibels), clipped: peak >= CLIPPED };
}
