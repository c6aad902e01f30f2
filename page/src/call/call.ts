import { type Caller, makeCaller } from '../audio/caller';
import { makeContext, useSpeaker } from '../audio/context';
import { readRecording } from '../audio/file';
import { fromMuLaw, toMuLaw } from '../audio/g711';
import { Recording } from '../audio/recording';
import { makeFarSpeaker, makeSpeaker, type Played, type Speaker } from '../audio/speaker';
import type { FirstMessage, ServerMessage } from '../schema';
import type { Connection, ConnectionListeners } from './connection';
import { KeyNeeded, Problem } from './problem';
import { makeRtc } from './rtc';
import { makeSocket } from './socket';
import type { Happened } from './state';
import { askForToken } from './token';

/** How a call begins. With words or a file it opens no microphone, skips the greeting and begins with them. */
export interface Opening {
  readonly key: string;
  /** Who shall answer. */
  readonly wishes: Omit<FirstMessage, 'codec' | 'sample_rate'>;
  /** As a telephone would send it: 8 kHz, mu-law. */
  readonly telephone: boolean;
  /** Over a peer connection, where one comes about. */
  readonly webrtc: boolean;
  readonly device: string;
  readonly words?: string;
  readonly file?: File;
}

export interface CallListeners {
  /** Gets what happens; see state.ts. */
  readonly onEvent: (event: Happened) => void;
  /** Gets each frame of the caller's sound. */
  readonly onFrame: (pcm: Int16Array) => void;
}

export interface CallHandle {
  type(text: string): void;
  play(file: File): Promise<void>;
  mute(muted: boolean): void;
  listen(device: string): Promise<void>;
  /** Play through that loudspeaker; empty: the system's own choice. */
  output(device: string): Promise<void>;
  /** Ask for the sound that the system took away. */
  resumeSound(): Promise<void>;
  /** Both sides of it, so far. */
  recording(): Recording | null;
  close(): void;
}

type First = Opening['wishes'];

const GONE = 'Microphone disconnected. Connect it again and press Start call.';
const INTERRUPTED_FOR = 300; // ms; a shorter interruption is over before anybody could read of it

/** One call: context, loudspeaker, microphone and connection, opened in that order and closed together. */
export function makeCall(opening: Opening, { onEvent, onFrame }: CallListeners): CallHandle {
  const { words, file, telephone } = opening;
  const held: { close(): unknown }[] = []; // what is to be closed, in the order in which it was opened
  let over = false;
  let ready = false; // what is said before the line is up, or after it has ended, is not sent
  let muted = false;
  let context: AudioContext | null = null;
  let speaker: Speaker | null = null;
  let caller: Caller | null = null;
  let connection: Connection | null = null;
  let recording: Recording | null = null;
  let sounding = 0; // the reply whose sound comes
  let before: Played | null = null;
  let notSounding = (): unknown => null; // looks whether the system plays at all

  const keep = <T extends { close(): unknown }>(thing: T): T => {
    if (over)
      thing.close(); // Stop was pressed while it was being opened
    else held.push(thing);
    return thing;
  };
  const end = (event: Happened) => {
    if (over) return;
    over = true;
    for (const thing of held.reverse()) thing.close();
    onEvent({ ...event, seen: performance.now() });
  };

  const played = (now: Played) => {
    if (over) return;
    recording?.played(now.pcm);
    if (now.gaps !== (before?.gaps ?? 0)) onEvent({ type: 'gaps', gaps: now.gaps });
    if (sounding && now.seconds !== before?.seconds)
      onEvent({ type: 'played', reply: sounding, seconds: now.seconds });
    before = now;
  };

  const frame = (pcm: Int16Array<ArrayBuffer>) => {
    if (over) return;
    onFrame(pcm);
    if (!ready) return;
    recording?.said(pcm);
    connection?.send(telephone ? toMuLaw(pcm) : new Uint8Array(pcm.buffer));
  };

  /** Where the caller's sound goes in; a typed call has none until a file is played. */
  const mouth = async (sound: AudioContext): Promise<Caller> => {
    caller ??= keep(await makeCaller(sound, frame, () => end({ type: 'failed', words: GONE })));
    caller.mute(muted);
    return caller;
  };

  const open = async () => {
    const sound = makeContext(telephone);
    context = keep(sound);
    keep(watched(sound));
    const rate = Math.round(sound.sampleRate);
    recording = new Recording(rate);
    if (!opening.webrtc) speaker = keep(await makeSpeaker(sound, played));
    const spoken = words === undefined && !file;
    const upload = file && !over ? await readRecording(file, sound) : null;
    if ((spoken || upload || opening.webrtc) && !over) await mouth(sound);
    if (spoken && !over) await caller?.listen(opening.device);
    const token = over ? '' : await askForToken(opening.key);
    if (over) return;

    const first = { ...opening.wishes, ...(!spoken && { greeting: '' }) };
    const listeners: ConnectionListeners = {
      told: (event) => happened(event, upload),
      away: (away) => onEvent({ type: 'away', away }),
      lost: () => end({ type: 'lost' }),
      refused: (why) => end({ type: 'failed', words: why }),
    };
    if (opening.webrtc && caller) connection = overRtc(sound, token, first, caller.stream(), listeners);
    else connection = overSocket(token, rate, first, listeners);
  };

  const overSocket = (token: string, rate: number, first: First, listeners: ConnectionListeners) => {
    const hello = { codec: telephone ? 'g711_ulaw' : 'pcm', sample_rate: rate, ...first } as const;
    return keep(
      makeSocket(() => askForToken(opening.key), token, hello, (telephone ? 1 : 2) * rate, {
        ...listeners,
        hear: (data) => speaker?.play(telephone ? fromMuLaw(new Uint8Array(data)) : new Int16Array(data)),
      }),
    );
  };

  const overRtc = (
    sound: AudioContext,
    token: string,
    first: First,
    stream: MediaStream,
    listeners: ConnectionListeners,
  ) => {
    const instead = async () => {
      speaker = keep(await makeSpeaker(sound, played));
      if (!over) connection = overSocket(token, Math.round(sound.sampleRate), first, listeners);
    };
    const agent = async (voice: MediaStream) => {
      speaker = keep(await makeFarSpeaker(sound, voice, played));
    };
    return keep(
      makeRtc(token, first, stream, {
        ...listeners,
        track: (voice) => agent(voice).catch(failed),
        unreachable: (words) => {
          onEvent({ type: 'instead', words });
          instead().catch(failed);
        },
      }),
    );
  };

  /** Notice when the system takes the sound away, and try to have it back. */
  const watched = (sound: AudioContext) => {
    let told = false;
    const tell = (interrupted: boolean) => {
      if (over || told === interrupted) return;
      told = interrupted;
      onEvent({ type: 'sound', interrupted });
    };
    sound.onstatechange = () => {
      if (sound.state === 'running') return tell(false);
      if (!ready || sound.state === 'closed') return;
      sound.resume().catch(() => {}); // refused until the page is touched: the button does it then
      setTimeout(() => sound.state !== 'running' && tell(true), INTERRUPTED_FOR);
    };
    notSounding = () =>
      sound.state !== 'running' && setTimeout(() => tell(sound.state !== 'running'), INTERRUPTED_FOR);
    return {
      close: () => {
        sound.onstatechange = null;
      },
    };
  };

  const happened = (event: ServerMessage, upload: AudioBuffer | null) => {
    if (over) return;
    const seen = performance.now();
    switch (event.type) {
      case 'ready':
        ready = true;
        notSounding();
        onEvent({ ...event, seen });
        if (words) connection?.say({ type: 'text', text: words });
        if (upload) caller?.play(upload, () => {});
        return;
      case 'audio_started':
        sounding = event.reply;
        speaker?.begin();
        break;
      case 'clear':
        speaker?.clear();
        break;
      case 'audio_done':
        speaker?.over();
        break;
      case 'ended': // the gateway closes now; what it has sent is still heard
        ready = false;
        connection?.over();
        speaker?.drain().then(() => end(event));
        return;
    }
    onEvent({ ...event, seen });
  };

  const failed = (cause: Error) => {
    if (over) return; // what was still being opened was closed under its hands
    if (!(cause instanceof Problem || cause instanceof KeyNeeded)) console.error(cause);
    end({ type: 'failed', words: cause.message, keyNeeded: cause instanceof KeyNeeded });
  };

  onEvent({ type: 'connecting' });
  open().catch(failed);

  return {
    type: (text) => connection?.say({ type: 'text', text }),
    play: async (upload) => {
      if (!context) return;
      const sound = await readRecording(upload, context);
      if (!over && ready) (await mouth(context)).play(sound, () => {});
    },
    resumeSound: async () => context?.resume().catch(() => {}),
    output: async (device) => {
      if (context) await useSpeaker(context, device);
    },
    mute: (wanted) => {
      muted = wanted;
      caller?.mute(wanted);
    },
    listen: async (device) => caller?.listen(device),
    recording: () => recording,
    close: () => end({ type: 'stopped' }),
  };
}
