"""Where a call is held, from its caller's first message to the last: in the gateway's own process, or in a worker."""

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import structlog

from lineside.agents.agent import Agent
from lineside.agents.drafts import AgentDrafts
from lineside.agents.knowledge.agent_knowledge import KnowledgeCache
from lineside.agents.tools.offered import agent_of_call
from lineside.agents.tools.outcome import NOTHING_RUNS, RunsTools
from lineside.agents.versions import version_of
from lineside.audio.frame import STT_RATE
from lineside.audio.input_resampler import InputResampler
from lineside.audio.turn_model import TurnModel
from lineside.audio.vad import VoiceDetector
from lineside.call.call_tools import CallTools, nothing_kept
from lineside.call.caller_input import PROGRAMS
from lineside.call.engine_load import EngineLoad
from lineside.call.observers import Observer
from lineside.call.program import CallProgram
from lineside.call.session import CallSession
from lineside.engines.registry import EngineRegistry, Engines
from lineside.errors import TransportError
from lineside.gateway.browser_calls import BrowserCalls, refuse
from lineside.gateway.call_handle import RegisteredCall
from lineside.gateway.listening import TapTransport
from lineside.gateway.load_shedder import LoadShedder
from lineside.gateway.supervised_call import SupervisedCall
from lineside.gateway.use_limits import UseLimits
from lineside.observability.metrics import GatewayMetrics
from lineside.observability.traces import Traces
from lineside.protocol import Ended, EndReason, Error, Ready
from lineside.realtime.errors import RealtimeError
from lineside.realtime.opening import RealtimeOpening, offered_session
from lineside.records.archive import Archive
from lineside.settings import Settings
from lineside.transports.allowed_transfers import AllowedTransfers
from lineside.transports.call_facts import CallFacts, masked_facts
from lineside.transports.line_control import HANG_UP_WITHIN, CallLeg, LineControl, OfferedCall
from lineside.transports.media_check import MediaCheck
from lineside.transports.websocket import WebSocket

log = structlog.get_logger()

YOUNG = 10_000  # objects made before the garbage collector looks through them
HEARTBEAT = 20.0  # seconds between pings; a peer that is gone without a word is noticed within twice that
LARGEST_MESSAGE = 128 * 1024  # bytes; beyond it the WebSocket itself is closed with 1009
USUAL_RATES = (8000, 16_000, 24_000, 44_100, 48_000)  # samples a second; their tables are soon there for all calls


NewCallTools = Callable[[str, CallFacts, Agent], Awaitable[CallTools]]  # of a call's id, its facts as shown, its agent


def settle() -> None:
    """Before the first call: what has been imported and loaded stays, and no garbage collection need walk through it.

    A full one takes 60 ms, in which no call is heard. Nor need the young be looked through every 700 objects, which
    calls make in a twentieth of a second: few of them are in circles.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG)


@dataclass(frozen=True)
class CallOnLine:
    """One call and who holds it."""

    handle: RegisteredCall
    offered: OfferedCall
    engines: Engines
    agent: Agent
    observers: list[Observer]  # more come while it is set up
    program: CallProgram | None


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
        knowledge: KnowledgeCache | None = None,
        tools: RunsTools = NOTHING_RUNS,
        stand_in: NewCallTools | None = None,
    ) -> None:
        """`agent` says who answers now; `turns` is the turn model; `records` keeps the calls, if they are kept.

        `drafts` are the agents that a call may name to have them in that one's place; `knowledge` is what agents know;
        `tools` runs their tools. In a rehearsal a `stand_in` is all that calls are given, and no tool is ever run.
        """
        self._drafts, self._knowledge = drafts or AgentDrafts(), knowledge or KnowledgeCache(None)
        self._new_tools: NewCallTools = stand_in or partial(_tools_of_call, tools, records)
        self._settings, self._agent, self.engines, self._records = settings, agent, registry, records
        self._new_vad, self._meters, self._turns = new_vad, meters, turns
        self._load = EngineLoad(time.monotonic)
        self._browser_calls = BrowserCalls(settings, meters)
        self.shedder = LoadShedder()
        self._tables = ThreadPoolExecutor(1, "resampler tables")  # one: many callers at once leave the others the CPU
        self._traces = Traces(settings.otlp_endpoint) if settings.otlp_endpoint else None

    async def run(self, handle: RegisteredCall, ws: WebSocket) -> None:
        """Run one browser call, first message included. Raises nothing for what a caller or an engine does."""
        try:
            with self.shedder.watched(ws):
                await self.run_offered(handle, await self._browser_calls.offered(handle.id, ws))
        except TransportError as fault:
            self._meters.call_refused(fault.code)
            await refuse(ws, fault)
        finally:
            self._browser_calls.over(handle.id)
            ws.abort()  # where it is open still, nobody is there to close it

    async def run_realtime(self, handle: RegisteredCall, ws: WebSocket, opening: RealtimeOpening) -> None:
        """Hold one session of the Realtime API. Raises nothing for what a client or an engine does."""
        try:
            with self.shedder.watched(ws):
                longest = self._settings.call_max_s
                offered, session = offered_session(handle.id, ws, opening, self.engines, longest)
                await self.run_offered(handle, offered, session)
        except (TransportError, RealtimeError) as fault:
            self._meters.call_refused(fault.code or "bad_first_message")
            log.warning("a realtime session was refused", call=handle.id, why=str(fault))
        finally:
            ws.abort()  # where it is open still, nobody is there to close it

    async def resume(self, call_id: str, ws: WebSocket) -> None:
        """Go on with a browser call over this connection, to its end. Raises nothing for what a caller does."""
        try:
            with self.shedder.watched(ws):
                await self._browser_calls.resume(call_id, ws)
        except TransportError as fault:
            await refuse(ws, fault)
        finally:
            ws.abort()

    async def run_offered(
        self, handle: RegisteredCall, offered: OfferedCall, program: CallProgram | None = None
    ) -> EndReason:
        """Run one call of any line, from its answer to its end; answers why it ended. `program` may lead it.

        Raises `TransportError` before it was answered, where its first message asks for what there is not; nothing for
        what a caller, a line or an engine does later.
        """
        hello = offered.first
        engines = self.engines.choose(
            stt=hello.stt_engine,
            llm=hello.llm_engine,
            tts=hello.tts_engine,
            model=hello.llm_model,
            voice=hello.tts_voice,
        )
        agent = self._drafts.agent(hello.draft) if hello.draft else self._agent()
        agent_of_call(agent, hello)  # raises where the tools that it offers cannot be
        await self.engines.prepare(
            {
                "stt": (hello.stt_engine, ""),
                "llm": (hello.llm_engine, hello.llm_model),
                "tts": (hello.tts_engine, hello.tts_voice),
            }
        )
        if hello.rate not in USUAL_RATES:  # its tables take up to 15 ms to make, in which no other call is heard
            await asyncio.get_running_loop().run_in_executor(self._tables, InputResampler, hello.rate, STT_RATE)
        metrics = self._meters.call(offered.facts.line, engines.names)
        began = time.monotonic()
        try:
            leg = offered.connect(metrics)
            targets = (self._settings.transfer_to, *self._settings.transfer_allowed)
            leg = CallLeg(leg.transport, AllowedTransfers(leg.control, [one for one in targets if one]))
            held = CallOnLine(handle, offered, engines, agent, [handle, metrics], program)
            return await self._run_leg(held, leg)
        finally:
            metrics.ended(time.monotonic() - began)

    async def close(self) -> None:
        """The last call is over."""
        self._tables.shutdown(wait=False, cancel_futures=True)
        if self._traces is not None:
            await self._traces.close()

    def _shown(self, facts: CallFacts) -> CallFacts:
        """The facts as operators, records and webhooks have them; the call itself has them whole."""
        return masked_facts(facts) if self._settings.mask_numbers else facts

    async def _run_leg(self, held: CallOnLine, leg: CallLeg) -> EndReason:
        handle, offered = held.handle, held.offered
        reason: EndReason = "internal_error"
        try:
            await leg.control.answer()
            telephone = offered.facts.line not in PROGRAMS
            tap = TapTransport(MediaCheck(leg.transport) if telephone else leg.transport, handle.on_sound)
            reason = await self._record_call(held, CallLeg(tap, leg.control), tap)
        except Exception:  # a bug of ours: this call ends, the others do not notice, the log says where
            log.exception("call failed", call=handle.id)
            broke = Error(at=0.0, code="internal_error", message="something broke inside lineside", fatal=True)
            for event in (broke, Ended(at=0.0, reason=reason)):
                leg.transport.on_event(event)
                for observer in held.observers:
                    observer.on_event(event)
        finally:
            await _hang_up(handle, leg.control, reason)
        return reason

    async def _record_call(self, held: CallOnLine, leg: CallLeg, tap: TapTransport) -> EndReason:
        """Hold the call; whoever else has to hear of it, traces and records, is added to the observers."""
        handle, offered, engines, observers = held.handle, held.offered, held.engines, held.observers
        if self._traces is not None:
            observers.append(self._traces.call(handle.id, offered.facts.line, engines.names))
        if self._records is None:
            return await self._converse(held, leg, tap)
        recorder = self._records.begin(
            handle.id,
            tap,
            offered.first,
            engines.names,
            held.agent.name,
            self._shown(offered.facts),
            agent_version=version_of(held.agent),
        )
        observers.append(recorder)
        try:
            kept = CallLeg(recorder.transport, leg.control)
            return await self._converse(held, kept, tap)
        finally:
            recorder.ended()

    async def _converse(self, held: CallOnLine, leg: CallLeg, tap: TapTransport) -> EndReason:
        handle, engines, agent = held.handle, held.engines, held.agent
        hello, facts = held.offered.first, held.offered.facts
        call = CallSession(
            leg.transport,
            hello,
            facts=facts,
            control=leg.control,
            plan=held.offered.plan,
            agent=agent,
            engines=engines,
            settings=self._settings,
            vad=self._new_vad(),
            observers=held.observers,
            program=held.program,
            turn_model=self._turns,
            load=self._load,
            knowledge=await self._knowledge.of(agent),
            tools=await self._new_tools(handle.id, self._shown(facts), agent),
        )
        control = SupervisedCall(call, tap)
        handle.answered(control, facts=self._shown(facts), codec=hello.codec, rate=hello.rate, engines=engines.names)
        ready = Ready(
            call_id=handle.id,
            codec=hello.codec,
            sample_rate=hello.rate,
            engines=engines.names,
            answering=engines.usual,
        )
        leg.transport.on_event(ready)
        log.info("call started", call=handle.id, line=facts.line, codec=hello.codec, rate=hello.rate)
        began = time.monotonic()
        reason = await call.run()
        log.info("call ended", call=handle.id, reason=reason, seconds=round(time.monotonic() - began, 1))
        return reason


async def _tools_of_call(
    runs: RunsTools, records: Archive | None, call: str, facts: CallFacts, agent: Agent
) -> CallTools:
    """What a call reaches the world outside with, within the limits over all calls."""
    limits = UseLimits(records, facts)
    kept = records.on_disk if records is not None else nothing_kept
    return CallTools(runs, call, kept, limits.tool_over, await limits.refusal(agent))


async def _hang_up(handle: RegisteredCall, control: LineControl, reason: EndReason) -> None:
    """The last thing of every call; a line that cannot do it is let go of."""
    try:
        async with asyncio.timeout(HANG_UP_WITHIN):
            await control.hang_up(reason)
    except TimeoutError:
        log.warning("the line did not hang up in time", call=handle.id)
    except Exception:
        log.exception("hanging up failed", call=handle.id)
