import { createSignal, For, type JSX, onCleanup, Show } from 'solid-js';
import { type Calls, inCall } from '../call/create';
import { chips, choices, choose, resetChoices, unchoose } from '../choices';
import { Meter } from './Meter';
import { SoundCheck } from './SoundCheck';
import './call-controls.css';

// What takes a space itself, wherever the focus came from; the rest only where it was reached by keyboard.
const TAKES_SPACE =
  'button, a, select, textarea, audio, [contenteditable], dialog *, input:not([type=checkbox])';

/** Start and end a call, mute, type, and what the next call is told. */
export function CallControls(given: { calls: Calls }): JSX.Element {
  const { calls } = given;
  const active = () => inCall(calls.state());
  createSpaceBar(calls.startOrEnd);
  return (
    <footer>
      <p id="problem" class="problem wide" role="alert">
        {calls.state().problem}
      </p>
      <div class="wide" role="status">
        <Show when={calls.state().away}>
          <p class="interrupted">The network is gone. The call waits, and this page reconnects by itself.</p>
        </Show>
        <Show when={calls.state().instead}>
          <p class="interrupted">{calls.state().instead}</p>
        </Show>
        <Show when={calls.state().silenced}>
          <p class="interrupted">
            The system gives this page no sound: another call or program has it, or there is no sound card.
            <button type="button" class="small" onClick={() => calls.resumeSound()}>
              Resume sound
            </button>
          </p>
        </Show>
      </div>
      <Show when={!active()}>
        <Chosen />
      </Show>
      <div class="desk wide">
        <button
          id="talk"
          type="button"
          class="main"
          classList={{ stop: active() }}
          aria-keyshortcuts="Space"
          title="Space bar"
          // The second half of a double click is none of its own, however late a busy machine brings it.
          onClick={(event) => event.detail < 2 && calls.startOrEnd()}
        >
          {active() ? 'End call' : 'Start call'}
        </button>
        <button
          id="mute"
          type="button"
          disabled={!active()}
          aria-pressed={calls.muted()}
          onClick={() => calls.mute(!calls.muted())}
        >
          {calls.muted() ? 'Unmute' : 'Mute'}
        </button>
        <Meter id="level" name="Microphone" level={calls.level()} />
        <Typing calls={calls} />
        <More calls={calls} />
      </div>
    </footer>
  );
}

/** The space bar starts and ends the call, unless what has the focus takes it. */
function createSpaceBar(press: () => void): void {
  let byPointer = false; // the focus came from a click: a box that was ticked shall not be ticked again
  const pointed = () => {
    byPointer = true;
  };
  const keyed = (event: KeyboardEvent) => {
    if (event.key !== ' ') {
      if (event.key === 'Tab' || event.key.startsWith('Arrow')) byPointer = false;
      return;
    }
    const focused = document.activeElement;
    const takes = focused?.matches(TAKES_SPACE) || (!byPointer && focused?.matches('input, summary'));
    if (event.repeat || takes || document.querySelector('dialog[open]')) return;
    if (focused?.matches('input, summary')) (focused as HTMLElement).blur(); // or the key's end would press it
    event.preventDefault(); // it would scroll
    press();
  };
  document.addEventListener('pointerdown', pointed, true);
  document.addEventListener('keydown', keyed);
  onCleanup(() => {
    document.removeEventListener('pointerdown', pointed, true);
    document.removeEventListener('keydown', keyed);
  });
}

/** What the next call is told that is not the default, each with a button that takes it back. */
function Chosen(): JSX.Element {
  return (
    <Show when={chips(choices()).length > 0}>
      <ul class="chips wide" aria-label="Choices for the next call">
        <For each={chips(choices())}>
          {(chip) => (
            <li>
              <button
                type="button"
                class="small chip"
                aria-label={`Remove ${chip.words}`}
                onClick={() => unchoose(chip.part)}
              >
                {chip.words} <span aria-hidden="true">×</span>
              </button>
            </li>
          )}
        </For>
        <li>
          <button type="button" class="small" onClick={resetChoices}>
            Reset to defaults
          </button>
        </li>
      </ul>
    </Show>
  );
}

function Typing(given: { calls: Calls }): JSX.Element {
  const [words, setWords] = createSignal('');
  const connecting = () => given.calls.state().phase === 'connecting';
  const send = (event: SubmitEvent) => {
    event.preventDefault();
    if (!words().trim() || connecting()) return;
    given.calls.type(words().trim());
    setWords('');
  };
  return (
    <form id="typing" autocomplete="off" onSubmit={send}>
      <label class="unseen" for="words">
        Type a message
      </label>
      <input
        id="words"
        maxlength="4000"
        placeholder="Type a message"
        enterkeyhint="send"
        value={words()}
        onInput={(event) => setWords(event.currentTarget.value)}
      />
      <button id="send" type="submit" disabled={connecting()}>
        Send
      </button>
    </form>
  );
}

function More(given: { calls: Calls }): JSX.Element {
  let picker!: HTMLInputElement;
  const upload = () => {
    const file = picker.files?.[0];
    picker.value = ''; // the same one may be chosen again
    if (file && given.calls.state().phase !== 'connecting') void given.calls.upload(file);
  };
  return (
    <div class="more">
      <SoundCheck calls={given.calls} />
      <label class="button" title="Let a recording speak to the agent, as if you said it now">
        Play audio file
        <input
          id="file"
          class="unseen"
          type="file"
          accept="audio/*,.wav,.mp3,.ogg,.flac,.m4a"
          ref={picker}
          onChange={upload}
        />
      </label>
      <label class="band" title="Sound as a real telephone carries it: 8 kHz, mu-law; from the next call on">
        <input
          id="telephone"
          type="checkbox"
          checked={choices().band === 'telephone'}
          onChange={(event) => choose({ band: event.currentTarget.checked ? 'telephone' : 'wide' })}
        />
        Phone quality (8 kHz)
      </label>
    </div>
  );
}
