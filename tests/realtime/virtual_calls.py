"""Realtime sessions on virtual time: the whole call behind a socket that is none, and a client that sends and reads."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast

from lineside.agents.agent import Agent
from lineside.audio.vad import LoudnessVad
from lineside.call.call_tools import NO_TOOLS, CallTools
from lineside.call.session import CallSession
from lineside.engines.protocols import Engine, Message
from lineside.engines.registry import Engines, Role
from lineside.engines.vendors.scripted import ScriptedLLM, ScriptedSTT, ScriptedTTS
from lineside.protocol import Ready
from lineside.realtime.opening import RealtimeOpening, offered_session
from lineside.transports.base import AudioMeter
from lineside.transports.websocket import WebSocket
from lineside.transports.websocket_frames import LOST, NORMAL
from tests.call.fixtures import AGENT, settings
from tests.realtime.events import checked
from tests.realtime.fixtures import sound
from tests.virtual_time import run


class ScriptedEngines:
    """One scripted engine of each role (`NamedEngines`)."""

    def __init__(self, stt: ScriptedSTT, llm: ScriptedLLM, tts: ScriptedTTS) -> None:
        self._engines: dict[Role, Any] = {"stt": stt, "llm": llm, "tts": tts}

    def names(self, role: Role) -> tuple[str, ...]:
        return ("scripted",)

    def engine(self, role: Role, name: str = "") -> Engine:
        engine: Engine = self._engines[role]
        return engine

    def stt(self, name: str = "") -> Any:
        return self._engines["stt"]

    def llm(self, name: str = "") -> Any:
        return self._engines["llm"]

    def tts(self, name: str = "") -> Any:
        return self._engines["tts"]


class VirtualClient:
    """The client's end; it stands for the server's `WebSocket` as well. Every event is read by OpenAI's types."""

    def __init__(self, llm: ScriptedLLM, stt: ScriptedSTT) -> None:
        self.over: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.writable = True
        self.llm, self.stt = llm, stt
        self.events: list[dict[str, Any]] = []
        self.times: list[float] = []  # of the events
        self.sound_seconds = 0.0
        self.closed_with: int | None = None
        self.keeps_sound = True
        self._came = asyncio.Event()
        self._read = 0
        self._early: list[bytes] = []  # said before the call listens
        self._listener: Callable[[bytes | str], None] = self._early.append  # type: ignore[assignment]

    # ── what the server does with a socket ─────────────────────────────────────────────────────────────────────────

    def listen(self, listener: Any, shed: Any, on_writable: Any = None) -> None:
        self._listener = listener
        while self._early:
            listener(self._early.pop(0))

    def write(self, frame: bytes) -> None:
        wide = {126: 2, 127: 8}.get(frame[1], 0)
        event = json.loads(frame[2 + wide :])
        checked(event)
        if event["type"] == "response.output_audio.delta":
            self.sound_seconds += len(event["delta"]) * 3 / 4 / 48_000
            if not self.keeps_sound:
                return
        self.events.append(event)
        self.times.append(asyncio.get_running_loop().time())
        self._came.set()

    def probe(self, answered: Callable[[], None]) -> None:
        asyncio.get_running_loop().call_later(0.02, answered)

    def abort(self) -> None:
        self.leave(LOST)

    async def close(self, code: int) -> None:
        self.closed_with = code
        self.leave(code)

    def leave(self, code: int = NORMAL) -> None:
        if not self.over.done():
            self.over.set_result(code)

    # ── what the client does ───────────────────────────────────────────────────────────────────────────────────────

    def send(self, kind: str, **fields: Any) -> None:
        self._listener(json.dumps({"type": kind} | fields).encode())

    def update(self, **session: Any) -> None:
        self.send("session.update", session={"type": "realtime"} | session)

    def hears_turns(self, **detection: Any) -> None:
        """Set the turn detection, and have turns written down."""
        heard = {"turn_detection": {"type": "server_vad"} | detection, "transcription": {"model": "whisper-1"}}
        self.update(audio={"input": heard})

    def type(self, text: str) -> None:
        content = [{"type": "input_text", "text": text}]
        self.send("conversation.item.create", item={"type": "message", "role": "user", "content": content})

    async def speak(self, seconds: float, *, voiced: bool = True, piece: float = 0.1) -> None:
        """Send sound at the pace of speech, so many seconds at a time."""
        for _ in range(round(seconds / piece)):
            self.send("input_audio_buffer.append", audio=base64.b64encode(sound(piece, voiced=voiced)).decode())
            await asyncio.sleep(piece)

    async def until(self, kind: str, within: float = 30.0) -> dict[str, Any]:
        """The next event of that type."""
        async with asyncio.timeout(within):
            while True:
                while self._read < len(self.events):
                    event = self.events[self._read]
                    self._read += 1
                    if event["type"] == kind:
                        return event
                self._came.clear()
                await self._came.wait()

    async def answer(self, **response: Any) -> dict[str, Any]:
        """Ask for a response; what it was in the end."""
        self.send("response.create", **({"response": response} if response else {}))
        return dict((await self.until("response.done"))["response"])

    def forget(self) -> None:
        """All events so far, and what the scripted engines remember."""
        self.stt.utterances.clear()
        self.llm.asked.clear()
        self.llm.offered.clear()
        self.events.clear()
        self.times.clear()
        self._read = 0

    def all(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] == kind]

    def one(self, kind: str) -> dict[str, Any]:
        (event,) = self.all(kind)
        return event

    def time_of(self, kind: str) -> float:
        """When the first of them came."""
        return next(at for at, event in zip(self.times, self.events, strict=True) if event["type"] == kind)


def said(response: dict[str, Any]) -> str:
    """What was said in a response."""
    parts = [part for item in response["output"] for part in item.get("content", ())]
    return " ".join(part["transcript"] for part in parts)


def hold_session(
    story: Callable[[VirtualClient], Awaitable[None]],
    *,
    model: str = "gpt-realtime",
    kind: Any = "realtime",
    answers: Sequence[str | Message] = ("Yes.",),
    hears: Sequence[str] = ("scripted words",),
    agent: Agent = AGENT,
    tools: CallTools = NO_TOOLS,
    stt: ScriptedSTT | None = None,
    llm: ScriptedLLM | None = None,
    tts: ScriptedTTS | None = None,
    **given: Any,
) -> VirtualClient:
    """Hold one session on virtual time, to the end of the story."""

    async def main() -> VirtualClient:
        engines = ScriptedEngines(
            stt or ScriptedSTT(hears=hears), llm or ScriptedLLM(answers=answers), tts or ScriptedTTS()
        )
        client = VirtualClient(engines.llm(), engines.stt())
        chosen = settings(**({"echo_gate": False} | given))
        offered, session = offered_session(
            "call-1",
            cast("WebSocket", client),
            RealtimeOpening(model=model, kind=kind),
            engines,
            chosen.call_max_s,
        )
        leg = offered.connect(AudioMeter())
        call = CallSession(
            leg.transport,
            offered.first,
            facts=offered.facts,
            control=leg.control,
            agent=agent,
            engines=Engines(
                engines.stt(),
                engines.llm(),
                engines.tts(),
                dict.fromkeys(("stt", "llm", "tts"), "scripted"),
                engines.tts(),
            ),
            settings=chosen,
            vad=LoudnessVad(),
            tools=tools,
            program=session,
        )
        names = {"stt": "scripted", "llm": "scripted", "tts": "scripted"}
        leg.transport.on_event(Ready(call_id="call-1", codec="pcm", sample_rate=24_000, engines=names))
        calling = asyncio.create_task(call.run())
        try:
            await client.until("session.created")
            await story(client)
        finally:
            client.leave()
            await leg.control.hang_up(await calling)
        return client

    return run(main())
