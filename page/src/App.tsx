import { createEffect, createSignal, type JSX, lazy, Show, Suspense } from 'solid-js';
import { createCall } from './call/create';
import { choices, named } from './choices';
import { CallView } from './talk/CallView';
import { KeyDialog } from './talk/KeyDialog';
import { repaint, theme } from './theme';

const Panels = lazy(() => import('./panels/Panels').then((module) => ({ default: module.Panels })));

const WORDS = {
  ready: 'Ready',
  connecting: 'Connecting…',
  listening: 'Listening',
  thinking: 'Thinking…',
  speaking: 'Speaking',
  ended: 'Call ended',
} as const;

/** The page: a call, and what stands behind it. A call goes on while one looks behind it. */
export function App(): JSX.Element {
  const calls = createCall(() => ({ hello: named(choices()), telephone: choices().band === 'telephone' }));
  const [behind, setBehind] = createSignal(location.hash.length > 1);
  createEffect(() => {
    document.body.dataset.phase = calls.state().phase;
  });
  const current = (wanted: boolean) => (behind() === wanted ? 'page' : undefined);
  return (
    <>
      <header>
        <h1>lineside</h1>
        <nav aria-label="Views">
          <button type="button" aria-current={current(false)} onClick={() => setBehind(false)}>
            Call
          </button>
          <button type="button" aria-current={current(true)} onClick={() => setBehind(true)}>
            Operate
          </button>
        </nav>
        <p class="state">
          <span class="lamp" aria-hidden="true" />
          <span id="state" role="status">
            {WORDS[calls.state().phase]}
          </span>
        </p>
        <button id="theme" type="button" class="small" onClick={repaint}>
          Colours: {theme()}
        </button>
      </header>
      <Show when={behind()} fallback={<CallView calls={calls} />}>
        <Suspense fallback={<p class="wide note">Loading…</p>}>
          <Panels />
        </Suspense>
      </Show>
      <KeyDialog />
    </>
  );
}
