import { type JSX, Show } from 'solid-js';
import type { Calls } from '../call/create';
import { inCall } from '../call/create';
import { CallControls } from './CallControls';
import { Measures, ThisCall } from './Measures';
import { NextCallEngines } from './NextCallEngines';
import { SaveConversation } from './SaveConversation';
import { Transcript } from './Transcript';
import { TurnChart } from './Waterfall';
import './call-view.css';

/** A call: what is said, where its time goes, and the controls of it. */
export function CallView(given: { calls: Calls }): JSX.Element {
  const { calls } = given;
  return (
    <div class="talk">
      <main class="wide">
        <Transcript calls={calls} />
        <aside aria-label="Measurements">
          <Show when={!inCall(calls.state())}>
            <NextCallEngines />
          </Show>
          <Measures state={calls.shown()} />
          <SaveConversation calls={calls} />
          <TurnChart state={calls.shown()} />
          <ThisCall state={calls.shown()} />
        </aside>
      </main>
      <CallControls calls={calls} />
    </div>
  );
}
