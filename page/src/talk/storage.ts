/** A conversation, to be taken elsewhere. Pure. */

import type { CallState, Line } from '../call/state';
import { clock, endWords } from '../format';

const WHO = { caller: 'You', agent: 'Agent', note: '' } as const;

/** When the call began; `origin` is when this page's clock did, in milliseconds since 1970. */
const beginOf = (state: CallState, origin: number): string =>
  state.began === null ? '' : new Date(origin + state.began).toISOString();

/** As text: what call it was, then a line each, with what was cut off told apart. */
export function asText(state: CallState, origin: number): string {
  const { call, end } = state;
  const engines = call && ['stt', 'llm', 'tts'].map((role) => call.engines[role]).join(' → ');
  const head = call && [
    `Call ${call.call_id}`,
    beginOf(state, origin),
    engines,
    end && [end.seconds === null ? '' : clock(end.seconds), endWords(end.reason)].filter(Boolean).join(', '),
  ];
  const written = state.lines.map((line) => {
    const at = `[${clock(Math.max(0, line.at))}] `;
    if (line.who === 'note') return `${at}(${line.text})`;
    const said = line.cut ? `${line.cut.heard.trim()} [interrupted; not heard: ${line.cut.rest}]` : line.text;
    return `${at}${WHO[line.who]}: ${line.filler && `${line.filler} `}${said}`;
  });
  return `${[...(head ? [...head.filter(Boolean), ''] : []), ...written].join('\n')}\n`;
}

/** As JSON: the call, its lines and what was measured. */
export function asJson(state: CallState, origin: number): string {
  const { call, lines, turns, end } = state;
  return JSON.stringify(
    {
      call: call && {
        id: call.call_id,
        began: beginOf(state, origin),
        seconds: end?.seconds ?? null,
        reason: end?.reason ?? '',
        codec: call.codec,
        sample_rate: call.sample_rate,
        engines: call.engines,
      },
      lines: lines.map(plain),
      metrics: turns.flatMap(({ metrics }) => (metrics ? [metrics] : [])),
    },
    null,
    2,
  );
}

function plain({ who, turn, at, text, thoughts, filler, ms, cut }: Line) {
  return {
    who,
    turn,
    at,
    text,
    ...(filler && { filler }),
    ...(thoughts && { thoughts }),
    ...(ms !== null && { e2e_ms: ms }),
    ...(cut && { cut }),
  };
}

/** A name for a file of this call. */
export function fileName(state: CallState, ending: string): string {
  return `lineside-${state.call?.call_id ?? 'call'}.${ending}`;
}
