import { makeCall } from "./call.js";
import { after, idle } from "./conversation.js";
import { askForKey, draw, drawLevel, inCall } from "./view.js";

const KEY = "lineside key"; // in this tab's sessionStorage, and nowhere else

let state = idle;
let call = null;

function begin(words) {
  const tell = (event) => {
    state = after(state, event);
    draw(state);
    if (inCall(state)) return;
    call = null;
    drawLevel(null);
    if (event.keyNeeded) unlock(event.words, words);
  };
  call = makeCall({ key: sessionStorage.getItem(KEY), words, tell, hear: drawLevel });
}

async function unlock(why, words) {
  sessionStorage.removeItem(KEY);
  const key = await askForKey(why);
  if (!key) return;
  sessionStorage.setItem(KEY, key);
  begin(words);
}

function talkOrStop() {
  if (call) call.close();
  else begin();
}

document.getElementById("talk").addEventListener("click", talkOrStop);

document.addEventListener("keydown", (event) => {
  if (event.key !== " " || event.repeat || document.activeElement !== document.body) return;
  event.preventDefault(); // it would scroll
  talkOrStop();
});

document.getElementById("typing").addEventListener("submit", (event) => {
  event.preventDefault();
  const field = document.getElementById("words");
  const words = field.value.trim();
  if (!words || state.phase === "connecting") return;
  if (call) call.type(words);
  else begin(words);
  field.value = "";
});

addEventListener("pagehide", () => call?.close());

document.getElementById("details").open = matchMedia("(min-width: 56rem)").matches;
draw(state);
