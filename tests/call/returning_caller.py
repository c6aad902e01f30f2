"""A caller whose network breaks and who comes back, on virtual time: no sockets, and a program that resumes."""

import asyncio
import math
from array import array
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from lineside.agents.agent import Agent
from lineside.audio.vad import LoudnessVad
from lineside.call.fillers import PHRASES
from lineside.call.observers import Observer
from lineside.call.session import CallSession
from lineside.engines.registry import Engines
from lineside.engines.tts_cache import CachedTTS
from lineside.engines.vendors.scripted import ScriptedLLM, ScriptedSTT, ScriptedTTS
from lineside.errors import TransportError
from lineside.protocol import (
    Clear,
    FirstMessage,
    Ready,
    Reconnected,
    Resumed,
    ResumeRequest,
    ServerMessage,
    decode_server,
)
from lineside.transports.base import AudioMeter
from lineside.transports.browser import BrowserTransport
from lineside.transports.frame_grace import FrameGrace
from lineside.transports.resumption import Resumption, WaitingRoom
from lineside.transports.websocket import WebSocket
from lineside.transports.websocket_frames import BINARY, LOST, NORMAL
from tests.call.fixtures import AGENT, settings

E = TypeVar("E", bound=ServerMessage)
RATE = 16_000
FRAME = 320  # samples
LOUD = array("h", (round(8000 * math.sin(n / 5)) for n in range(FRAME))).tobytes()
QUIET = bytes(2 * FRAME)


@dataclass(frozen=True)
class Break:
    """The network is gone at `at`, and back after `seconds`; None: never. Seconds of the call."""

    at: float
    seconds: float | None = 3.0
    noticed: bool = True  # lineside sees that the connection ended; else it hears nothing more of it


class Connection:
    """Stands for a `WebSocket`. What is written over it once it is lost reaches nobody."""

    def __init__(self, receive: Callable[[bytes | ServerMessage], None]) -> None:
        self.over: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.writable, self.lost = True, False
        self._receive, self._listener = receive, cast("Callable[[bytes | str], None] | None", None)

    def listen(self, listener: Any, shed: Any, on_writable: Any = None) -> None:
        self._listener = listener

    def say(self, message: bytes | str) -> None:
        if not self.lost and self._listener is not None:
            self._listener(message)

    def write(self, frames: bytes) -> None:
        at = 0
        while at < len(frames) and not self.lost:
            kind, size, at = frames[at] & 15, frames[at + 1], at + 2
            wide = {126: 2, 127: 8}.get(size, 0)
            size = int.from_bytes(frames[at : at + wide], "big") if wide else size
            payload, at = frames[at + wide : at + wide + size], at + wide + size
            if kind in (1, 2):
                self._receive(payload if kind == BINARY else decode_server.decode(payload))

    def probe(self, answered: Callable[[], None]) -> None:
        if not self.lost:
            asyncio.get_running_loop().call_later(0.02, answered)

    def end(self, code: int) -> None:
        if not self.over.done():
            self.over.set_result(code)

    def abort(self) -> None:
        self.end(LOST)

    async def close(self, code: int) -> None:
        self.end(code)


@dataclass
class ReturningCaller:
    """The caller's program: it speaks at set times, plays what comes, counts it, and resumes."""

    speaks: Sequence[tuple[float, float]]
    breaks: Sequence[Break]
    leaves: float
    events: list[ServerMessage] = field(default_factory=list)
    played: bytearray = field(default_factory=bytearray)
    refused: list[str] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    received = 0
    _frames: list[bytes] = field(default_factory=list)
    _ends = 0.0

    def receive(self, message: bytes | ServerMessage) -> None:
        now = asyncio.get_running_loop().time()
        if isinstance(message, Resumed):
            assert message.next == self.received, "nothing was forgotten, nothing comes twice"
            self.tokens.append(message.resume_token)
            self._send_from(message.received)
            return
        self.received += 1
        if isinstance(message, bytes):
            self.played += message
            self._ends = max(self._ends, now) + len(message) / 2 / RATE
            return
        self.events.append(message)
        if isinstance(message, Ready):
            self.tokens.append(message.resume_token)
        if isinstance(message, Clear):
            unplayed = max(0, round((self._ends - now) * RATE)) * 2
            del self.played[len(self.played) - unplayed :]
            self._ends = min(self._ends, now)

    def all(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    def open(self) -> Connection:
        self.connection = Connection(self.receive)
        return self.connection

    async def live(self, transport: BrowserTransport) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        for one in self.breaks:
            loop.call_at(began + one.at, self._break, one)
            if one.seconds is not None:
                loop.call_at(began + one.at + one.seconds, self.resume, transport, self.tokens)
        while (now := loop.time() - began) < self.leaves:
            loud = any(begin <= now < end for begin, end in self.speaks)
            self._frames.append(LOUD if loud else QUIET)
            self.connection.say(self._frames[-1])
            await asyncio.sleep(FRAME / RATE)
        self.connection.end(NORMAL)

    def _break(self, one: Break) -> None:
        self.connection.lost = True
        if one.noticed:
            self.connection.end(LOST)

    def resume(self, transport: BrowserTransport, tokens: list[str]) -> None:
        """Come back with the latest of these tokens."""
        before, now = self.connection, self.open()
        try:
            transport.resume(cast("WebSocket", now), "c1", ResumeRequest(tokens[-1], self.received))
        except TransportError as why:
            self.connection = before
            self.refused.append(why.code)

    def _send_from(self, received: int) -> None:
        """Once the connection is attended to: what lineside has not heard."""
        missed = self._frames[received:]
        asyncio.get_running_loop().call_soon(lambda: deque(map(self.connection.say, missed), 0))


@dataclass
class ResumedCall:
    """A call that is over."""

    caller: ReturningCaller
    call: CallSession
    reason: str
    seconds: float
    room: WaitingRoom
    told: list[str]
    llm: ScriptedLLM
    stt: ScriptedSTT

    @property
    def conversation(self) -> list[tuple[str, str]]:
        return [(m.role, m.content) for m in self.call._context.history.said]

    @property
    def back(self) -> Reconnected:
        (event,) = self.caller.all(Reconnected)
        return event


async def call_with_breaks(
    *breaks: Break,
    speaks: Sequence[tuple[float, float]] = ((1.0, 2.0),),
    leaves: float = 30.0,
    agent: Agent = AGENT,
    room: WaitingRoom | None = None,
    told: list[str] | None = None,
    llm: ScriptedLLM | None = None,
    caller: ReturningCaller | None = None,
    observers: Sequence[Observer] = (),
    began_with: Callable[[CallSession], None] = lambda call: None,
    **given: object,
) -> ResumedCall:
    """Hold one call on the running loop."""
    told = [] if told is None else told
    room = room or WaitingRoom(5.0, told.append)
    caller = caller or ReturningCaller(speaks, breaks, leaves)
    stt, llm, tts = ScriptedSTT(), llm or ScriptedLLM(), ScriptedTTS()
    memory = CachedTTS(tts)
    for phrase in PHRASES:
        await memory.keep(phrase)
    began = asyncio.get_running_loop().time()
    hello = FirstMessage(codec="pcm")
    transport = BrowserTransport(cast("WebSocket", caller.open()), hello, AudioMeter(), Resumption(room))
    call = CallSession(
        FrameGrace(transport),
        hello,
        agent=agent,
        engines=Engines(stt, llm, memory, {"stt": "scripted", "llm": "scripted", "tts": "scripted"}, memory),
        settings=settings(**given),
        vad=LoudnessVad(),
        observers=observers,
    )
    began_with(call)
    transport.on_event(Ready("c1", "pcm", RATE, {}))
    living = asyncio.create_task(caller.live(transport))
    reason = await call.run()
    living.cancel()
    await asyncio.wait([living])
    return ResumedCall(caller, call, reason, asyncio.get_running_loop().time() - began, room, told, llm, stt)
