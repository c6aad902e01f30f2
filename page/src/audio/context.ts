import { Problem, SILENT } from '../call/problem';

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

/** Load what runs beside the page, in the thread of its sound. Rejects with a `Problem` when it cannot be fetched. */
export async function addWorklet(context: AudioContext, worklet: string): Promise<void> {
  try {
    await context.audioWorklet.addModule(worklet);
  } catch (cause) {
    throw context.state === 'closed' ? cause : new Problem(SILENT);
  }
}
