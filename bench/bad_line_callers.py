"""Callers on a bad network, of both protocols over both lines: they speak, and write down what comes of the answers."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import aiohttp
import numpy as np

RATE, FRAME = 24_000, 480
TONE = (np.sin(np.arange(FRAME) * 0.3) * 9000).astype("<i2").tobytes()
BEGINS = ("response.created", "audio_started")
ENDS = ("response.done", "audio_done")


class Arrivals:
    """What comes of answers: when, and how many seconds of sound."""

    def __init__(self) -> None:
        self.clock = asyncio.get_running_loop().time
        self.answers: list[dict[str, Any]] = []
        self.done = asyncio.Event()

    def began(self) -> None:
        """The caller has asked."""
        self.answers.append({"asked": self.clock(), "came": []})

    def came(self, at: float, seconds: float) -> None:
        """Sound that stands `at` seconds into the answer."""
        if self.answers:
            self.answers[-1]["came"].append((self.clock(), at, seconds))


async def _take_turns(arrivals: Arrivals, say: Any, turns: int) -> None:
    """Speak for a second, wait for the answer to its end, and again."""
    for _ in range(turns):
        arrivals.done.clear()
        await say(1.0)
        arrivals.began()
        with suppress(TimeoutError):
            async with asyncio.timeout(20):
                await arrivals.done.wait()
        await asyncio.sleep(0.5)


async def _talk_over_socket(
    ws: aiohttp.ClientWebSocketResponse, send: Callable[[bytes], Awaitable[None]], arrivals: Arrivals, turns: int
) -> None:
    """Sound all the time, from the microphone of a page; answers as either protocol brings them."""
    left, spoken = 0, asyncio.Event()

    async def microphone() -> None:
        nonlocal left
        due = arrivals.clock()
        while True:
            pcm, left = (TONE, left - 1) if left else (bytes(2 * FRAME), 0)
            if not left:
                spoken.set()
            await send(pcm)
            due += 0.02
            await asyncio.sleep(due - arrivals.clock())

    async def read() -> None:
        at = 0.0
        async for message in ws:
            event = {"type": ""} if message.type is aiohttp.WSMsgType.BINARY else json.loads(message.data)
            sound = message.data if message.type is aiohttp.WSMsgType.BINARY else b""
            if event["type"] == "response.output_audio.delta":
                sound = base64.b64decode(event["delta"])
            if event["type"] in BEGINS:
                at = 0.0
            elif event["type"] in ENDS:
                arrivals.done.set()
            elif sound:
                arrivals.came(at, len(sound) / 2 / RATE)
                at += len(sound) / 2 / RATE

    async def say(seconds: float) -> None:
        nonlocal left
        spoken.clear()
        left = round(seconds * 50)
        await spoken.wait()

    tasks = [asyncio.create_task(microphone()), asyncio.create_task(read())]
    await _take_turns(arrivals, say, turns)
    for task in tasks:
        task.cancel()


async def _realtime_socket(http: aiohttp.ClientSession, url: str, arrivals: Arrivals, turns: int) -> None:
    async with http.ws_connect(f"{url}/v1/realtime") as ws:

        async def send(pcm: bytes) -> None:
            audio = base64.b64encode(pcm).decode()
            await ws.send_str(json.dumps({"type": "input_audio_buffer.append", "audio": audio}))

        await _talk_over_socket(ws, send, arrivals, turns)


async def _own_socket(http: aiohttp.ClientSession, url: str, arrivals: Arrivals, turns: int) -> None:
    async with http.ws_connect(f"{url}/ws/call") as ws:
        await ws.send_json({"codec": "pcm", "sample_rate": RATE, "greeting": ""})
        await _talk_over_socket(ws, ws.send_bytes, arrivals, turns)


async def _talk_over_tracks(post: Callable[[str], Awaitable[str]], arrivals: Arrivals, turns: int) -> None:
    from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
    from tests.realtime.webrtc_client import Microphone

    from lineside.rtp.packet import RtpPacket
    from lineside.transports.webrtc.connection import _take_packets
    from lineside.transports.webrtc.opus import CLOCK, SILENCE

    peer, microphone = RTCPeerConnection(RTCConfiguration(iceServers=[])), Microphone()
    begins: int | None = None

    def took(packet: RtpPacket) -> None:
        nonlocal begins
        if packet.payload == SILENCE:
            return
        begins = packet.timestamp if begins is None else begins
        arrivals.came(((packet.timestamp - begins) & 0xFFFFFFFF) / CLOCK, 0.02)

    def told(message: str) -> None:
        if json.loads(message)["type"] in ENDS:
            arrivals.done.set()

    async def say(seconds: float) -> None:
        nonlocal begins
        microphone.speak(seconds)
        await asyncio.sleep(seconds)
        begins = None

    peer.addTrack(microphone)
    peer.createDataChannel("events").on("message", told)
    await peer.setLocalDescription(await peer.createOffer())
    await peer.setRemoteDescription(RTCSessionDescription(await post(peer.localDescription.sdp), "answer"))
    _take_packets(peer.getReceivers()[0], took)
    await asyncio.sleep(2)
    await _take_turns(arrivals, say, turns)
    await peer.close()


async def _realtime_tracks(http: aiohttp.ClientSession, url: str, arrivals: Arrivals, turns: int) -> None:
    async def post(offer: str) -> str:
        headers = {"Content-Type": "application/sdp"}
        async with http.post(f"{url}/v1/realtime/calls", data=offer, headers=headers) as answer:
            return await answer.text()

    await _talk_over_tracks(post, arrivals, turns)


async def _own_tracks(http: aiohttp.ClientSession, url: str, arrivals: Arrivals, turns: int) -> None:
    async def post(offer: str) -> str:
        async with http.post(f"{url}/rtc/call", json={"sdp": offer, "first": {"greeting": ""}}) as answer:
            return str((await answer.json())["sdp"])

    await _talk_over_tracks(post, arrivals, turns)


CALLERS: dict[tuple[str, str], Callable[[aiohttp.ClientSession, str, Arrivals, int], Awaitable[None]]] = {
    ("realtime", "websocket"): _realtime_socket,
    ("realtime", "webrtc"): _realtime_tracks,
    ("own", "websocket"): _own_socket,
    ("own", "webrtc"): _own_tracks,
}
