/** A sample from -1 to 1 as a signed 16-bit one. */
export function signed(sample: number): number {
  return Math.max(-32768, Math.min(32767, Math.round(sample * 32768)));
}
