/** Several calls of the history at once: saved, tagged, deleted. */

import { createSignal, createUniqueId, type JSX, Show } from 'solid-js';
import { ask, troubleOf } from '../api';
import type { AnnotateCall, KeptCall } from '../schema';
import { selectionQuery } from './history-query';
import { SaveLink } from './SaveLink';
import { BusyButton, Confirm, ErrorMessage } from './widgets';

export const MOST_SELECTED = 200; // calls; their ids have to fit into one address

/** `done` is called when something was changed. */
export function Selection(given: {
  calls: readonly KeptCall[];
  drop: (ids: readonly string[]) => void;
  done: () => void;
}): JSX.Element {
  const id = createUniqueId();
  const [tag, setTag] = createSignal('');
  const [busy, setBusy] = createSignal('');
  const [trouble, setTrouble] = createSignal('');
  const many = () => `${given.calls.length} ${given.calls.length === 1 ? 'call' : 'calls'}`;
  const query = () => selectionQuery(given.calls.map((call) => call.id));
  /** One after the other, to the first that fails; those that were done are named. */
  const each = async (doing: string, action: (call: KeptCall) => Promise<unknown>): Promise<string[]> => {
    const calls = [...given.calls];
    const done: string[] = [];
    setTrouble('');
    setBusy(doing);
    try {
      for (const call of calls) {
        await action(call);
        done.push(call.id);
      }
    } catch (cause) {
      setTrouble(`${done.length} of ${calls.length} done. ${troubleOf(cause).message}`);
    }
    setBusy('');
    given.done();
    return done;
  };
  const remove = () =>
    void each('delete', (call) => ask('DELETE', `/api/calls/${encodeURIComponent(call.id)}`)).then(
      given.drop,
    );
  const addTag = async (event: SubmitEvent) => {
    event.preventDefault();
    const wanted = tag().trim();
    if (!wanted) return;
    const done = await each('tag', (call) => {
      const body: AnnotateCall = { tags: [...new Set([...call.tags, wanted])] };
      return ask('PUT', `/api/calls/${encodeURIComponent(call.id)}/notes`, { body });
    });
    if (done.length > 0) setTag('');
  };
  return (
    <section class="card selection" aria-label="Selected calls">
      <p role="status">
        <strong>{many()} selected</strong>
      </p>
      <form class="row" onSubmit={addTag}>
        <label class="unseen" for={id}>
          Tag for the selected calls
        </label>
        <input
          id={id}
          maxLength={40}
          placeholder="Tag"
          autocomplete="off"
          value={tag()}
          onInput={(event) => setTag(event.currentTarget.value)}
        />
        <BusyButton
          busy={busy() === 'tag'}
          submit
          label="Add the tag to the selected calls"
          words="Add tag"
          disabled={!tag().trim()}
        />
      </form>
      <SaveLink path={`/api/history/export.jsonl?${query()}`} name="selected.jsonl" words="selected JSONL" />
      <SaveLink path={`/api/history/export.csv?${query()}`} name="selected.csv" words="selected CSV" />
      <Confirm
        label="Delete the selected calls"
        words="Delete"
        question={`Delete ${many()}? What was said, their times and their recordings are gone for good.`}
        yes={`Delete ${many()}`}
        busy={busy() === 'delete'}
        onYes={remove}
      />
      <button type="button" class="small" onClick={() => given.drop(given.calls.map((call) => call.id))}>
        Clear selection
      </button>
      <Show when={trouble()}>
        <ErrorMessage words={trouble()} />
      </Show>
    </section>
  );
}
