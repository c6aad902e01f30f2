/** A conversation, to be taken elsewhere. Pure. */

import type { CallState, Line } from '../call/state';

const WHO = { caller: 'You', agent: 'Agent', note: '' } as const;

/** As text: a line each, with what was cut off told apart. */
export function asText(state: CallState): string {
  const written = state.lines.map((line) => {
    if (line.who === 'note') return `(${line.text})`;
    const said = line.cut ? `${line.cut.heard.trim()} [interrupted; not heard: ${line.cut.rest}]` : line.text;
    return `${WHO[line.who]}: ${said}`;
  });
  return `${written.join('\n')}\n`;
}

/** As JSON: the call, its lines and what was measured. */
export function asJson(state: CallState): string {
  const { call, lines, turns } = state;
  return JSON.stringify(
    {
      call: call && {
        id: call.call_id,
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

function plain({ who, turn, text, thoughts, ms, cut }: Line) {
  return {
    who,
    turn,
    text,
    ...(thoughts && { thoughts }),
    ...(ms !== null && { e2e_ms: ms }),
    ...(cut && { cut }),
  };
}

/** A name for a file of this call. */
export function fileName(state: CallState, ending: string): string {
  return `lineside-${state.call?.call_id ?? 'call'}.${ending}`;
}
