// The Node client `openai` at a running gateway behind TLS: it types, calls a function, hears, speaks, interrupts,
// truncates to what was played, changes its session, and is refused with a wrong key.
//     NODE_EXTRA_CA_CERTS=… node openai_node.mjs https://localhost:PORT WHAT_SERVE_PY_PRINTS
import { readFileSync } from "node:fs";
import OpenAI from "openai";
import { OpenAIRealtimeWS } from "openai/realtime/ws";

const [, , url, served] = process.argv;
const LONG = "One two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen.";
const SAW = "the model saw: ";
const saw = { calls: [], bytes: 0, errors: [], types: new Set(), updated: "", said: "", cutAt: 0, kept: "", modelSaw: "" };
let sounding = null; // the item that sounds, and when it began
const wait = (ms) => new Promise((done) => setTimeout(done, ms));

async function until(what, name, seconds = 30) {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await wait(50)) if (what()) return;
  console.log(saw);
  throw new Error(`not within ${seconds} s: ${name}`);
}

/** Voice, or quiet, at the pace of speech. */
async function speak(seconds, level) {
  const pcm = Int16Array.from({ length: 2400 }, (_, n) => level * Math.sin(n * 0.3));
  const audio = Buffer.from(pcm.buffer).toString("base64");
  for (let piece = 0; piece < seconds * 10; piece++) {
    session.send({ type: "input_audio_buffer.append", audio });
    await wait(100);
  }
}

const session = new OpenAIRealtimeWS({ model: "gpt-realtime" }, new OpenAI({ baseURL: `${url}/v1`, apiKey: "secret" }));
session.on("error", (fault) => saw.errors.push(fault.message));
session.on("event", (event) => saw.types.add(event.type));
session.on("session.updated", (event) => (saw.updated = event.session.instructions));
session.on("response.function_call_arguments.done", (event) => {
  saw.calls.push(event.arguments);
  session.send({ type: "conversation.item.create", item: { type: "function_call_output", call_id: event.call_id, output: "sunny" } });
});
session.on("response.done", (event) => {
  if (event.response.output.some((item) => item.type === "function_call")) session.send({ type: "response.create" });
});
session.on("response.output_audio.delta", (event) => {
  if (sounding?.item !== event.item_id) {
    sounding = { item: event.item_id, began: Date.now(), said: "" };
  }
  saw.bytes += Buffer.from(event.delta, "base64").length;
});
session.on("response.output_audio_transcript.delta", (event) => {
  if (sounding?.item === event.item_id) sounding.said += event.delta;
});
session.on("input_audio_buffer.speech_started", () => {
  if (!sounding?.said.startsWith("One")) return; // nothing is cut
  saw.cutAt = Date.now() - sounding.began;
  saw.said = sounding.said.trim();
  session.send({ type: "conversation.item.truncate", item_id: sounding.item, content_index: 0, audio_end_ms: saw.cutAt });
});
session.on("conversation.item.truncated", (event) => session.send({ type: "conversation.item.retrieve", item_id: event.item_id }));
session.on("conversation.item.retrieved", (event) => (saw.kept = event.item.content[0].transcript));

await until(() => saw.types.has("session.created"), "the session is there");
const weather = { type: "function", name: "weather", parameters: { type: "object", properties: { city: { type: "string" } } } };
session.send({ type: "session.update", session: { type: "realtime", instructions: "Be brief.", tools: [weather] } });
session.send({ type: "conversation.item.create", item: { type: "message", role: "user", content: [{ type: "input_text", text: "Is it raining?" }] } });
session.send({ type: "response.create" });
await until(() => saw.calls.length && saw.bytes > 40000, "the answer sounds");
await wait(2500);
session.send({ type: "session.update", session: { type: "realtime", instructions: "Sing." } });
await until(() => saw.updated === "Sing.", "the session is another");
saw.bytes = 0;
await speak(1.0, 9000);
await speak(1.5, 0);
await until(() => saw.bytes > 60000, "a second answer sounds");
await speak(1.6, 9000);
await speak(1.5, 0);
await until(() => saw.kept, "the answer was truncated");
const asked = () => readFileSync(served, "utf8").split("\n").filter((line) => line.startsWith(`${SAW}One`));
await until(() => asked().length, "the model is asked again");
saw.modelSaw = asked().at(-1).slice(SAW.length);
session.close();

const wrong = new OpenAIRealtimeWS({ model: "gpt-realtime" }, new OpenAI({ baseURL: `${url}/v1`, apiKey: "wrong" }));
let refused = "";
wrong.on("error", (fault) => (refused = fault.message));
await until(() => refused, "a wrong key is refused");
const exact = LONG.startsWith(saw.said) && saw.said.startsWith(saw.kept) && saw.kept === saw.modelSaw && saw.kept !== LONG;
console.log({ ...saw, types: saw.types.size, refused });
process.exit(exact && saw.calls.length && !saw.errors.length && refused.includes("401") ? 0 : 1);
