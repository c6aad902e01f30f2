// @openai/agents at a running gateway, over a WebSocket: it types, has a function called, hears, speaks, interrupts,
// truncates, changes its session, and is refused with a wrong key.
import { OpenAIRealtimeWebSocket, RealtimeAgent, RealtimeSession } from "@openai/agents/realtime";
import { tool } from "@openai/agents";
import { z } from "zod";

const url = process.argv[2];
const saw = { calls: [], bytes: 0, interrupted: 0, errors: [], types: new Set(), updated: "", truncated: 0 };
const weather = tool({
  name: "weather",
  description: "Tells the weather.",
  parameters: z.object({ city: z.string() }),
  execute: async ({ city }) => {
    saw.calls.push(city);
    return "sunny";
  },
});

function opened() {
  const agent = new RealtimeAgent({ name: "A", instructions: "Be brief.", tools: [weather] });
  return new RealtimeSession(agent, { transport: new OpenAIRealtimeWebSocket({ url }) });
}

async function until(what, seconds = 30) {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; ) {
    if (what()) return true;
    await new Promise((done) => setTimeout(done, 50));
  }
  return false;
}

/** Voice, or quiet, at the pace of speech. */
async function speak(session, seconds, level) {
  for (let piece = 0; piece < seconds * 10; piece++) {
    const pcm = Int16Array.from({ length: 2400 }, (_, n) => level * Math.sin(n * 0.3));
    session.sendAudio(pcm.buffer);
    await new Promise((done) => setTimeout(done, 100));
  }
}

const session = opened();
session.on("error", (e) => saw.errors.push(JSON.stringify(e)));
session.on("audio", (a) => (saw.bytes += a.data.byteLength));
session.on("audio_interrupted", () => saw.interrupted++);
session.on("transport_event", (e) => {
  saw.types.add(e.type);
  if (e.type === "session.updated") saw.updated = e.session.instructions;
  if (e.type === "conversation.item.truncated") saw.truncated++;
});
await session.connect({ apiKey: "secret" });
session.sendMessage("Is it raining?");
await until(() => saw.calls.length && saw.bytes > 40000);
await new Promise((done) => setTimeout(done, 2500));
session.transport.updateSessionConfig({ instructions: "Sing." });
await until(() => saw.updated.includes("Sing"));
saw.bytes = 0;
await speak(session, 1.0, 9000);
await speak(session, 1.5, 0);
await until(() => saw.bytes > 40000);
await speak(session, 1.6, 9000);
await speak(session, 1.5, 0);
await until(() => saw.interrupted > 0 && saw.truncated > 0);
const said = session.history.filter((item) => item.role === "assistant").map((item) => [item.status, item.content?.[0]?.transcript]);
session.close();

const wrong = opened();
let refused = "no";
wrong.on("error", (e) => (refused = `error ${e?.error?.message ?? JSON.stringify(e)}`.slice(0, 80)));
try {
  await Promise.race([
    wrong.connect({ apiKey: "wrong" }),
    new Promise((_, fail) => setTimeout(() => fail(new Error("no answer")), 10000)),
  ]);
} catch (e) {
  refused = `refused: ${e.message ?? e.type}`.slice(0, 80);
}
console.log({ ...saw, types: saw.types.size, said, refused });
process.exit(saw.calls.length && saw.interrupted && saw.truncated && saw.updated.includes("Sing") && refused !== "no" ? 0 : 1);
