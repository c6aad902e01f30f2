import { createEffect, createSignal, For, type JSX, onMount, Show } from 'solid-js';
import { characters } from '../call/heard';
import type { CallState, Cut, Line } from '../call/state';
import { createFollowing } from './follow';
import { Markdown } from './Markdown';
import { createRows } from './rows';
import './transcript.css';

const CLASS = { caller: 'caller', agent: 'agent', note: 'aside' } as const;
const WHO = { caller: 'You', agent: 'Agent', note: '' } as const;

/** What was said, by whom; it follows the call unless the reader scrolls up. */
export function Transcript(given: { state: CallState }): JSX.Element {
  const lines = () => given.state.lines;
  const rows = createRows(lines);
  let pane!: HTMLElement;
  onMount(() => createFollowing(pane, lines));

  return (
    <section id="conversation" class="card" tabindex="0" aria-label="Conversation" ref={pane}>
      <Show when={rows.keys().length === 0}>
        <p id="empty" class="note">
          Press <strong>Talk</strong> or the space bar and speak, or type below. Talk over the answer to
          interrupt it.
        </p>
      </Show>
      <ol id="lines">
        <For each={rows.keys()}>
          {(key) => {
            const line = rows.line(key);
            return <Row line={line()} />;
          }}
        </For>
      </ol>
      <Announced lines={given.state.lines} />
    </section>
  );
}

function Row(given: { line: Line }): JSX.Element {
  const line = () => given.line;
  return (
    <li class={CLASS[line().who]} classList={{ open: line().open }}>
      <span class="who">{WHO[line().who]}</span>
      <Said line={line()} />
      <span class="ms" title="From the end of speech to the first sound">
        {line().ms === null ? '' : `${Math.round(line().ms ?? 0).toLocaleString('en')} ms`}
      </span>
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
