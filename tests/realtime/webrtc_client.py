"""A WebRTC client as a browser is one, by aiortc: its microphone, what it hears, and OpenAI's events."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import aiohttp
import numpy as np
from aiortc import MediaStreamTrack, RTCConfiguration, RTCDataChannel, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame

from lineside.engines.protocols import Message
from lineside.engines.vendors.scripted import ScriptedLLM, ScriptedSTT
from tests.gateway.test_app import ServedGateway, opened
from tests.realtime.events import checked

RATE = 48_000
FRAME = RATE // 50
PATIENCE = 120.0  # seconds; nothing here takes five, but machines are shared


class Microphone(MediaStreamTrack):
    """Speaks what it is told to, and silence; in real time."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._due = 0.0
        self._sent = 0
        self.frames: list[bytes] = []  # that wait, 20 ms each

    def speak(self, seconds: float) -> None:
        """A tone, which is voice to the loudness detector."""
        tone = (np.sin(np.arange(FRAME) * 0.3) * 9000).astype("<i2").tobytes()
        self.frames += [tone] * round(seconds * 50)

    async def recv(self) -> AudioFrame:
        """See `MediaStreamTrack`."""
        loop = asyncio.get_running_loop()
        self._due = (
            self._due + 0.02 if self._due else loop.time()
        )  # what a stalled machine is behind with, it sends at once
        await asyncio.sleep(self._due - loop.time())
        pcm = self.frames.pop(0) if self.frames else bytes(2 * FRAME)
        frame = AudioFrame.from_ndarray(np.frombuffer(pcm, "<i2").reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, self._sent * FRAME, Fraction(1, RATE)
        self._sent += 1
        return frame


class Caller:
    """One client of one gateway."""

    def __init__(self, gateway: ServedGateway) -> None:
        self.gateway = gateway
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.microphone = Microphone()
        self.channel: RTCDataChannel = self.peer.createDataChannel("oai-events")
        self.events: list[dict[str, Any]] = []
        self.loud = 0  # frames of 20 ms that were heard and are not silent
        self._listening: list[asyncio.Task[None]] = []
        self.place = ""
        self.channel.on("message", self._told)
        self.peer.on("track", self._hears)
        self.peer.addTrack(self.microphone)

    async def offer(self) -> str:
        """The SDP, with candidates, as a program gives it."""
        await self.peer.setLocalDescription(await self.peer.createOffer())
        return str(self.peer.localDescription.sdp)

    async def connect(self, *, session: dict[str, Any] | None = None, headers: dict[str, str] | None = None) -> None:
        """As the stock page of OpenAI's documents: post the offer, take the answer."""
        status, text = await self.offered(await self.offer(), headers, session=session)
        assert status == 201, text
        await self.peer.setRemoteDescription(RTCSessionDescription(text, "answer"))

    async def offered(
        self, sdp: str, headers: dict[str, str] | None = None, *, session: dict[str, Any] | None = None
    ) -> tuple[int, str]:
        """Post an offer: the status and the body of what comes back."""
        body: str | aiohttp.FormData = sdp
        if session is None:
            headers = {"Content-Type": "application/sdp"} | (headers or {})
        else:
            body = aiohttp.FormData({"sdp": sdp, "session": json.dumps(session)}, default_to_multipart=True)
        async with self.gateway.http.post(f"{self.gateway.url}/v1/realtime/calls", data=body, headers=headers) as made:
            self.place = made.headers.get("Location", "")
            return made.status, await made.text()

    async def post(self, place: str, headers: dict[str, str] | None = None) -> int:
        async with self.gateway.http.post(self.gateway.url + place, headers=headers) as answer:
            return answer.status

    def type(self, text: str) -> None:
        """A typed turn, to be answered."""
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
        self.send("conversation.item.create", item=item)
        self.send("response.create")

    def vanish(self) -> None:
        """As if the power failed: nothing more leaves this side."""
        for transport in {transceiver.receiver.transport.transport for transceiver in self.peer.getTransceivers()}:
            for protocol in transport._connection._protocols:
                silent: Any = SimpleNamespace(sendto=lambda *packet: None, close=protocol.transport.close)
                protocol.transport = silent

    def _told(self, message: str) -> None:
        event = json.loads(message)
        checked(event)
        self.events.append(event)

    def _hears(self, track: MediaStreamTrack) -> None:
        self._listening.append(asyncio.create_task(self._listen(track)))

    async def _listen(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            assert isinstance(frame, AudioFrame)
            self.loud += int(np.abs(frame.to_ndarray().astype(np.int32)).max() > 500)

    def send(self, kind: str, **fields: Any) -> None:
        self.channel.send(json.dumps({"type": kind, **fields}))

    async def until(self, kind: str, seconds: float = PATIENCE) -> dict[str, Any]:
        """The first event of that type; all stay in `events`."""
        async with asyncio.timeout(seconds):
            while True:
                for event in self.events:
                    if event["type"] == kind:
                        return event
                await asyncio.sleep(0.02)

    async def eventually(self, holds: Callable[[], bool], seconds: float = PATIENCE) -> None:
        async with asyncio.timeout(seconds):
            while not holds():  # noqa: ASYNC110 - what happens over a network has no event here
                await asyncio.sleep(0.02)

    def kinds(self) -> list[str]:
        return [event["type"] for event in self.events]

    async def close(self) -> None:
        await self.peer.close()
        for task in self._listening:
            task.cancel()


@asynccontextmanager
async def callers(
    *, answers: tuple[str | Message, ...] = (), hears: tuple[str, ...] = (), **given: Any
) -> AsyncGenerator[Caller]:
    """A caller, not yet connected."""
    async with opened(**({"echo_gate": False, "host": "127.0.0.1"} | given)) as gateway:
        registry = gateway.gateway._registry
        if answers:
            registry._engines["llm", "scripted"] = ScriptedLLM(answers=answers)
        if hears:
            registry._engines["stt", "scripted"] = ScriptedSTT(hears=hears)
        caller = Caller(gateway)
        try:
            yield caller
        finally:
            await caller.close()


def with_caller(story: Callable[[Caller], Awaitable[None]], **given: Any) -> None:
    async def main() -> None:
        async with callers(**given) as caller:
            await story(caller)

    asyncio.run(main())
