/** What an operator writes about a call: what came of it, tags, a note. */

import { createEffect, createSignal, createUniqueId, For, type JSX, on, Show } from 'solid-js';
import { ask } from '../api';
import type { AnnotateCall, CallNotes as Notes } from '../schema';
import { createActions } from './actions';
import { readTags } from './history-query';
import { BusyButton, ErrorMessage } from './widgets';

const OUTCOMES = ['solved', 'not solved', 'call back', 'transferred', 'sale', 'complaint', 'wrong number'];

/** Anybody's call, kept or under way. What is being written is lost with the form. */
export function CallNotes(given: { id: string; notes: Notes; saved?: (notes: Notes) => void }): JSX.Element {
  const id = createUniqueId();
  const act = createActions();
  const [outcome, setOutcome] = createSignal('');
  const [tags, setTags] = createSignal('');
  const [note, setNote] = createSignal('');
  const [kept, setKept] = createSignal(false);
  const take = (notes: Notes) => {
    setOutcome(notes.outcome);
    setTags(notes.tags.join(', '));
    setNote(notes.note);
  };
  createEffect(on(() => given.notes, take));
  const typed = (set: (text: string) => void) => (event: { currentTarget: { value: string } }) => {
    setKept(false);
    set(event.currentTarget.value);
  };
  const save = async (event: SubmitEvent) => {
    event.preventDefault();
    setKept(false);
    const body: AnnotateCall = { outcome: outcome().trim(), tags: readTags(tags()), note: note() };
    const done = await act.act('notes', 'save', async () => {
      const notes = await ask<Notes>('PUT', `/api/calls/${encodeURIComponent(given.id)}/notes`, { body });
      take(notes);
      given.saved?.(notes);
    });
    setKept(done);
  };
  return (
    <form class="call-notes" aria-label={`Notes on call ${given.id.slice(0, 8)}`} onSubmit={save}>
      <div class="filters">
        <div class="filter-field">
          <label for={`${id}-outcome`}>Outcome</label>
          <input
            id={`${id}-outcome`}
            list={`${id}-outcomes`}
            maxLength={64}
            autocomplete="off"
            value={outcome()}
            onInput={typed(setOutcome)}
          />
          <datalist id={`${id}-outcomes`}>
            <For each={OUTCOMES}>{(one) => <option value={one} />}</For>
          </datalist>
        </div>
        <div class="filter-field">
          <label for={`${id}-tags`}>Tags, with commas</label>
          <input
            id={`${id}-tags`}
            maxLength={800}
            autocomplete="off"
            value={tags()}
            onInput={typed(setTags)}
          />
        </div>
      </div>
      <label class="field" for={`${id}-note`}>
        Note
      </label>
      <textarea id={`${id}-note`} rows="2" maxLength={4000} value={note()} onInput={typed(setNote)} />
      <div class="row">
        <BusyButton busy={act.of('notes').busy !== ''} submit label="Save notes" words="Save notes" />
        <p class="note" role="status">
          <Show when={kept()}>Saved.</Show>
        </p>
      </div>
      <ErrorMessage words={act.of('notes').trouble} />
    </form>
  );
}
