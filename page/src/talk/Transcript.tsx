import {
  createComputed,
  createEffect,
  createMemo,
  createSignal,
  For,
  type JSX,
  on,
  onCleanup,
  onMount,
  Show,
} from 'solid-js';
import type { CallState, Line } from '../call/state';
import { Markdown } from './Markdown';
import './transcript.css';

const AT_END = 40; // pixels from the end; nearer, the reader follows, further up they look back
const CLASS = { caller: 'caller', agent: 'agent', note: 'aside' } as const;
const WHO = { caller: 'You', agent: 'Agent', note: '' } as const;

/** What was said, by whom; it follows the call unless the reader scrolls up. */
export function Transcript(given: { state: CallState }): JSX.Element {
  const keys = createMemo(() => given.state.lines.map((line) => line.key));
  const known = createMemo(() => new Map(given.state.lines.map((line) => [line.key, line])));
  let pane!: HTMLElement;
  let follows = true;

  const look = () => {
    follows = pane.scrollHeight - pane.scrollTop - pane.clientHeight < AT_END;
  };
  const follow = () => {
    if (follows) pane.scrollTop = pane.scrollHeight;
  };
  // Where the reader is, is asked before the new lines are drawn.
  createComputed(on(() => given.state.lines, look, { defer: true }));
  createEffect(on(() => given.state.lines, follow));
  onMount(() => {
    const watch = new ResizeObserver(follow);
    watch.observe(pane);
    onCleanup(() => watch.disconnect());
  });

  return (
    <section id="conversation" class="card" tabindex="0" aria-label="Conversation" ref={pane}>
      <Show when={keys().length === 0}>
        <p id="empty" class="note">
          Press <strong>Talk</strong> or the space bar and speak, or type below. Talk over the answer to
          interrupt it.
        </p>
      </Show>
      <ol id="lines">
        <For each={keys()}>{(key) => <Row line={known().get(key)} />}</For>
      </ol>
      <Announced lines={given.state.lines} />
    </section>
  );
}

function Row(given: { line: Line | undefined }): JSX.Element {
  // A row that has just left the page is asked once more before it goes.
  let last = given.line as Line;
  const line = createMemo(() => {
    last = given.line ?? last;
    return last;
  });
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
        {(cut) => (
          <>
            <span>{cut().heard}</span>
            <del>{cut().rest}</del>
          </>
        )}
      </Show>
    </div>
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
