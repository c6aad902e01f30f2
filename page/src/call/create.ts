import { createSignal, onCleanup } from 'solid-js';
import { key, useKey } from '../api';
import { levelOf, silent } from '../audio/level';
import { chooseMicrophone, chosenMicrophone } from '../audio/microphone';
import type { Recording } from '../audio/recording';
import { giveKey } from '../key';
import type { FirstMessage } from '../schema';
import { type CallHandle, makeCall, type Opening } from './call';
import { reduce } from './reducer';
import { type CallState, type Happened, idle } from './state';

/** What the next call asks for, read when it begins. */
export interface Wishes {
  readonly hello: Omit<FirstMessage, 'codec' | 'sample_rate'>;
  readonly telephone: boolean;
}

export const inCall = (state: CallState): boolean => !['ready', 'ended'].includes(state.phase);

type First = Pick<Opening, 'words' | 'file'>;

/** The calls of this page, one after the other. */
export function createCall(wishes: () => Wishes) {
  const [state, setState] = createSignal<CallState>(idle);
  const [level, setLevel] = createSignal(silent);
  const [muted, setMuted] = createSignal(false);
  let call: CallHandle | null = null;
  let recording: Recording | null = null; // of the call that was last

  const begin = (first: First = {}) => {
    const tell = (event: Happened) => {
      setState((before) => reduce(before, event));
      if (inCall(state())) return;
      recording = call?.recording() ?? null;
      call = null;
      setLevel(silent);
      if (event.type === 'failed' && event.keyNeeded) void unlock(event.words, first);
    };
    const { hello, telephone } = wishes();
    const given = { key: key(), wishes: hello, telephone, device: chosenMicrophone(), ...first };
    call = makeCall(given, { tell, hear: (pcm) => setLevel(levelOf(pcm)) });
    call.mute(muted());
  };

  const unlock = async (why: string, first: First) => {
    useKey('');
    if (await giveKey(why)) begin(first);
  };

  /** Say what went wrong beside the call, which goes on. */
  const complain = (cause: Error) => setState((now) => ({ ...now, problem: cause.message }));

  const close = () => call?.close();
  addEventListener('pagehide', close);
  onCleanup(() => {
    close();
    removeEventListener('pagehide', close);
  });

  return {
    state,
    level,
    muted,
    talkOrStop: () => (call ? call.close() : begin()),
    type: (words: string) => (call ? call.type(words) : begin({ words })),
    upload: (file: File) => (call ? call.play(file).catch(complain) : begin({ file })),
    mute: (wanted: boolean) => {
      setMuted(wanted);
      call?.mute(wanted);
    },
    listen: (device: string) => {
      chooseMicrophone(device);
      return call?.listen(device).catch(complain);
    },
    recording: () => call?.recording() ?? recording,
  };
}

export type Calls = ReturnType<typeof createCall>;
