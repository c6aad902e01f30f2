const RATES = { lowest: 8000, highest: 48000 }; // what lineside takes
const TELEPHONE = 8000;

/** Sound at the device's own rate where lineside takes that: nothing is resampled on the way then. */
export function makeContext(telephone = false): AudioContext {
  if (telephone) return new AudioContext({ latencyHint: 'interactive', sampleRate: TELEPHONE });
  const context = new AudioContext({ latencyHint: 'interactive' });
  if (context.sampleRate >= RATES.lowest && context.sampleRate <= RATES.highest) return context;
  context.close();
  return new AudioContext({ latencyHint: 'interactive', sampleRate: RATES.highest });
}
