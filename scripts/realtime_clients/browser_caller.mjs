// The page of browser.py: @openai/agents over WebRTC, its own bundle for browsers, unchanged but for the address.
import { OpenAIRealtimeWebRTC, RealtimeAgent, RealtimeSession, tool } from "/bundle/openai-realtime-agents.mjs";

const given = new URLSearchParams(location.search);
const saw = { calls: [], loud: 0, interrupted: 0, errors: [], types: new Set() };
const weather = tool({
  name: "weather",
  description: "Tells the weather.",
  strict: true,
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"], additionalProperties: false },
  execute: async ({ city }) => {
    saw.calls.push(city);
    return "sunny";
  },
});
const audioElement = new Audio();
audioElement.autoplay = true;
const transport = new OpenAIRealtimeWebRTC({ baseUrl: `${given.get("gateway")}/v1/realtime/calls`, audioElement });
const agent = new RealtimeAgent({ name: "Desk", instructions: "Answer briefly.", tools: [weather] });
const session = new RealtimeSession(agent, { transport });
const words = (part) => part.transcript ?? part.text ?? "";
const said = () =>
  session.history
    .filter((item) => item.type === "message" && item.role === "assistant")
    .map((item) => [item.status, item.content.map(words).join(" ")]);

session.on("error", (fault) => saw.errors.push(JSON.stringify(fault.error ?? fault)));
session.on("transport_event", (event) => {
  saw.types.add(event.type);
  if (event.type === "output_audio_buffer.cleared") saw.interrupted++;
});
window.seen = () => ({
  ...saw,
  types: saw.types.size,
  said: said(),
  done: saw.calls.length > 0 && saw.loud > 20 && saw.interrupted > 0,
});

await session.connect({ apiKey: given.get("key") }).catch((fault) => saw.errors.push(String(fault)));
const context = new AudioContext();
const meter = context.createAnalyser();
context.createMediaStreamSource(audioElement.srcObject).connect(meter);
const samples = new Float32Array(meter.fftSize);
setInterval(() => {
  meter.getFloatTimeDomainData(samples);
  saw.loud += samples.some((sample) => Math.abs(sample) > 0.03) ? 1 : 0;
}, 50);
