"""Where a call is held, from its caller's first message to the last: in the gateway's own process, or in a worker."""

import asyncio
import gc
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import structlog

from lineside.agents.agent import Agent
from lineside.agents.drafts import AgentDrafts
from lineside.agents.versions import version_of
from lineside.audio.frame import STT_RATE
from lineside.audio.input_resampler import InputResampler
from lineside.audio.turn_model import TurnModel
from lineside.audio.vad import VoiceDetector
from lineside.call.engine_load import EngineLoad
from lineside.call.observers import Observer
from lineside.call.session import CallSession
from lineside.engines.registry import EngineRegistry, Engines
from lineside.errors import TransportError
from lineside.gateway.call_registry import RegisteredCall
from lineside.gateway.load_shedder import LoadShedder
from lineside.observability.metrics import GatewayMetrics
from lineside.observability.traces import Traces
from lineside.protocol import Ended, EndReason, Error, FirstMessage, Ready, encode, read_hello
from lineside.records.archive import Archive
from lineside.settings import Settings
from lineside.transports.base import Transport
from lineside.transports.browser import LAST_WORDS, BrowserTransport
from lineside.transports.frame_grace import FrameGrace
from lineside.transports.websocket import WebSocket
from lineside.transports.websocket_frames import INTERNAL_ERROR, NORMAL, POLICY_VIOLATION, TEXT, framed

log = structlog.get_logger()

YOUNG = 10_000  # objects made before the garbage collector looks through them
FIRST_MESSAGE = 5.0  # seconds; a caller's program that says nothing by then is disconnected
HEARTBEAT = 20.0  # seconds between pings; a peer that is gone without a word is noticed within twice that
LARGEST_MESSAGE = 128 * 1024  # bytes; beyond it the WebSocket itself is closed with 1009
USUAL_RATES = (8000, 16_000, 24_000, 44_100, 48_000)  # samples a second; their tables are soon there for all calls
LARGEST_FIRST = 64 * 1024  # bytes of the first message


def settle() -> None:
    """Before the first call: what has been imported and loaded stays, and no garbage collection need walk through it.

    A full one takes 60 ms, in which no call is heard. Nor need the young be looked through every 700 objects, which
    calls make in a twentieth of a second: few of them are in circles.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG)


class CallRunner:
    """Holds calls, many at a time."""

    def __init__(
        self,
        settings: Settings,
        agent: Callable[[], Agent],
        registry: EngineRegistry,
        new_vad: Callable[[], VoiceDetector],
        meters: GatewayMetrics,
        turns: TurnModel,
        records: Archive | None = None,
        drafts: AgentDrafts | None = None,
    ) -> None:
        """`agent` says who answers now; `turns` is the turn model; `records` keeps the calls, if they are kept.

        `drafts` are the agents that a call may name to have them in that one's place.
        """
        self._drafts = drafts or AgentDrafts()
        self._settings, self._agent, self._registry, self._records = settings, agent, registry, records
        self._new_vad, self._meters, self._turns = new_vad, meters, turns
        self._load = EngineLoad(time.monotonic)
        self.shedder = LoadShedder()
        self._tables = ThreadPoolExecutor(1, "resampler tables")  # one: many callers at once leave the others the CPU
        self._traces = Traces(settings.otlp_endpoint) if settings.otlp_endpoint else None

    async def run(self, handle: RegisteredCall, ws: WebSocket) -> None:
        """Run one call from its first message to its end. Raises nothing for what a caller or an engine does."""
        try:
            with self.shedder.watched(ws):
                await self._run(handle, ws)
        finally:
            ws.abort()  # where it is open still, nobody is there to close it

    async def close(self) -> None:
        """The last call is over."""
        self._tables.shutdown(wait=False, cancel_futures=True)
        if self._traces is not None:
            await self._traces.close()

    async def _run(self, handle: RegisteredCall, ws: WebSocket) -> None:
        try:
            hello = await _first_message(ws)
            engines = self._registry.choose(
                stt=hello.stt_engine,
                llm=hello.llm_engine,
                tts=hello.tts_engine,
                model=hello.llm_model,
                voice=hello.tts_voice,
            )
            agent = self._drafts.agent(hello.draft) if hello.draft else self._agent()
        except TransportError as fault:
            self._meters.call_refused(fault.code)
            await _refuse(ws, fault)
            return
        await self._registry.prepare(
            {
                "stt": (hello.stt_engine, ""),
                "llm": (hello.llm_engine, hello.llm_model),
                "tts": (hello.tts_engine, hello.tts_voice),
            }
        )
        if hello.rate not in USUAL_RATES:  # its tables take up to 15 ms to make, in which no other call is heard
            await asyncio.get_running_loop().run_in_executor(self._tables, InputResampler, hello.rate, STT_RATE)
        metrics = self._meters.call("browser", engines.names)
        transport, began = BrowserTransport(ws, hello, metrics), time.monotonic()
        observers: list[Observer] = [handle, metrics]
        try:
            reason, code = (
                await self._record_call(handle, FrameGrace(transport), hello, engines, agent, observers),
                NORMAL,
            )
        except Exception:  # a bug of ours: this call ends, the others do not notice, the log says where
            log.exception("call failed", call=handle.id)
            reason, code = "internal_error", INTERNAL_ERROR
            broke = Error(at=0.0, code=reason, message="something broke inside lineside", fatal=True)
            for event in (broke, Ended(at=0.0, reason=reason)):
                transport.on_event(event)
                for observer in observers:
                    observer.on_event(event)
        finally:
            metrics.ended(time.monotonic() - began)
        await transport.close(POLICY_VIOLATION if reason in _FAULTS else code)

    async def _record_call(
        self,
        handle: RegisteredCall,
        transport: Transport,
        hello: FirstMessage,
        engines: Engines,
        agent: Agent,
        observers: list[Observer],
    ) -> EndReason:
        """Hold the call; whoever else has to hear of it, traces and records, is added to the observers."""
        line = "test" if hello.draft else "browser"  # no customer's call: the history can leave it out
        if self._traces is not None:
            observers.append(self._traces.call(handle.id, "browser", engines.names))
        if self._records is None:
            return await self._converse(handle, transport, hello, engines, agent, observers)
        recorder = self._records.begin(
            handle.id, transport, hello, engines.names, agent.name, line, agent_version=version_of(agent)
        )
        observers.append(recorder)
        try:
            return await self._converse(handle, recorder.transport, hello, engines, agent, observers)
        finally:
            recorder.ended()

    async def _converse(
        self,
        handle: RegisteredCall,
        transport: Transport,
        hello: FirstMessage,
        engines: Engines,
        agent: Agent,
        observers: Sequence[Observer],
    ) -> EndReason:
        call = CallSession(
            transport,
            hello,
            agent=agent,
            engines=engines,
            settings=self._settings,
            vad=self._new_vad(),
            observers=observers,
            turn_model=self._turns,
            load=self._load,
        )
        handle.answered(call, line="test" if hello.draft else "browser", codec=hello.codec, engines=engines.names)
        transport.on_event(Ready(call_id=handle.id, codec=hello.codec, sample_rate=hello.rate, engines=engines.names))
        log.info("call started", call=handle.id, codec=hello.codec, rate=hello.rate)
        began = time.monotonic()
        reason = await call.run()
        log.info("call ended", call=handle.id, reason=reason, seconds=round(time.monotonic() - began, 1))
        return reason


_FAULTS = {"too_fast", "too_many_messages", "too_many_turns", "frame_too_large", "odd_length", "bad_message"}


async def _first_message(ws: WebSocket) -> FirstMessage:
    example = '{"codec":"pcm","sample_rate":16000}'
    try:
        async with asyncio.timeout(FIRST_MESSAGE):
            message = await ws.first()
    except TimeoutError:
        raise TransportError(
            "no_first_message", f"first message: not received within {FIRST_MESSAGE:g} s; send {example}"
        ) from None
    if isinstance(message, str):
        if len(message.encode()) > LARGEST_FIRST:
            raise TransportError("bad_first_message", f"first message: more than {LARGEST_FIRST} bytes")
        return read_hello(message)
    if isinstance(message, bytes):
        raise TransportError("bad_first_message", f"first message: audio came before it; send {example} first")
    raise TransportError("line_lost", "the caller disconnected before the first message")


async def _refuse(ws: WebSocket, fault: TransportError) -> None:
    ws.write(framed(TEXT, encode(Error(at=0.0, code=fault.code, message=str(fault), fatal=True))))
    with suppress(TimeoutError):
        async with asyncio.timeout(LAST_WORDS):
            await ws.close(POLICY_VIOLATION)
