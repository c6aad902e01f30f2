/** What several panels are made of. */

import { createSignal, createUniqueId, type JSX, Show } from 'solid-js';
import { type Trouble, useKey } from '../api';
import type { Mood } from './words';

/** A dot and the words for it: the colour is never alone. */
export function Status(given: { mood: Mood; words: string }): JSX.Element {
  return (
    <span class="standing">
      <span class="dot" data-mood={given.mood} aria-hidden="true" />
      {given.words}
    </span>
  );
}

/** Why a list is not to be had, or not the newest; where a key is wanted, a place to give it. */
export function Unavailable(given: { trouble: Trouble | null; stale?: boolean }): JSX.Element {
  return (
    <div role="status">
      <Show when={given.trouble}>
        {(trouble) => (
          <Show
            when={trouble().status === 401}
            fallback={<UnavailableMessage trouble={trouble()} stale={given.stale} />}
          >
            <KeyForm why={trouble().message} />
          </Show>
        )}
      </Show>
    </div>
  );
}

function UnavailableMessage(given: { trouble: Trouble; stale: boolean | undefined }): JSX.Element {
  return (
    <p class="trouble">
      {given.trouble.message}
      <Show when={given.stale}> Below: what was known before.</Show>
    </p>
  );
}

function KeyForm(given: { why: string }): JSX.Element {
  const id = createUniqueId();
  const [text, setText] = createSignal('');
  const give = (event: SubmitEvent) => {
    event.preventDefault();
    if (text().trim()) useKey(text().trim());
  };
  return (
    <form class="key-form" onSubmit={give}>
      <label for={id}>{given.why} API key (one of API_KEYS), stored in this tab only:</label>
      <div class="row">
        <input
          id={id}
          type="password"
          autocomplete="current-password"
          value={text()}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <button type="submit" class="main">
          Continue
        </button>
      </div>
    </form>
  );
}

/** Before the first answer. */
export function Loading(given: { trouble: boolean }): JSX.Element {
  return (
    <Show when={!given.trouble}>
      <p class="note" role="status">
        <span class="spinner" aria-hidden="true" /> Loading …
      </p>
    </Show>
  );
}

/** What went wrong where it happened, told at once. */
export function ErrorMessage(given: { words: string | undefined }): JSX.Element {
  return (
    <div role="alert">
      <Show when={given.words}>
        <p class="trouble">{given.words}</p>
      </Show>
    </div>
  );
}

/** A button that works: while it does, it turns and takes no second press. */
export function BusyButton(given: {
  busy: boolean;
  label: string;
  words: JSX.Element;
  main?: boolean;
  disabled?: boolean;
  /** It sends its form, in place of `onPress`. */
  submit?: boolean;
  onPress?: () => void;
}): JSX.Element {
  const press = (event: MouseEvent) => {
    if (given.busy) event.preventDefault();
    else given.onPress?.();
  };
  return (
    <button
      type={given.submit ? 'submit' : 'button'}
      class="small"
      classList={{ main: Boolean(given.main) }}
      aria-label={given.label}
      aria-busy={given.busy}
      aria-disabled={given.busy}
      disabled={Boolean(given.disabled)}
      onClick={press}
    >
      <Show when={given.busy}>
        <span class="spinner" aria-hidden="true" />
      </Show>
      {given.words}
    </button>
  );
}

/** A button that asks whether one is sure. Esc and the first button leave everything as it is. */
export function Confirm(given: {
  label: string;
  words: string;
  question: string;
  yes: string;
  no?: string;
  busy?: boolean;
  disabled?: boolean;
  onYes: () => void;
}): JSX.Element {
  const id = createUniqueId();
  let box!: HTMLDialogElement;
  const answer = (event: SubmitEvent) => {
    const by = event.submitter as HTMLButtonElement | null;
    if (by?.value === 'yes') given.onYes();
  };
  return (
    <>
      <BusyButton
        busy={Boolean(given.busy)}
        label={given.label}
        words={given.words}
        disabled={Boolean(given.disabled)}
        onPress={() => box.showModal()}
      />
      <dialog ref={box} class="sure" aria-labelledby={id}>
        <form method="dialog" onSubmit={answer}>
          <p id={id}>{given.question}</p>
          <div class="row">
            <button type="submit" value="no">
              {given.no ?? 'Cancel'}
            </button>
            <button type="submit" value="yes" class="stop">
              {given.yes}
            </button>
          </div>
        </form>
      </dialog>
    </>
  );
}

/** How much of a whole is taken. `words` say it, so that nobody must read the bar. */
export function Bar(given: { label: string; percent: number; words: string }): JSX.Element {
  return (
    <div class="bar-row">
      <div class="bar-words">
        <span>{given.label}</span>
        <span>{given.words}</span>
      </div>
      <meter
        class="bar"
        aria-label={given.label}
        aria-valuetext={given.words}
        min="0"
        max="100"
        high="90"
        value={given.percent}
      />
    </div>
  );
}
