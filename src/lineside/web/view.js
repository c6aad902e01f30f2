const WORDS = {
  ready: "Ready",
  connecting: "Connecting…",
  listening: "Listening",
  thinking: "Thinking…",
  speaking: "Speaking",
  ended: "Call ended",
};
const QUIETEST = -60; // dBFS; the left end of the level meter

const $ = (id) => document.getElementById(id);

/** A new element with this text. Text is only ever text: nothing that was said or generated becomes HTML. */
function made(tag, className, text = "") {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}

const whole = (ms) => Math.round(ms).toLocaleString("en");

/** Draw the state. */
export function draw(state) {
  document.body.dataset.phase = state.phase;
  set($("state"), WORDS[state.phase]);
  set($("problem"), state.problem);
  set($("talk"), inCall(state) ? "Stop" : "Talk");
  $("send").disabled = state.phase === "connecting";
  $("empty").hidden = state.lines.length > 0;
  drawLines(state.lines);
  for (const element of document.querySelectorAll("[data-ms]")) {
    const ms = state.times[element.dataset.ms];
    set(element, typeof ms === "number" ? whole(ms) : "–");
  }
  drawCall(state);
}

export const inCall = (state) => !["ready", "ended"].includes(state.phase);

const rows = new Map(); // line key → its row, and the line as it was drawn last

function drawLines(lines) {
  const pane = $("conversation");
  const atEnd = pane.scrollHeight - pane.scrollTop - pane.clientHeight < 40; // else the reader has scrolled up
  const keys = new Set(lines.map((line) => line.key));
  for (const [key, { row }] of rows) {
    if (!keys.has(key)) {
      row.remove();
      rows.delete(key);
    }
  }
  for (const line of lines) {
    const known = rows.get(line.key);
    if (known?.line === line) continue;
    const row = known?.row ?? newRow(line);
    rows.set(line.key, { row, line });
    drawRow(row, line);
    if (!line.open && known?.line.open !== false) announce(line);
  }
  if (atEnd) pane.scrollTop = pane.scrollHeight;
}

function newRow(line) {
  const row = made("li", line.who);
  const thoughts = made("details", "thoughts");
  thoughts.append(made("summary", "", "Show reasoning"), made("p", ""));
  row.append(made("span", "who", line.who === "caller" ? "You" : "Agent"), made("p", "text"), made("span", "ms"), thoughts);
  $("lines").append(row);
  return row;
}

function drawRow(row, line) {
  row.classList.toggle("open", line.open);
  const text = row.querySelector(".text");
  text.classList.toggle("wordless", !line.text && !line.cut);
  if (line.cut) {
    text.replaceChildren(made("span", "", line.cut.heard), made("del", "", line.cut.rest));
  } else {
    set(text, line.text || (line.turn === 0 ? "(greeting)" : "…"));
  }
  set(row.querySelector(".ms"), line.ms ? `${whole(line.ms)} ms` : "");
  row.querySelector(".thoughts").hidden = !line.thoughts;
  set(row.querySelector(".thoughts p"), line.thoughts ?? "");
}

/** For screen readers: each line once, when it is whole. */
function announce(line) {
  const words = line.cut ? `${line.cut.heard.trim()}, interrupted` : line.text;
  set($("announced"), `${line.who === "caller" ? "You" : "Agent"}: ${words}`);
}

function drawCall({ call, gaps }) {
  const engines = call?.engines ?? {};
  set($("hears"), engines.stt ?? "–");
  set($("thinks"), engines.llm ?? "–");
  set($("speaks"), engines.tts ?? "–");
  set($("sound"), call ? `${call.codec}, ${call.sample_rate / 1000} kHz` : "–");
  set($("gaps"), String(gaps));
  set($("call-id"), call?.call_id ?? "–");
}

/** Set a text only where it changes: screen readers and selections notice every write. */
function set(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Draw the microphone's level from one frame of its sound; null when it is off. */
export function drawLevel(pcm) {
  let power = 0;
  for (const sample of pcm ?? []) power += sample * sample;
  const level = pcm ? 10 * Math.log10(Math.max(1, power / pcm.length) / 32768 ** 2) : QUIETEST;
  const share = Math.max(0, Math.min(1, 1 - level / QUIETEST));
  $("level").setAttribute("aria-valuenow", String(Math.round(share * 100)));
  $("bar").style.transform = `scaleX(${share.toFixed(3)})`;
}

/** Ask for the key, saying why; null where the caller would not. */
export function askForKey(why) {
  const dialog = $("key-dialog");
  set($("key-why"), why);
  $("key").value = "";
  dialog.returnValue = "";
  $("key-cancel").onclick = () => dialog.close();
  dialog.showModal();
  return new Promise((answered) => {
    dialog.onclose = () => answered((dialog.returnValue === "enter" && $("key").value.trim()) || null);
  });
}
