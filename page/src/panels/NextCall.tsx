/** What else the next call is told: its band and transport, how patient it is, and words of its own. */

import { createUniqueId, For, type JSX, Show } from 'solid-js';
import { type Choices, choices, choose, PROFILES, TRANSPORTS } from '../choices';

const BAND: Record<Choices['band'], string> = {
  wide: 'Wideband (native rate)',
  telephone: 'Phone quality: 8 kHz μ-law, as a real phone sends it',
};
const TRANSPORT: Record<Choices['transport'], string> = {
  websocket: 'WebSocket',
  webrtc: 'WebRTC: for a network that loses packets',
};
const PROFILE: Record<Choices['profile'], string> = {
  '': 'Default (TURN_PROFILE)',
  fast: 'Fast: answers at the first pause that sounds final',
  balanced: 'Balanced',
  patient: 'Patient: waits for people who think aloud',
  digits: 'Digits: waits between groups of numbers',
  silence: 'Silence only',
};

export function NextCall(): JSX.Element {
  const turns = createUniqueId();
  return (
    <section class="card next-call" aria-labelledby="next-call-head">
      <h2 id="next-call-head">Call options</h2>
      <fieldset>
        <legend>Audio</legend>
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
      <fieldset>
        <legend>Transport</legend>
        <For each={TRANSPORTS}>
          {(transport) => (
            <label class="option">
              <input
                type="radio"
                name="transport"
                checked={choices().transport === transport}
                onChange={() => choose({ transport })}
              />
              <span>{TRANSPORT[transport]}</span>
            </label>
          )}
        </For>
      </fieldset>
      <label class="field" for={turns}>
        Turn detection
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
        words="Override system prompt"
        about="Replaces the agent's prompt and facts."
      />
      <Own part="greeting" words="Override greeting" about="Empty: the agent says nothing first." />
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
        <Show when={given.part === 'systemPrompt' && !text()?.trim()}>
          <p class="trouble" role="status">
            This prompt is empty: the model would answer without any instructions. Write one, or untick the
            box.
          </p>
        </Show>
        <p class="note" id={`${id}-about`}>
          {given.about}
        </p>
      </Show>
    </div>
  );
}
