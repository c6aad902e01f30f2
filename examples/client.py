"""Call lineside from Python: speak a WAV file (16 kHz, mono, 16 bit), print the words, save what the agent says.

python examples/client.py http://127.0.0.1:3001 question.wav answer.wav
"""

import asyncio
import json
import sys
import wave

import aiohttp

RATE, FRAME = 16_000, 640  # bytes: 20 ms of signed 16-bit sound


async def call(url: str, question: bytes) -> bytes:
    """Ask one spoken question; answers the agent's sound, greeting included."""
    answer = bytearray()
    async with aiohttp.ClientSession() as http, http.ws_connect(f"{url}/ws/call") as ws:
        await ws.send_json({"codec": "pcm", "sample_rate": RATE, "caller": "example"})
        speaking = asyncio.create_task(speak(ws, question))
        async for message in ws:
            if message.type is aiohttp.WSMsgType.BINARY:
                answer += message.data
                continue
            event = json.loads(message.data)
            if event["type"] in ("transcript", "reply_text"):
                print(f"{'caller' if event['type'] == 'transcript' else 'agent'}: {event['text']}", flush=True)
            elif event["type"] == "audio_done" and speaking.done():
                await ws.send_json({"type": "hangup"})  # the answer has been heard to its end
        await speaking
    return bytes(answer)


async def speak(ws: aiohttp.ClientWebSocketResponse, question: bytes) -> None:
    """Send sound as a microphone would: a frame every 20 ms, then a second of silence."""
    sound = question + bytes(2 * RATE)
    for at in range(0, len(sound), FRAME):
        await ws.send_bytes(sound[at : at + FRAME].ljust(FRAME, b"\0"))
        await asyncio.sleep(0.02)


if __name__ == "__main__":
    with wave.open(sys.argv[2], "rb") as recording:
        heard = asyncio.run(call(sys.argv[1], recording.readframes(recording.getnframes())))
    with wave.open(sys.argv[3], "wb") as saved:
        saved.setparams((1, 2, RATE, 0, "NONE", ""))
        saved.writeframes(heard)
