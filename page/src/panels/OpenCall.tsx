/** One kept call: its sound, its turns with where the time went, what was decided and why. */

import { createResource, createSignal, For, type JSX, onCleanup, Show } from 'solid-js';
import { fallbacksOf, modelsOf } from '../answered';
import { ask, bytes, key, troubleOf } from '../api';
import { clock } from '../format';
import { home } from '../home';
import { address, replaceRoute, route } from '../route';
import type { DeletedCalls, KeptCall, KeptTurn, CallNotes as Notes, Waveform, WholeCall } from '../schema';
import { Chart } from '../talk/Waterfall';
import { type Waterfall, waterfall } from '../talk/waterfall';
import { createActions } from './actions';
import { BusinessRecord } from './BusinessRecord';
import { keptBusiness } from './business';
import { CallNotes } from './CallNotes';
import { DecisionLog } from './DecisionLog';
import { whyWords } from './history-query';
import { beginOf, callWords, lineWords, momentsOf, outline, stretches } from './recording';
import { SaveLink } from './SaveLink';
import { Confirm, ErrorMessage, Unavailable } from './widgets';

const TRIES = 4; // for a call that is not kept, or not yet
const BETWEEN = 700; // ms
const LATE = 15_000; // ms for a long recording to be fetched whole, where a key is needed

export function OpenCall(given: {
  id: string;
  close: () => void;
  gone: () => void;
  /** Something was written about it. */
  changed: () => void;
}): JSX.Element {
  const path = `/api/calls/${encodeURIComponent(given.id)}`;
  const [whole] = createResource(() => patient(path));
  const [noted, setNoted] = createSignal<Partial<Notes>>({}); // written since it was opened
  const act = createActions();
  const short = given.id.slice(0, 8);
  const forget = () =>
    void act
      .act('call', 'delete', () => ask<DeletedCalls>('DELETE', path))
      .then((done) => done && given.gone());
  return (
    <section class="card kept" aria-labelledby="kept-head" data-open={given.id}>
      <div class="head">
        <h3 id="kept-head" tabindex="-1" ref={(head) => queueMicrotask(() => head.focus())}>
          Call {short}
        </h3>
        <Confirm
          label={`Delete call ${short}`}
          words="Delete"
          question={`Delete call ${short}? What was said, its times and its recording are gone for good.`}
          yes="Delete the call"
          busy={act.of('call').busy !== ''}
          onYes={forget}
        />
        <button type="button" class="small" onClick={() => given.close()}>
          Close
          <span class="unseen"> the call</span>
        </button>
      </div>
      <ErrorMessage words={act.of('call').trouble} />
      <Show when={whole.error}>
        <Unavailable trouble={troubleOf(whole.error)} />
      </Show>
      <Show when={!whole.error && whole()}>
        {(call) => (
          <>
            <p class="note">
              {new Date(call().call.began * 1000).toLocaleString()} · {callWords(call().call)}
            </p>
            <p class="note">
              {[call().call.agent, call().call.caller, engines(call().call)].filter(Boolean).join(' · ')}
              <Show when={call().call.agent_version}>
                {(version) => <a href={address('agent', version())}>Agent version {version().slice(0, 6)}</a>}
              </Show>
            </p>
            <p class="note">{lineWords(call().call, call().decisions)}</p>
            <p class="row">
              <CallTags call={{ ...call().call, ...noted() }} />
            </p>
            <details class="notes" open={hasNotes(call().call)}>
              <summary>Outcome, tags and note</summary>
              <CallNotes
                id={given.id}
                notes={call().call}
                saved={(notes) => {
                  setNoted(notes);
                  given.changed();
                }}
              />
            </details>
            <Told of={call()} path={path} />
          </>
        )}
      </Show>
    </section>
  );
}

const hasNotes = (call: KeptCall) => Boolean(call.outcome || call.tags.length || call.note);

/** What stands out of a call: what came of it, and what went wrong. */
export function CallTags(given: { call: KeptCall }): JSX.Element {
  const words = () => {
    const { asked_for_person, unanswered, fallbacks, outcome, tags, note } = given.call;
    return [
      asked_for_person && 'asked for a person',
      unanswered > 0 && `${unanswered} ${unanswered === 1 ? 'question' : 'questions'} unanswered`,
      fallbacks > 0 && 'another engine answered',
      outcome,
      ...tags.map((tag) => `#${tag}`),
      note && 'note',
    ].filter((one): one is string => Boolean(one));
  };
  return <For each={words()}>{(one) => <span class="tag">{one}</span>}</For>;
}

/** A call that has just ended is not in the database yet: it is asked for again. */
async function patient(path: string): Promise<WholeCall> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await ask<WholeCall>('GET', path);
    } catch (cause) {
      if (troubleOf(cause).status !== 404 || tries >= TRIES) throw cause;
      await new Promise((done) => setTimeout(done, BETWEEN));
    }
  }
}

const engines = (call: KeptCall): string => modelsOf(call.answered);

function Told(given: { of: WholeCall; path: string }): JSX.Element {
  const [player, setPlayer] = createSignal<HTMLAudioElement>();
  const [now, setNow] = createSignal(0);
  const [shown, setShown] = createSignal(-1);
  const recorded = () => given.of.call.recording === 'kept';
  const asked = Number(route().query.t); // `?t=12` in the address: begin there
  const set = (audio: HTMLAudioElement) => {
    setPlayer(audio);
    if (asked > 0) {
      audio.currentTime = asked;
      setNow(asked);
    }
  };
  const playFrom = (at: number) => {
    const audio = player();
    if (!audio) return;
    replaceRoute(address('history', given.of.call.id, { ...route().query, t: Math.floor(at) }));
    audio.currentTime = at;
    void audio.play().catch(() => {}); // the player's own controls say what a browser would not play
  };
  return (
    <>
      <Show when={recorded()} fallback={<p class="note">Not recorded.</p>}>
        <Sound of={given.of} path={given.path} now={now()} seek={playFrom} player={set} told={setNow} />
      </Show>
      <ol class="kept-turns" aria-label="Turns">
        <For each={given.of.turns}>
          {(turn) => (
            <Turn
              of={turn}
              play={recorded() ? playFrom : undefined}
              open={shown() === turn.reply}
              show={() => setShown(shown() === turn.reply ? -1 : turn.reply)}
            />
          )}
        </For>
      </ol>
      <BusinessRecord of={keptBusiness(given.of)} />
      <DecisionLog of={given.of.decisions} />
    </>
  );
}

interface Sounding {
  readonly of: WholeCall;
  readonly path: string;
  readonly now: number;
  readonly seek: (at: number) => void;
  readonly player: (audio: HTMLAudioElement) => void;
  readonly told: (at: number) => void;
}

function Sound(given: Sounding): JSX.Element {
  const [drawn] = createResource(() => ask<Waveform>('GET', `${given.path}/waveform`));
  const [source] = createResource(() => soundOf(`${given.path}/audio`));
  onCleanup(() => source()?.startsWith('blob:') && URL.revokeObjectURL(source() as string));
  const jump = (event: MouseEvent & { currentTarget: SVGSVGElement }, seconds: number) => {
    const box = event.currentTarget.getBoundingClientRect();
    given.seek(((event.clientX - box.left) / box.width) * seconds);
  };
  return (
    <>
      <Show when={!drawn.error && drawn()}>
        {(wave) => (
          // The pointer's short cut: with keys, one plays from a turn, or moves in the player.
          // biome-ignore lint/a11y/useKeyWithClickEvents: the same can be done with the player below
          <svg
            class="wave"
            role="img"
            aria-label={`The caller's voice above, the agent's below, over ${Math.round(wave().seconds)} seconds`}
            viewBox={`0 0 ${Math.max(wave().seconds, 0.1)} 100`}
            preserveAspectRatio="none"
            onClick={(event) => jump(event, wave().seconds)}
          >
            <path class="caller" d={outline(wave().caller, wave().seconds, 20, 19)} />
            <path class="agent" d={outline(wave().agent, wave().seconds, 60, 19)} />
            <For each={stretches(given.of.turns)}>
              {(one) => (
                <rect
                  class={one.tone}
                  x={one.from}
                  width={one.to - one.from}
                  y={82 + 4.5 * one.lane}
                  height="4"
                >
                  <title>{one.name}</title>
                </rect>
              )}
            </For>
            <line class="now" x1={given.now} x2={given.now} y1="0" y2="100" />
          </svg>
        )}
      </Show>
      <p class="legend note" aria-hidden="true">
        <span data-tone="caller">caller</span>
        <span data-tone="agent">agent</span>
        <span data-tone="wait">turn detection</span>
        <span data-tone="stt">STT</span>
        <span data-tone="llm">LLM</span>
        <span data-tone="tts">TTS</span>
      </p>
      <Show when={source.error || drawn.error}>
        <p class="trouble">{troubleOf(source.error || drawn.error).message}</p>
      </Show>
      <div class="row">
        {/* biome-ignore lint/a11y/useMediaCaption: its words stand below */}
        <audio
          controls
          preload="metadata"
          ref={given.player}
          src={source.error ? undefined : source()}
          onTimeUpdate={(event) => given.told(event.currentTarget.currentTime)}
        />
        <SaveLink path={`${given.path}/audio`} name={`${given.of.call.id}.flac`} words="FLAC" />
      </div>
    </>
  );
}

/** Where the player finds it: a player cannot carry a key, so with one it is fetched whole. */
async function soundOf(path: string): Promise<string> {
  return key() ? URL.createObjectURL(await bytes(path, AbortSignal.timeout(LATE))) : home(path);
}

interface OneTurn {
  readonly of: KeptTurn;
  readonly play: ((at: number) => void) | undefined;
  readonly open: boolean;
  readonly show: () => void;
}

function Turn(given: OneTurn): JSX.Element {
  const at = () => beginOf(given.of);
  const times = () => waterfall(momentsOf(given.of));
  const first = () => given.of.stages.e2e_ms;
  return (
    <li data-turn={given.of.turn}>
      <div class="row">
        <Show when={given.play && at() !== null}>
          <button type="button" class="small" onClick={() => given.play?.(at() as number)}>
            <span aria-hidden="true">▶ </span>
            {clock(at() as number)}
            <span class="unseen">
              : play from turn {given.of.turn}, reply {given.of.reply}
            </span>
          </button>
        </Show>
        <Show when={times()}>
          <button type="button" class="small" aria-expanded={given.open} onClick={() => given.show()}>
            {first() === undefined ? 'Latency' : `${Math.round(first() as number)} ms`}
            <span class="unseen"> to the first audio of reply {given.of.reply}: latency breakdown</span>
          </button>
        </Show>
      </div>
      <div class="kept-words">
        <Show when={given.of.heard}>
          <p>
            <b>Caller</b> {given.of.heard}
          </p>
        </Show>
        <Show when={given.of.filler}>
          <p class="aside">
            <b>Agent</b> {given.of.filler}
          </p>
        </Show>
        <Show when={given.of.reached || given.of.said}>
          <p>
            <b>Agent</b> {given.of.reached || '(nothing of it was heard)'}
            <Show when={given.of.cut}>
              <span class="tag">interrupted</span>
            </Show>
            <Show when={given.of.unanswered}>
              <span class="tag">not answered: {whyWords(given.of.unanswered)}</span>
            </Show>
          </p>
        </Show>
        <Show when={modelsOf(given.of.engines)}>
          {(models) => (
            <p class="aside">
              {models()}
              <Show when={fallbacksOf(given.of.engines)}>
                {(words) => <span class="tag">{words()}</span>}
              </Show>
            </p>
          )}
        </Show>
        <Show when={given.open && times()}>{(chart) => <Chart of={chart() as Waterfall} />}</Show>
      </div>
    </li>
  );
}
