import { createSignal, type JSX, onCleanup } from 'solid-js';
import { type Calls, inCall } from '../call/create';
import { choices, choose } from '../choices';
import { Meter } from './Meter';
import { SoundCheck } from './SoundCheck';
import './call-controls.css';

/** Speak, be seen to be heard, or type. */
export function CallControls(given: { calls: Calls }): JSX.Element {
  const { calls } = given;
  const [words, setWords] = createSignal('');
  const talking = () => inCall(calls.state());
  const connecting = () => calls.state().phase === 'connecting';
  let picker!: HTMLInputElement;

  const send = (event: SubmitEvent) => {
    event.preventDefault();
    if (!words().trim() || connecting()) return;
    calls.type(words().trim());
    setWords('');
  };
  const upload = () => {
    const file = picker.files?.[0];
    picker.value = ''; // the same one may be chosen again
    if (file && !connecting()) void calls.upload(file);
  };
  const space = (event: KeyboardEvent) => {
    if (event.key !== ' ' || event.repeat || document.activeElement !== document.body) return;
    event.preventDefault(); // it would scroll
    calls.talkOrStop();
  };
  document.addEventListener('keydown', space);
  onCleanup(() => document.removeEventListener('keydown', space));

  return (
    <footer>
      <p id="problem" class="problem wide" role="alert">
        {calls.state().problem}
      </p>
      <div class="desk wide">
        <button
          id="talk"
          type="button"
          class="main"
          classList={{ stop: talking() }}
          aria-keyshortcuts="Space"
          title="Space bar"
          onClick={calls.talkOrStop}
        >
          {talking() ? 'Stop' : 'Talk'}
        </button>
        <button
          id="mute"
          type="button"
          aria-pressed={calls.muted()}
          onClick={() => calls.mute(!calls.muted())}
        >
          {calls.muted() ? 'Muted' : 'Mute'}
        </button>
        <Meter id="level" name="Microphone" level={calls.level()} />
        <form id="typing" autocomplete="off" onSubmit={send}>
          <label class="unseen" for="words">
            Type instead of speaking
          </label>
          <input
            id="words"
            maxlength="4000"
            placeholder="Type instead of speaking"
            enterkeyhint="send"
            value={words()}
            onInput={(event) => setWords(event.currentTarget.value)}
          />
          <button id="send" type="submit" disabled={connecting()}>
            Send
          </button>
        </form>
        <div class="more">
          <SoundCheck calls={calls} />
          <label class="button" title="Let a recording speak to the agent, as if you said it now">
            Play a file
            <input
              id="file"
              class="unseen"
              type="file"
              accept="audio/*,.wav,.mp3,.ogg,.flac,.m4a"
              ref={picker}
              onChange={upload}
            />
          </label>
          <label
            class="band"
            title="Sound as a real telephone carries it: 8 kHz, mu-law; from the next call on"
          >
            <input
              id="telephone"
              type="checkbox"
              checked={choices().band === 'telephone'}
              onChange={(event) => choose({ band: event.currentTarget.checked ? 'telephone' : 'wide' })}
            />
            Telephone band
          </label>
        </div>
      </div>
    </footer>
  );
}
