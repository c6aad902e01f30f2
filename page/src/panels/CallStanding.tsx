/** How a live call stands, for how long, and what an operator should look at. */

import { type JSX, Show } from 'solid-js';
import type { ActiveCall } from '../schema';
import { alarm, type Standing } from './live';
import { Status } from './widgets';
import { lasting, type Mood } from './words';

const STATES: Record<ActiveCall['state'], string> = {
  connecting: 'Connecting',
  dialling: 'Calling them',
  listening: 'Listening',
  thinking: 'Thinking',
  speaking: 'Agent speaking',
};
const MOODS: Record<ActiveCall['state'], Mood> = {
  connecting: 'none',
  dialling: 'none',
  listening: 'good',
  thinking: 'warn',
  speaking: 'good',
};

export function CallStanding(given: { call: ActiveCall; standing: Standing | undefined }): JSX.Element {
  const loud = () => alarm(given.call, given.standing?.seconds ?? 0);
  const waits = () => Math.floor(given.standing?.seconds ?? 0);
  return (
    <>
      <Status
        mood={loud()?.mood ?? MOODS[given.call.state]}
        words={`${STATES[given.call.state]} for ${lasting(waits())}`}
      />
      <Show when={loud()}>
        {(why) => (
          <p class="alarm" data-mood={why().mood}>
            {why().words}
          </p>
        )}
      </Show>
    </>
  );
}
