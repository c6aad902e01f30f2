import { createMemo, createSignal, For, type JSX, Match, Switch } from 'solid-js';
import { type Block, blocks, type Inline } from './markdown';

interface Given {
  readonly text: string;
  /** Characters of it that have been heard; what follows is dim, or struck through if it was cut off. */
  readonly heard: number;
  readonly cut?: boolean;
}

/** How far it has been heard, and whether it went no further. */
interface Heard {
  readonly now: () => number;
  readonly cut: boolean;
}

/** An answer as it was meant. Every text in it is only ever text. */
export function Markdown(given: Given): JSX.Element {
  const heard: Heard = { now: () => given.heard, cut: given.cut ?? false };
  // A block that is as it was stays the same value, so that while words come only the last one is drawn anew.
  const known = createMemo<{ source: string; block: Block }[]>((before) => {
    return blocks(given.text).map((block, index) => {
      const source = JSON.stringify(block);
      const old = before[index];
      return old?.source === source ? old : { source, block };
    });
  }, []);
  return <For each={known()}>{({ block }) => <Drawn block={block} heard={heard} />}</For>;
}

function Drawn(given: { block: Block; heard: Heard }): JSX.Element {
  const { block, heard } = given;
  switch (block.kind) {
    case 'pre':
      return <Code text={block.text} at={block.at} heard={heard} />;
    case 'ul':
      return (
        <ul>
          <For each={block.items}>
            {(item) => (
              <li>
                <Spans of={item} heard={heard} />
              </li>
            )}
          </For>
        </ul>
      );
    case 'ol':
      return (
        <ol>
          <For each={block.items}>
            {(item) => (
              <li>
                <Spans of={item} heard={heard} />
              </li>
            )}
          </For>
        </ol>
      );
    case 'h':
      return (
        <p class="heading">
          <Spans of={block.inside} heard={heard} />
        </p>
      );
    case 'quote':
      return (
        <blockquote>
          <Spans of={block.inside} heard={heard} />
        </blockquote>
      );
    case 'p':
      return (
        <p>
          <Spans of={block.inside} heard={heard} />
        </p>
      );
  }
}

function Spans(given: { of: readonly Inline[]; heard: Heard }): JSX.Element {
  return <For each={given.of}>{(span) => <Span span={span} heard={given.heard} />}</For>;
}

function Span(given: { span: Inline; heard: Heard }): JSX.Element {
  const { span, heard } = given;
  switch (span.kind) {
    case 'text':
      return <Words text={span.text} at={span.at} heard={heard} />;
    case 'code':
      return (
        <code>
          <Words text={span.text} at={span.at} heard={heard} />
        </code>
      );
    case 'strong':
      return (
        <strong>
          <Spans of={span.inside} heard={heard} />
        </strong>
      );
    case 'em':
      return (
        <em>
          <Spans of={span.inside} heard={heard} />
        </em>
      );
    case 'link':
      return (
        <a href={span.href} target="_blank" rel="noopener noreferrer">
          <Spans of={span.inside} heard={heard} />
        </a>
      );
  }
}

/** A text, and which part of it was heard. */
function Words(given: { text: string; at: number; heard: Heard }): JSX.Element {
  const told = createMemo(() => Math.max(0, Math.min(given.text.length, given.heard.now() - given.at)));
  return (
    <Switch
      fallback={
        <>
          {given.text.slice(0, told())}
          {given.heard.cut ? (
            <del>{given.text.slice(told())}</del>
          ) : (
            <span class="ahead">{given.text.slice(told())}</span>
          )}
        </>
      }
    >
      <Match when={told() === given.text.length}>{given.text}</Match>
    </Switch>
  );
}

function Code(given: { text: string; at: number; heard: Heard }): JSX.Element {
  const [copied, setCopied] = createSignal('Copy');
  const copy = () =>
    navigator.clipboard
      .writeText(given.text)
      .then(() => setCopied('Copied'))
      .catch(() => setCopied('Select it and press Ctrl+C'));
  return (
    <div class="code">
      <pre tabindex="0">
        <code>
          <Words text={given.text} at={given.at} heard={given.heard} />
        </code>
      </pre>
      <button type="button" class="small" onClick={copy}>
        {copied()}
      </button>
    </div>
  );
}
