import type { JSX } from 'solid-js';
import type { Calls } from '../call/create';
import { CallControls } from './CallControls';
import { Measures, ThisCall } from './Measures';
import { SaveConversation } from './SaveConversation';
import { Transcript } from './Transcript';
import { TurnChart } from './Waterfall';
import './call-view.css';

/** A call: what is said, where its time goes, and the desk to hold it at. */
export function CallView(given: { calls: Calls }): JSX.Element {
  return (
    <div class="talk">
      <main class="wide">
        <Transcript state={given.calls.state()} />
        <aside aria-label="Measurements">
          <Measures state={given.calls.state()} />
          <SaveConversation calls={given.calls} />
          <TurnChart state={given.calls.state()} />
          <ThisCall state={given.calls.state()} />
        </aside>
      </main>
      <CallControls calls={given.calls} />
    </div>
  );
}
