import { addWorklet } from './context';
import farWorklet from './far-speaker.worklet?worker&url';
import worklet from './speaker.worklet?worker&url';

const TAIL = 500; // ms that the browser holds back of a track, against jitter
const DRAIN = 2.5; // seconds for the last sound to be heard; as long as the ring can be, and a little more

/** What has been played: so many seconds of the reply; and all sound since the last word, silence and all. */
export interface Played {
  readonly gaps: number;
  readonly seconds: number;
  readonly pcm: Int16Array;
}

export interface Speaker {
  /** A reply begins: its sound comes next. */
  begin(): void;
  play(pcm: Int16Array<ArrayBuffer>): void;
  /** The reply has been sent to its end. */
  over(): void;
  /** Forget what has not been played. */
  clear(): void;
  /** Wait until all that was given has been played. */
  drain(): Promise<void>;
  close(): void;
}

/** The caller's loudspeaker: sound in the rate of the context, played without gaps. `tell` is called ten times a second. */
export async function makeSpeaker(context: AudioContext, tell: (played: Played) => void): Promise<Speaker> {
  await addWorklet(context, worklet);
  const node = new AudioWorkletNode(context, 'speaker', { numberOfInputs: 0, outputChannelCount: [1] });
  node.connect(context.destination);
  let drained = (): void => {};
  node.port.onmessage = ({ data }: MessageEvent<Played | { drained: true }>) =>
    'drained' in data ? drained() : tell(data);
  return {
    begin: () => node.port.postMessage('begin'),
    play: (pcm) => node.port.postMessage(pcm, [pcm.buffer]),
    over: () => node.port.postMessage('over'),
    clear: () => node.port.postMessage('clear'),
    drain: () =>
      new Promise((done) => {
        drained = done;
        setTimeout(done, DRAIN * 1000); // a context that was suspended meanwhile never plays it
        node.port.postMessage('drain');
      }),
    close: () => node.disconnect(),
  };
}

/** The same for the agent's track: it is paced by lineside, so nothing waits here but what the browser holds back. */
export async function makeFarSpeaker(
  context: AudioContext,
  stream: MediaStream,
  tell: (played: Played) => void,
): Promise<Speaker> {
  await addWorklet(context, farWorklet);
  // Chromium lets the sound of a track flow only while an element plays it.
  const element = new Audio();
  element.muted = true;
  element.srcObject = stream;
  element.play().catch(() => {}); // ended at once
  const node = new AudioWorkletNode(context, 'far-speaker', {
    channelCount: 1,
    channelCountMode: 'explicit',
    outputChannelCount: [1],
  });
  context.createMediaStreamSource(stream).connect(node).connect(context.destination);
  node.port.onmessage = ({ data }: MessageEvent<Played>) => tell(data);
  return {
    begin: () => node.port.postMessage('begin'),
    play: () => {},
    over: () => {},
    clear: () => {}, // lineside has stopped sending
    drain: () => new Promise((done) => setTimeout(done, TAIL)),
    close: () => {
      node.disconnect();
      element.srcObject = null;
    },
  };
}
