import { createEffect, createMemo, type JSX, lazy, Show, Suspense } from 'solid-js';
import { Alerts } from './Alerts';
import { type Calls, createCall, inCall } from './call/create';
import { choices, named } from './choices';
import { clock } from './format';
import { address, route, type View } from './route';
import { CallView } from './talk/CallView';
import { KeyDialog } from './talk/KeyDialog';
import { repaint, theme } from './theme';

const Panels = lazy(() => import('./panels/Panels').then((module) => ({ default: module.Panels })));

const PHASES = {
  ready: 'Ready',
  connecting: 'Connecting…',
  listening: 'Listening',
  thinking: 'Thinking…',
  speaking: 'Agent speaking',
  ended: 'Call ended',
} as const;

const TITLES: Record<View, string> = {
  call: '',
  engines: 'Engines',
  services: 'Services',
  machine: 'System',
  calls: 'Live calls',
  charts: 'Metrics',
  history: 'Call history',
  unanswered: 'Unanswered questions',
  agent: 'Agent',
  rehearsals: 'Rehearsals',
  settings: 'Settings',
};

/** The page: a call, and the dashboard behind it. A call goes on while one looks at the dashboard. */
export function App(): JSX.Element {
  const calls = createCall(() => ({
    hello: named(choices()),
    telephone: choices().band === 'telephone',
    webrtc: choices().transport === 'webrtc',
  }));
  const dashboard = createMemo(() => route().view !== 'call');
  createEffect(() => {
    document.body.dataset.phase = calls.state().phase;
  });
  createEffect(() => {
    document.title = title(calls);
  });
  const current = (wanted: boolean) => (dashboard() === wanted ? 'page' : undefined);
  return (
    <>
      <header>
        <h1>lineside</h1>
        <nav aria-label="Views">
          <a href={address('call')} aria-current={current(false)}>
            Call
          </a>
          <a href="#/dashboard" aria-current={current(true)}>
            Dashboard
          </a>
        </nav>
        <CallBar calls={calls} buttons={dashboard()} />
        <Alerts />
        <button id="theme" type="button" class="small" onClick={repaint}>
          <span class="theme-word">Theme: </span>
          {theme() === 'auto' ? 'system' : theme()}
        </button>
      </header>
      <Show when={dashboard()} fallback={<CallView calls={calls} />}>
        <Suspense fallback={<p class="wide note">Loading…</p>}>
          <Panels calls={calls} />
        </Suspense>
      </Show>
      <KeyDialog />
    </>
  );
}

/** What the tab is called: the call's state, where one is, and the view. */
function title(calls: Calls): string {
  const { view, id } = route();
  const state = calls.state();
  const call = inCall(state) ? PHASES[state.phase] : '';
  return [call, id ? `Call ${id.slice(0, 8)}` : TITLES[view], 'lineside'].filter(Boolean).join(' · ');
}

/** How the call stands, in every view; away from the call with the buttons that end and mute it. */
function CallBar(given: { calls: Calls; buttons: boolean }): JSX.Element {
  const { calls } = given;
  const active = () => inCall(calls.state());
  return (
    <div class="state">
      <span class="lamp" aria-hidden="true" />
      <span id="state" role="status">
        {calls.state().away ? 'Reconnecting…' : PHASES[calls.state().phase]}
      </span>
      <Show when={active() || calls.state().phase === 'ended'}>
        <span id="clock" role="timer" aria-label="Length of the call">
          {clock(calls.state().end?.seconds ?? calls.seconds())}
        </span>
      </Show>
      <Show when={given.buttons && active()}>
        <button
          type="button"
          class="small"
          aria-pressed={calls.muted()}
          onClick={() => calls.mute(!calls.muted())}
        >
          {calls.muted() ? 'Unmute' : 'Mute'}
        </button>
        <button type="button" class="small stop" onClick={calls.startOrEnd}>
          End call
        </button>
      </Show>
    </div>
  );
}
