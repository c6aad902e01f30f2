/**
 * What the page shows, as a pure function of what happened. Nothing here waits or touches the page.
 *
 * Events are the gateway's own (src/lineside/schema.py) and a few of the page's: connecting, failed, lost, stopped, gaps.
 */

const LINES = 200; // of one call on the page; the oldest leave it, the call goes on

const REASONS = {
  caller_hung_up: "",
  idle: "The call was ended because nobody spoke for a while. Press Talk to call again.",
  too_long: "The call was ended because it reached the longest time allowed (CALL_MAX_S). Press Talk to call again.",
  server_stopping: "lineside is shutting down. Press Talk once it is running again.",
  internal_error: "Something broke inside lineside; its log says where. Press Talk to call again.",
};

export const idle = { phase: "ready", problem: "", fatal: false, lines: [], times: {}, call: null, gaps: 0 };

/** The state after an event. */
export function after(state, event) {
  switch (event.type) {
    case "connecting":
      return { ...state, phase: "connecting", problem: "", fatal: false };
    case "ready":
      return { ...idle, phase: "listening", call: event };
    case "speech_started":
      return { ...edit(state, caller(event), (line) => line), phase: "listening", problem: "" };
    case "speech_stopped":
      return { ...state, phase: "thinking" };
    case "partial":
      return edit(state, caller(event), (line) => ({ ...line, text: event.text }));
    case "transcript":
      return { ...understood(state, event), phase: event.text ? "thinking" : "listening", problem: "" };
    case "thought":
      return edit(state, agent(event), (line) => ({ ...line, thoughts: line.thoughts + event.token }));
    case "llm_token":
      return edit(state, agent(event), (line) => ({ ...line, text: line.text + event.token }));
    case "llm_done":
      return edit(state, agent(event), (line) => ({ ...line, text: event.text, open: false }));
    case "audio_started":
      return { ...started(state, event), phase: "speaking" };
    case "audio_done":
      return { ...settled(state, event), phase: "listening" };
    case "barge_in":
      return { ...cut(state, event), phase: "listening" };
    case "metrics":
      return { ...(event.e2e_ms === null ? settled(state, event) : measured(state, event)), phase: "listening" };
    case "error":
      return { ...state, problem: event.message, fatal: event.fatal };
    case "ended":
      return ended(state, REASONS[event.reason] ?? `The call was ended: ${event.reason}. Press Talk to call again.`);
    case "failed":
      return ended(state, event.words);
    case "lost":
      return ended(state, "The connection was lost. Check that lineside is running, then press Talk.");
    case "stopped":
      return ended(state, "");
    case "gaps":
      return { ...state, gaps: event.gaps };
    default:
      return state; // clear is the speaker's; a newer gateway may say more than this page knows
  }
}

const caller = (event) => ({ key: `caller ${event.turn}`, who: "caller", text: "", open: true });
const agent = (event) => ({
  key: `agent ${event.reply}`, who: "agent", turn: event.turn, text: "", open: true, thoughts: "", ms: null, cut: null,
});

/** Change the line of that key, or begin it. A reply that was cut stays as it was cut, whatever comes late. */
function edit(state, blank, change) {
  const known = state.lines.find((line) => line.key === blank.key);
  if (known?.cut) return state;
  const lines = known
    ? state.lines.map((line) => (line === known ? change(line) : line))
    : [...state.lines, change(blank)].slice(-LINES);
  return { ...state, lines };
}

function understood(state, event) {
  return edit(state, caller(event), (line) => ({ ...line, text: event.text || "(no words)", open: false }));
}

function started(state, event) {
  const answers = event.turn > 0; // turn 0 is the greeting: nobody waited for it
  const ms = answers ? event.latency_ms : null;
  const times = answers ? { e2e_ms: ms } : state.times;
  return { ...edit(state, agent(event), (line) => ({ ...line, ms })), times };
}

/** The first sound may have been "One moment, please."; the metrics tell of the answer. */
function measured(state, event) {
  return { ...edit(settled(state, event), agent(event), (line) => ({ ...line, ms: event.e2e_ms })), times: event };
}

/** The turn is over: words of it that no transcript confirmed will not be confirmed any more. */
function settled(state, event) {
  const { key } = caller(event);
  const lines = state.lines.filter((line) => line.key !== key || line.text);
  return { ...state, lines: lines.map((line) => (line.key === key && line.open ? { ...line, open: false } : line)) };
}

/** The caller talked over a reply. Words of theirs that it had not understood yet come again, in their next turn. */
function cut(state, event) {
  const { key } = caller(event);
  const understood = { ...state, lines: state.lines.filter((line) => line.key !== key || !line.open) };
  return edit(understood, agent(event), (line) => ({ ...line, open: false, cut: parted(line.text, event.heard) }));
}

/** After a fatal error, that error says more than the end of the call does. */
function ended(state, why) {
  return { ...state, phase: state.call ? "ended" : "ready", problem: state.fatal ? state.problem : why };
}

/** What was heard of a text, and the rest of it. After its words `heard` may hold an apology that is not in the text. */
export function parted(text, heard) {
  const told = heard.replace(/\s+/g, "");
  let end = 0;
  let matched = 0;
  for (; end < text.length; end += 1) {
    if (/\s/.test(text[end])) continue;
    if (text[end] !== told[matched]) break;
    matched += 1;
  }
  const space = matched === told.length ? text.slice(0, end).match(/\s*$/)[0] : " "; // none, where a word was cut in two
  return { heard: heard + space, rest: text.slice(end).trimEnd() };
}
