import { Problem } from '../call/problem';
import worklet from './caller.worklet?worker&url';
import { addWorklet } from './context';
import { type Lent, lend } from './microphone';

/** What the caller says, from wherever it comes: a microphone, a file, or both at once. */
export interface Caller {
  /** Let that microphone be heard, instead of the one before it. */
  listen(device: string): Promise<void>;
  /** Send silence for what the microphone hears. */
  mute(muted: boolean): void;
  /** Let a recording be heard, as if it were spoken now. */
  play(sound: AudioBuffer, done: () => void): void;
  /** All of it, as a peer connection takes it. */
  stream(): MediaStream;
  close(): void;
}

/** `hear` gets frames of 20 ms at the context's rate; `lost` is called when the microphone was pulled out. */
export async function makeCaller(
  context: AudioContext,
  hear: (pcm: Int16Array<ArrayBuffer>) => void,
  lost: () => void,
): Promise<Caller> {
  await addWorklet(context, worklet);
  const node = new AudioWorkletNode(context, 'caller', { channelCount: 1, channelCountMode: 'explicit' });
  node.port.onmessage = ({ data }: MessageEvent<Int16Array<ArrayBuffer>>) => hear(data);
  // Its output is silence; it is connected because some browsers run only what leads to the loudspeaker.
  node.connect(context.destination);
  const mixed = new GainNode(context);
  mixed.connect(node);

  let microphone: Lent | null = null;
  let muted = false;
  let closed = false;
  let silence: ConstantSourceNode | null = null;

  /** A recording ends: from then on the line carries silence, or lineside would wait for more of it for ever. */
  const keepFlowing = () => {
    if (silence) return;
    silence = new ConstantSourceNode(context, { offset: 0 });
    silence.connect(mixed);
    silence.start();
  };

  const listen = async (device: string) => {
    const next = await lend(device);
    if (closed) return next.close(); // hung up while the browser was asking
    try {
      next.mute(muted);
      next.lost(lost);
      attach(context, next.stream).connect(mixed);
    } catch (cause) {
      next.close();
      throw cause;
    }
    microphone?.close();
    microphone = next;
  };

  return {
    listen,
    mute: (wanted) => {
      muted = wanted;
      microphone?.mute(wanted);
    },
    play: (sound, done) => {
      keepFlowing();
      const source = new AudioBufferSourceNode(context, { buffer: sound });
      source.onended = done;
      source.connect(mixed);
      source.start();
    },
    stream: () => {
      const taken = context.createMediaStreamDestination();
      mixed.connect(taken);
      return taken.stream;
    },
    close: () => {
      closed = true;
      microphone?.close();
      node.port.onmessage = null;
      mixed.disconnect();
      node.disconnect();
    },
  };
}

function attach(context: AudioContext, stream: MediaStream): MediaStreamAudioSourceNode {
  try {
    return context.createMediaStreamSource(stream);
  } catch (cause) {
    // Some browsers cannot bring a microphone to another rate than its own.
    if ((cause as DOMException).name !== 'NotSupportedError') throw cause;
    throw new Problem(
      'This browser has no telephone band for a microphone. Choose the wide band and press Start call.',
    );
  }
}
