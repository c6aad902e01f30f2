import type { JSX } from 'solid-js';
import type { Calls } from '../call/create';
import { Desk } from './Desk';
import { Keep } from './Keep';
import { Measures, ThisCall } from './Measures';
import { Transcript } from './Transcript';
import { TurnChart } from './Waterfall';
import './talk.css';

/** A call: what is said, where its time goes, and the desk to hold it at. */
export function Talk(given: { calls: Calls }): JSX.Element {
  return (
    <div class="talk">
      <main class="wide">
        <Transcript state={given.calls.state()} />
        <aside aria-label="Measurements">
          <Measures state={given.calls.state()} />
          <Keep calls={given.calls} />
          <TurnChart state={given.calls.state()} />
          <ThisCall state={given.calls.state()} />
        </aside>
      </main>
      <Desk calls={given.calls} />
    </div>
  );
}
