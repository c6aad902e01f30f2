import { type Caller, makeCaller } from './caller';
import { makeContext, useSpeaker } from './context';

const TONE = { hertz: 440, seconds: 0.6, gain: 0.2 };

/** A microphone that is only looked at, and a tone for the loudspeaker. */
export interface SoundCheck {
  listen(device: string): Promise<void>;
  output(device: string): Promise<void>;
  tone(): void;
  close(): void;
}

/** `hear` gets frames of 20 ms. Rejects with a `Problem` where there is no microphone. */
export async function makeSoundCheck(hear: (pcm: Int16Array) => void, lost: () => void): Promise<SoundCheck> {
  const context = makeContext();
  let caller: Caller;
  try {
    caller = await makeCaller(context, hear, lost);
  } catch (cause) {
    await context.close();
    throw cause;
  }
  return {
    listen: caller.listen,
    output: (device) => useSpeaker(context, device),
    tone: () => {
      const gain = new GainNode(context, { gain: TONE.gain });
      const tone = new OscillatorNode(context, { frequency: TONE.hertz });
      tone.connect(gain).connect(context.destination);
      gain.gain.setTargetAtTime(0, context.currentTime + TONE.seconds, 0.05); // at once would be a click
      tone.start();
      tone.stop(context.currentTime + TONE.seconds + 0.3);
    },
    close: () => {
      caller.close();
      void context.close();
    },
  };
}
