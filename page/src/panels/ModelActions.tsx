/** What can be done to a model, as buttons. */

import { createEffect, createMemo, For, type JSX, on, Show } from 'solid-js';
import { ask, SLOW } from '../api';
import type { ModelStatus } from '../schema';
import type { createActions } from './actions';
import { downloads, nameOf } from './downloads';
import { BusyButton, Confirm } from './widgets';
import { type ModelAction, possibleActions } from './words';

export interface Acting {
  readonly model: ModelStatus;
  readonly act: ReturnType<typeof createActions>;
  readonly again: () => void;
}

const WORDS: Record<ModelAction, string> = {
  load: 'Load',
  unload: 'Unload',
  download: 'Download',
  resume: 'Resume',
  cancel: 'Cancel',
  delete: 'Delete',
};

export function ModelActions(given: Acting & { running: boolean; away: string }): JSX.Element {
  const name = () => nameOf(given.model);
  const which = () => ({ engine: given.model.engine, model: given.model.name });
  const busy = () => given.act.of(name()).busy;
  const possible = createMemo(
    () => (given.running ? (['cancel'] as ModelAction[]) : possibleActions(given.model)),
    undefined,
    {
      equals: (one, other) => one.join() === other.join(),
    },
  );
  const act = (action: ModelAction, does: () => Promise<unknown>) =>
    given.act.act(name(), action, does).then(() => given.again());
  const post =
    (path: string, more = {}) =>
    () =>
      ask('POST', path, { body: { ...which(), ...more }, within: SLOW });
  /** Under way at once; how it goes is told by `downloads`. */
  const bring = () => {
    given.act.clear(name());
    void downloads.begin(given.model).then(given.again);
    given.again();
  };
  const does = {
    load: post('/api/models/load'),
    unload: post('/api/models/unload'),
    cancel: post('/api/models/download/cancel'),
    delete: () => ask('DELETE', `/api/models/${encodeURIComponent(given.model.name)}`),
  };
  // The button that was pressed may give way to another one: whoever works by keyboard goes on there.
  let box!: HTMLDivElement;
  let pressed = false;
  createEffect(
    on(possible, () => {
      if (pressed && document.activeElement === document.body) box.querySelector('button')?.focus();
      pressed = false;
    }),
  );
  const start = (action: ModelAction) => {
    pressed = true;
    if (action !== 'cancel') downloads.forget(name());
    if (action === 'download' || action === 'resume') bring();
    else void act(action, does[action]);
  };
  return (
    <div class="thing-actions" ref={box}>
      <For each={possible()}>
        {(action) => (
          <Show
            when={action === 'delete'}
            fallback={
              <BusyButton
                busy={busy() === action}
                disabled={(busy() !== '' && busy() !== action) || (given.away !== '' && action !== 'cancel')}
                label={`${WORDS[action]} ${given.model.name}`}
                words={WORDS[action]}
                onPress={() => start(action)}
              />
            }
          >
            <Confirm
              label={`Delete ${given.model.name}`}
              words="Delete"
              question={`Delete ${given.model.name} from the disk? Calls that need it fail until it is downloaded again.`}
              yes="Delete"
              busy={busy() === 'delete'}
              disabled={busy() !== '' && busy() !== 'delete'}
              onYes={() => start('delete')}
            />
          </Show>
        )}
      </For>
      <Show when={given.model.in_use > 0 && given.model.loaded}>
        <BusyButton
          busy={busy() === 'wait'}
          disabled={busy() !== '' && busy() !== 'wait'}
          label={`Unload ${given.model.name} when its requests are done`}
          words="Unload when idle"
          onPress={() =>
            void given.act.act(name(), 'wait', post('/api/models/unload', { wait: true })).then(given.again)
          }
        />
      </Show>
    </div>
  );
}
