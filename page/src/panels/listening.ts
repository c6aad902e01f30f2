/** Listening in on a call: its sound is fetched as it comes and played, caller left, agent right. One call at a time. */

import { createSignal } from 'solid-js';
import { troubleOf } from '../api';
import { chosenSpeaker, useSpeaker } from '../audio/context';
import { WavStream } from '../audio/wav-stream';
import { chunks } from './streaming';

const AHEAD = 0.25; // seconds gathered before it sounds, so that a late piece leaves no hole
const LATE = 3; // seconds; a page that stalled skips what is older

/** The call that is listened to; empty: none. */
const [listened, setListened] = createSignal('');
const [trouble, setTrouble] = createSignal({ call: '', words: '' });
let stop = () => {};

export { listened };

/** Why a call cannot be listened to. */
export const listeningTrouble = (call: string): string => (trouble().call === call ? trouble().words : '');

/** Listen to this call, and to no other any more. */
export function listenTo(call: string): void {
  stopListening();
  const gone = new AbortController();
  const context = new AudioContext();
  if (chosenSpeaker()) void useSpeaker(context, chosenSpeaker());
  stop = () => {
    gone.abort();
    void context.close();
  };
  setTrouble({ call: '', words: '' });
  setListened(call);
  play(call, context, gone.signal)
    .catch((cause) => gone.signal.aborted || setTrouble({ call, words: troubleOf(cause).message }))
    .finally(() => gone.signal.aborted || stopListening());
}

export function stopListening(): void {
  stop();
  stop = () => {};
  setListened('');
}

async function play(call: string, context: AudioContext, signal: AbortSignal): Promise<void> {
  const wav = new WavStream();
  let next = 0; // when what comes is to sound, on the context's clock
  for await (const piece of chunks(`/api/calls/${encodeURIComponent(call)}/listen`, signal)) {
    const voices = wav.feed(piece);
    const frames = voices[0]?.length ?? 0;
    if (frames === 0 || !wav.format) continue;
    const buffer = context.createBuffer(voices.length, frames, wav.format.rate);
    for (const [channel, voice] of voices.entries()) buffer.copyToChannel(voice, channel);
    const now = context.currentTime;
    if (next < now) next = now + AHEAD;
    if (next > now + LATE) continue;
    const source = context.createBufferSource();
    source.buffer = buffer;
    source.connect(context.destination);
    source.start(next);
    next += buffer.duration;
  }
}
