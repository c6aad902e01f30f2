import { createEffect, createSignal, For, type JSX, onMount, Show } from 'solid-js';
import { fallbacksOf } from '../answered';
import type { Calls } from '../call/create';
import { inCall } from '../call/create';
import { characters } from '../call/heard';
import type { CallState, Cut, Line } from '../call/state';
import { clock, endWords } from '../format';
import { address } from '../route';
import { BeforeCall } from './BeforeCall';
import { createFollowing } from './follow';
import { Markdown } from './Markdown';
import { createRows } from './rows';
import './transcript.css';

const CLASS = { caller: 'caller', agent: 'agent', note: 'aside' } as const;
const WHO = { caller: 'You', agent: 'Agent', note: '' } as const;

/** What was said, by whom; it follows the call unless the reader scrolls up. */
export function Transcript(given: { calls: Calls }): JSX.Element {
  const state = () => given.calls.shown();
  const lines = () => state().lines;
  const rows = createRows(lines);
  let pane!: HTMLElement;
  onMount(() => createFollowing(pane, lines));

  return (
    <section id="conversation" class="card" tabindex="0" aria-label="Conversation" ref={pane}>
      <Previous calls={given.calls} />
      <Show when={rows.keys().length === 0 && !inCall(state())}>
        <BeforeCall calls={given.calls} />
      </Show>
      <ol id="lines">
        <For each={rows.keys()}>
          {(key) => {
            const line = rows.line(key);
            return <Row line={line()} />;
          }}
        </For>
      </ol>
      <AfterCall state={state()} />
      <Announced lines={given.calls.state().lines} />
    </section>
  );
}

/** The conversation before this one is one press away: a new call loses nothing. */
function Previous(given: { calls: Calls }): JSX.Element {
  return (
    <Show when={given.calls.previous()}>
      <button
        type="button"
        class="small previous"
        aria-pressed={given.calls.looksBack()}
        onClick={() => given.calls.lookBack(!given.calls.looksBack())}
      >
        {given.calls.looksBack() ? 'Back to the newest call' : 'Show the previous call'}
      </button>
    </Show>
  );
}

/** How it ended, and where it is kept. */
function AfterCall(given: { state: CallState }): JSX.Element {
  return (
    <Show when={given.state.phase === 'ended' && given.state.end}>
      {(end) => (
        <p class="note after">
          Call ended: {end().reason === 'caller_hung_up' ? 'you hung up' : endWords(end().reason)}
          <Show when={end().seconds !== null}> · {clock(end().seconds ?? 0)}</Show> ·{' '}
          <a href={address('history', given.state.call?.call_id)}>Open in call history</a>
        </p>
      )}
    </Show>
  );
}

function Row(given: { line: Line }): JSX.Element {
  const line = () => given.line;
  return (
    <li class={CLASS[line().who]} classList={{ open: line().open }}>
      <span class="who">{WHO[line().who]}</span>
      <Show when={line().filler}>
        <p class="text filler">
          {line().filler}
          <Show when={line().fillerMs !== null}>
            <span class="ms" title="End of speech → first audio, a filler">
              {' '}
              {Math.round(line().fillerMs ?? 0).toLocaleString('en')} ms
            </span>
          </Show>
        </p>
      </Show>
      <Said line={line()} />
      <span class="ms" title="End of speech → first audio of the answer">
        {line().ms === null ? '' : `${Math.round(line().ms ?? 0).toLocaleString('en')} ms`}
      </span>
      <Show when={fallbacksOf(line().by ?? {})}>{(words) => <p class="text by">{words()}</p>}</Show>
      <Show when={line().thoughts}>
        <details class="thoughts">
          <summary>Show reasoning</summary>
          <p>{line().thoughts}</p>
        </details>
      </Show>
    </li>
  );
}

function Said(given: { line: Line }): JSX.Element {
  const words = () => given.line.text || (given.line.turn === 0 ? '(greeting)' : '…');
  const wordless = () => !given.line.text && !given.line.cut;
  return (
    <div class="text" classList={{ wordless: wordless() }}>
      <Show
        when={given.line.cut}
        fallback={
          <Show when={given.line.who === 'agent' && given.line.text} fallback={words()}>
            <Markdown text={given.line.text} heard={given.line.heard} />
          </Show>
        }
      >
        {(cut) => <CutOff text={given.line.text} cut={cut()} />}
      </Show>
    </div>
  );
}

/** An answer that was talked over. After its own words it may have held an apology, which is not in its text. */
function CutOff(given: { text: string; cut: Cut }): JSX.Element {
  const heard = () => given.text.trimEnd().length - given.cut.rest.length;
  const whole = () => characters(given.text.slice(0, heard())) === characters(given.cut.heard);
  return (
    <Show
      when={whole() && given.text}
      fallback={
        <>
          <span>{given.cut.heard}</span>
          <del>{given.cut.rest}</del>
        </>
      }
    >
      <Markdown text={given.text} heard={heard()} cut />
    </Show>
  );
}

/** For screen readers: each line once, when it is whole. */
function Announced(given: { lines: readonly Line[] }): JSX.Element {
  const [words, setWords] = createSignal('');
  let told = new Set<string>();
  createEffect(() => {
    const whole = given.lines.filter((line) => !line.open);
    for (const line of whole) {
      if (told.has(line.key)) continue;
      const said = line.cut ? `${line.cut.heard.trim()}, interrupted` : line.text;
      setWords(line.who === 'note' ? said : `${WHO[line.who]}: ${said}`);
    }
    told = new Set(whole.map((line) => line.key));
  });
  return (
    <p id="announced" class="unseen" aria-live="polite">
      {words()}
    </p>
  );
}
