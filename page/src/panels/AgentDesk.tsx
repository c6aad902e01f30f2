/** Language, clock and opening hours of the agent's desk. */

import { createSignal, createUniqueId, For, type JSX } from 'solid-js';
import type { Agent } from '../schema';
import { Fault } from './AgentFields';
import { hoursLines, readHours } from './draft';

const PLAIN = [
  ['language', 'Language', 'en'],
  ['locale', 'Dates as in', 'en-GB'],
  ['timezone', 'Time zone', 'Europe/London'],
] as const;

export function AgentDesk(given: {
  agent: Agent;
  put: (part: Partial<Agent>) => void;
  wrong: Record<string, string>;
}): JSX.Element {
  const id = createUniqueId();
  const [unread, setUnread] = createSignal(''); // lines that are no hours
  const set = (written: string) => {
    const { hours, wrong } = readHours(written);
    setUnread(
      wrong.length > 0 ? `No opening hours: “${wrong.join('”, “')}”. Write “mon-fri = 9:00-17:30”.` : '',
    );
    if (wrong.length === 0) given.put({ hours });
  };
  return (
    <fieldset class="agent-field desk-fields">
      <legend class="field">Language and hours</legend>
      <div class="filters">
        <For each={PLAIN}>
          {([field, words, example]) => (
            <div class="filter-field">
              <label for={`${id}-${field}`}>{words}</label>
              <input
                id={`${id}-${field}`}
                name={field}
                autocomplete="off"
                placeholder={example}
                value={given.agent[field]}
                aria-invalid={given.wrong[field] ? 'true' : undefined}
                aria-describedby={`${id}-${field}-fault`}
                onInput={(event) => given.put({ [field]: event.currentTarget.value.trim() })}
              />
              <Fault id={`${id}-${field}-fault`} words={given.wrong[field]} />
            </div>
          )}
        </For>
      </div>
      <label class="field" for={id}>
        Opening hours
      </label>
      <textarea
        id={id}
        rows={Math.max(2, Object.keys(given.agent.hours).length)}
        placeholder={'mon-fri = 9:00-17:30\n2026-12-25 = closed'}
        value={hoursLines(given.agent.hours)}
        aria-invalid={unread() || given.wrong.hours ? 'true' : undefined}
        aria-describedby={`${id}-fault ${id}-about`}
        onChange={(event) => set(event.currentTarget.value)}
      />
      <Fault id={`${id}-fault`} words={unread() || given.wrong.hours} />
      <p class="note" id={`${id}-about`}>
        Needs a time zone: without one the agent does not know the date and the time.
      </p>
    </fieldset>
  );
}
