/** Two voices say the same words, to be compared before a call has one. */

import { createMemo, createSignal, createUniqueId, For, type JSX, onCleanup, Show } from 'solid-js';
import { bytes, troubleOf } from '../api';
import { choices, choose } from '../choices';
import { engineWords } from '../format';
import { choicesOf, defaultWords, enginesOffered, isAbsent, shortOf } from '../offers';
import type { ModelStatus, RoleEngines, SayText } from '../schema';
import { BusyButton, ErrorMessage } from './widgets';

const LONGEST = 300; // characters; the gateway says no more
const WITHIN = 60_000; // ms for a sample to be made: its model may have to be loaded first
const SAMPLE = 'Good morning. The family plan costs $35 a month. May I have your order number?';

const [text, setText] = createSignal(SAMPLE); // outlives the view

/** A voice: an engine and, where it has several, which of them. */
interface Voice {
  readonly engine: string;
  readonly voice: string;
  /** Why it cannot be heard now; empty: it can. */
  readonly short: string;
}

const key = (one: Voice): string => JSON.stringify([one.engine, one.voice]);

export function Voices(given: { voices: RoleEngines; models: readonly ModelStatus[] }): JSX.Element {
  const id = createUniqueId();
  let stop = () => {}; // one sample is heard at a time
  const hear = async (audio: HTMLAudioElement) => {
    stop();
    stop = () => audio.pause();
    await audio.play();
  };
  onCleanup(() => stop());
  return (
    <section class="card voices" aria-labelledby={`${id}-head`}>
      <h2 id={`${id}-head`}>Compare voices</h2>
      <label class="field" for={id}>
        Text to say
      </label>
      <textarea
        id={id}
        rows="3"
        maxLength={LONGEST}
        value={text()}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      <For each={['A', 'B']}>
        {(name, at) => (
          <Sample name={name} at={at()} voices={given.voices} models={given.models} hear={hear} />
        )}
      </For>
    </section>
  );
}

/** One of the two: which voice, a button that lets it speak, and how long that took. */
function Sample(given: {
  name: string;
  at: number;
  voices: RoleEngines;
  models: readonly ModelStatus[];
  hear: (audio: HTMLAudioElement) => Promise<void>;
}): JSX.Element {
  const [picked, setPicked] = createSignal<string>();
  const [busy, setBusy] = createSignal(false);
  const [told, setTold] = createSignal('');
  const [trouble, setTrouble] = createSignal('');
  /** Every voice: the one that answers now, those that can be heard at once, the others. */
  const all = createMemo((): Voice[] => {
    const engines = enginesOffered(given.voices.engines);
    const voices = engines.flatMap((engine): Voice[] => {
      const known = choicesOf(engine, given.voices.engines);
      return (known.length > 0 ? known : ['']).map((voice) => ({
        engine: engine.name,
        voice,
        short: isAbsent(engine.name, voice, given.models) ? 'not downloaded' : shortOf(engine),
      }));
    });
    const usual = defaultWords(given.voices);
    const rank = (one: Voice) => (one.short ? 2 : one.voice === usual ? 0 : 1);
    return voices.sort((one, other) => rank(one) - rank(other));
  });
  const now = () => all().find((one) => key(one) === picked()) ?? all()[Math.min(given.at, all().length - 1)];
  const used = () => {
    const { engine = '', voice = '' } = now() ?? {};
    return choices().tts === engine && choices().voice === voice;
  };
  const play = async () => {
    const voice = now();
    if (!voice) return;
    setBusy(true);
    setTrouble('');
    setTold('');
    const began = performance.now();
    try {
      const wanted: SayText = { text: text(), engine: voice.engine, voice: voice.voice };
      const sound = await bytes('/api/voices/say', AbortSignal.timeout(WITHIN), wanted);
      const took = Math.round(performance.now() - began);
      const audio = new Audio(URL.createObjectURL(sound));
      audio.onended = () => URL.revokeObjectURL(audio.src);
      await given.hear(audio);
      setTold(`${audio.duration.toFixed(1)} s of speech, synthesized in ${took.toLocaleString('en')} ms`);
    } catch (cause) {
      setTrouble(troubleOf(cause).message);
    } finally {
      setBusy(false);
    }
  };
  const take = () => {
    const voice = now();
    if (voice) choose({ tts: voice.engine, voice: voice.voice });
  };
  return (
    <div class="sample">
      <div class="row">
        <select
          class="sample-voice"
          aria-label={`Voice ${given.name}`}
          onChange={(event) => setPicked(event.currentTarget.value)}
        >
          <For each={all()}>
            {(one) => (
              <option value={key(one)} selected={key(one) === (now() && key(now() as Voice))}>
                {[engineWords(one.engine), one.voice !== one.engine && one.voice].filter(Boolean).join(', ')}
                {one.short && ` (${one.short})`}
              </option>
            )}
          </For>
        </select>
        <BusyButton
          busy={busy()}
          label={`Play voice ${given.name}`}
          words="Play"
          main
          disabled={!text().trim()}
          onPress={() => void play()}
        />
        <button type="button" class="small" disabled={used()} onClick={take}>
          {used() ? 'Used for calls' : 'Use for calls'}
          <span class="unseen"> from this browser: voice {given.name}</span>
        </button>
      </div>
      <p class="note" role="status">
        {told()}
      </p>
      <Show when={trouble()}>
        <ErrorMessage words={trouble()} />
      </Show>
    </div>
  );
}
