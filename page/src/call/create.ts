import { createEffect, createMemo, createSignal, onCleanup } from 'solid-js';
import { key, useKey } from '../api';
import { chooseSpeaker } from '../audio/context';
import { levelOf, silent } from '../audio/level';
import { chooseMicrophone, chosenMicrophone } from '../audio/microphone';
import type { Recording } from '../audio/recording';
import { giveKey } from '../key';
import type { FirstMessage } from '../schema';
import { type CallHandle, makeCall, type Opening } from './call';
import { reduce } from './reducer';
import { type CallState, type Happened, idle } from './state';

const TWICE = 500; // ms; a second press within it is the second half of a double click

/** What the next call asks for, read when it begins. */
export interface CallRequest {
  readonly hello: Omit<FirstMessage, 'codec' | 'sample_rate'>;
  readonly telephone: boolean;
  readonly webrtc: boolean;
}

/** A conversation, with its sound where there is any. */
export interface Conversation {
  readonly state: CallState;
  readonly recording: Recording | null;
}

export const inCall = (state: CallState): boolean => !['ready', 'ended'].includes(state.phase);

type First = Pick<Opening, 'words' | 'file'>;

/** The calls of this page, one after the other. */
export function createCall(request: () => CallRequest) {
  const [state, setState] = createSignal<CallState>(idle);
  const [level, setLevel] = createSignal(silent);
  const [muted, setMuted] = createSignal(false);
  const [previous, setPrevious] = createSignal<Conversation | null>(null); // the conversation before this one
  const [looksBack, setLooksBack] = createSignal(false);
  let call: CallHandle | null = null;
  let recording: Recording | null = null; // of the call that was last
  let pressed = Number.NEGATIVE_INFINITY;
  const active = () => inCall(state());

  const begin = (first: First = {}) => {
    if (state().lines.length > 0) setPrevious({ state: state(), recording });
    setLooksBack(false);
    const onEvent = (event: Happened) => {
      setState((before) => reduce(before, event));
      if (active()) return;
      recording = call?.recording() ?? null;
      call = null;
      setLevel(silent);
      setMuted(false);
      if (event.type === 'failed' && event.keyNeeded) void unlock(event.words, first);
    };
    const { hello, telephone, webrtc } = request();
    const given = { key: key(), wishes: hello, telephone, webrtc, device: chosenMicrophone(), ...first };
    call = makeCall(given, { onEvent, onFrame: (pcm) => setLevel(levelOf(pcm)) });
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
    seconds: createClock(createMemo(() => active() && state().began !== null)), // not begun anew by each event
    /** The conversation that is looked at: this one or the one before. */
    shown: (): CallState => (looksBack() && previous()?.state) || state(),
    previous,
    looksBack,
    lookBack: setLooksBack,
    startOrEnd: () => {
      const now = performance.now();
      if (now - pressed < TWICE) return;
      pressed = now;
      if (call) call.close();
      else begin();
    },
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
    output: (device: string) => {
      chooseSpeaker(device);
      return call?.output(device);
    },
    resumeSound: () => call?.resumeSound(),
    recording: () => (looksBack() ? previous()?.recording : (call?.recording() ?? recording)) ?? null,
  };
}

/** Whole seconds since `runs` became true. */
function createClock(runs: () => boolean): () => number {
  const [seconds, setSeconds] = createSignal(0);
  createEffect(() => {
    if (!runs()) return;
    const began = performance.now();
    setSeconds(0);
    const timer = setInterval(() => setSeconds(Math.floor((performance.now() - began) / 1000)), 250);
    onCleanup(() => clearInterval(timer));
  });
  return seconds;
}

export type Calls = ReturnType<typeof createCall>;
