/** What else the next call is told: its band, how patient it is, and words of its own. */

import { createUniqueId, For, type JSX, Show } from 'solid-js';
import { type Choices, choices, choose, PROFILES } from '../choices';

const BAND: Record<Choices['band'], string> = {
  wide: 'Wideband, as the microphone has it',
  telephone: 'Telephone: 8 kHz μ-law, as a real phone would send it',
};
const PROFILE: Record<Choices['profile'], string> = {
  '': 'As set (TURN_PROFILE)',
  fast: 'Fast: answers at the first pause that sounds final',
  balanced: 'Balanced',
  patient: 'Patient: waits for people who think aloud',
  digits: 'Digits: waits between groups of numbers',
  silence: 'By silence alone',
};

export function NextCall(): JSX.Element {
  const turns = createUniqueId();
  return (
    <section class="card next-call" aria-labelledby="next-call-head">
      <h2 id="next-call-head">How the next call goes</h2>
      <fieldset>
        <legend>Sound</legend>
        <For each={['wide', 'telephone'] as const}>
          {(band) => (
            <label class="option">
              <input
                type="radio"
                name="band"
                checked={choices().band === band}
                onChange={() => choose({ band })}
              />
              <span>{BAND[band]}</span>
            </label>
          )}
        </For>
      </fieldset>
      <label class="field" for={turns}>
        When the caller's turn is over
      </label>
      <select
        id={turns}
        onChange={(event) => choose({ profile: event.currentTarget.value as Choices['profile'] })}
      >
        <For each={PROFILES}>
          {(profile) => (
            <option value={profile} selected={choices().profile === profile}>
              {PROFILE[profile]}
            </option>
          )}
        </For>
      </select>
      <Own
        part="systemPrompt"
        words="A system prompt of its own"
        about="In place of the agent's prompt and facts."
      />
      <Own part="greeting" words="A greeting of its own" about="Empty: the agent says nothing first." />
    </section>
  );
}

function Own(given: { part: 'systemPrompt' | 'greeting'; words: string; about: string }): JSX.Element {
  const id = createUniqueId();
  const text = () => choices()[given.part];
  return (
    <div>
      <label class="option">
        <input
          type="checkbox"
          checked={text() !== null}
          onChange={(event) => choose({ [given.part]: event.currentTarget.checked ? '' : null })}
        />
        <span>{given.words}</span>
      </label>
      <Show when={text() !== null}>
        <textarea
          id={id}
          rows={given.part === 'greeting' ? 2 : 5}
          maxLength={20_000}
          aria-label={given.words}
          aria-describedby={`${id}-about`}
          value={text() ?? ''}
          onInput={(event) => choose({ [given.part]: event.currentTarget.value })}
        />
        <p class="note" id={`${id}-about`}>
          {given.about}
        </p>
      </Show>
    </div>
  );
}
