/** A link that saves what the gateway gives. A link cannot carry a key: where one is needed, the page fetches it. */

import { createSignal, type JSX, Show } from 'solid-js';
import { bytes, key, troubleOf } from '../api';

const WRITTEN = 60_000; // ms; by then the browser has written the file

export function SaveLink(given: { path: string; name: string; words: string }): JSX.Element {
  const [trouble, setTrouble] = createSignal('');
  const fetched = async (event: MouseEvent) => {
    if (!key()) return; // the link does it, without holding the whole of it
    event.preventDefault();
    try {
      const link = document.createElement('a');
      link.href = URL.createObjectURL(await bytes(given.path));
      link.download = given.name;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), WRITTEN);
      setTrouble('');
    } catch (cause) {
      setTrouble(troubleOf(cause).message);
    }
  };
  return (
    <>
      <a class="saving" href={given.path} download={given.name} onClick={fetched}>
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
