/** A link that saves what the gateway gives, and says why where it does not. */

import { createSignal, type JSX, Show } from 'solid-js';
import { bytes, troubleOf } from '../api';
import { home } from '../home';

const WRITTEN = 60_000; // ms; by then the browser has written the file

/** The page fetches the file: a link of the browser's own carries no key, and fails without a word. */
export function SaveLink(given: { path: string; name: string; words: string }): JSX.Element {
  const [trouble, setTrouble] = createSignal('');
  const [busy, setBusy] = createSignal(false);
  const save = async (event: MouseEvent) => {
    event.preventDefault();
    if (busy()) return;
    setBusy(true);
    setTrouble('');
    try {
      const link = document.createElement('a');
      link.href = URL.createObjectURL(await bytes(given.path));
      link.download = given.name;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), WRITTEN);
    } catch (cause) {
      setTrouble(`${given.words} was not saved: ${troubleOf(cause).message}`);
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <a class="saving" href={home(given.path)} download={given.name} aria-busy={busy()} onClick={save}>
        <span class="unseen">Save as </span>
        {given.words}
      </a>
      <Show when={trouble()}>
        <span class="trouble" role="alert">
          {trouble()}
        </span>
      </Show>
    </>
  );
}
