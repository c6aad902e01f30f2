import { Problem, SILENT } from '../call/problem';

const RATES = { lowest: 8000, highest: 48000 }; // what lineside takes
const TELEPHONE = 8000;
const SPEAKER = 'lineside speaker'; // in localStorage: the loudspeaker that was chosen last

interface WithSink {
  setSinkId(id: string): Promise<void>;
}

/** Whether this browser lets a page choose the loudspeaker. */
export const canChooseSpeaker = (): boolean =>
  typeof AudioContext !== 'undefined' && 'setSinkId' in AudioContext.prototype;

/** The loudspeaker that was chosen last; empty: the system's own choice. */
export const chosenSpeaker = (): string => localStorage.getItem(SPEAKER) ?? '';

export function chooseSpeaker(id: string): void {
  if (id) localStorage.setItem(SPEAKER, id);
  else localStorage.removeItem(SPEAKER);
}

/** Play through that loudspeaker. One that is gone leaves the sound where it is. */
export async function useSpeaker(context: AudioContext, id: string): Promise<void> {
  if (canChooseSpeaker()) await (context as AudioContext & WithSink).setSinkId(id).catch(() => {});
}

/** Sound at the device's own rate where lineside takes that: nothing is resampled on the way then. */
export function makeContext(telephone = false): AudioContext {
  const context = contextAt(telephone);
  if (chosenSpeaker()) void useSpeaker(context, chosenSpeaker());
  return context;
}

function contextAt(telephone: boolean): AudioContext {
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
