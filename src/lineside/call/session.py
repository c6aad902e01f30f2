"""One call, top to bottom: listen, ask the floor, reply. One tree of tasks; when the call is over, all of it is gone.

The transport hands every frame to `on_audio`, a plain function that waits for nothing: the segmenter turns sound into
events, the floor answers an event with a decision, and `_act` carries the decision out. Every part owns its state and
its tasks, and none of them knows the session: what a part finds out, it posts to the inbox.
"""

import asyncio
from collections.abc import Sequence
from typing import cast

from lineside.agents.agent import Agent
from lineside.audio.echo_gate import EchoDetector, EchoGate
from lineside.audio.vad import VoiceDetector
from lineside.call.chat_history import ChatHistory
from lineside.call.clock import CallClock, CallerFarEnd
from lineside.call.end_of_turn import EndOfTurn
from lineside.call.engine_load import EngineLoad
from lineside.call.inbox import Inbox
from lineside.call.interruptions import Interruptions
from lineside.call.limits import CallLimits, LimitRules
from lineside.call.live_listening import LiveListening, LiveRules, read_prompt
from lineside.call.observers import Observer, Observers
from lineside.call.reply_context import ReplyContext
from lineside.call.reply_input import AgentLine, ReplyInput, TypedInput
from lineside.call.speaker import Speaker
from lineside.call.tasks import CallTasks
from lineside.call.turn_model import TurnModel, nobody_knows
from lineside.engines.protocols import LlmRequest
from lineside.engines.registry import Engines
from lineside.engines.transcript_gate import GatedSTT
from lineside.errors import TransportError
from lineside.protocol import (
    ClientMessage,
    Dtmf,
    Ended,
    EndReason,
    Error,
    FalseInterruption,
    FirstMessage,
    HangUp,
    Text,
    TurnStarted,
)
from lineside.settings import Settings
from lineside.transports.base import Transport
from lineside.turns.floor import (
    AgentPrompt,
    CheckInterruption,
    Decision,
    DismissInterruption,
    DropPrepared,
    Floor,
    FloorEvent,
    FloorRules,
    GiveWay,
    InterruptionChecked,
    Listen,
    Pause,
    PauseReply,
    Prepare,
    ReplyOver,
    Resume,
    Silence,
    Speak,
    TurnFull,
    TypedTurn,
    VoiceActivity,
)
from lineside.turns.speech_segmenter import Heard, SegmenterRules, SpeechSegmenter

LOOK_EVERY = 1.0  # seconds between looks at the limits of the call


class CallSession:
    """One call, from its first message to its end."""

    def __init__(
        self,
        transport: Transport,
        hello: FirstMessage,
        *,
        agent: Agent,
        engines: Engines,
        settings: Settings,
        vad: VoiceDetector,
        observers: Sequence[Observer] = (),
        turn_model: TurnModel = nobody_knows,
        load: EngineLoad | None = None,
    ) -> None:
        """`observers` hear everything that happens; `load` is what all calls of the process know of the engines."""
        loop = asyncio.get_running_loop()
        self._transport, self._hello = transport, hello
        self._ended: asyncio.Future[EndReason] = loop.create_future()
        timeout, answers = settings.vad_silence_timeout_ms / 1000, hello.mode == "conversation"
        self._opening = agent.greeting if hello.greeting is None else hello.greeting
        self._give_back_most = settings.turn_max_s / 2  # seconds of speech that the next turn can take in
        load = load or EngineLoad(loop.time)
        self._limits = CallLimits(
            LimitRules(
                idle=settings.call_idle_timeout_s,
                silence=settings.caller_silence_s,
                longest=settings.call_max_s,
                reprompt=agent.reprompt if answers else "",
                goodbye=agent.goodbye if answers else "",
            ),
            loop.time(),
        )
        echo = EchoDetector() if settings.echo_gate else None
        self._segmenter = SpeechSegmenter(
            hello.codec,
            hello.rate,
            vad if echo is None else EchoGate(vad, echo),
            SegmenterRules(min_speech=settings.vad_min_speech_ms / 1000, silence=timeout, turn_max=settings.turn_max_s),
            self._on_speech_judged_later,
        )
        self._floor = Floor(FloorRules(timeout=timeout, speculate=settings.speculation))
        self._inbox, self._tasks = Inbox(self._handle), CallTasks()
        clock = CallClock(self._segmenter, loop.time)
        desk_clock = agent.desk_clock() if hello.system_prompt is None else None
        history = ChatHistory(agent.opening(hello.system_prompt), desk_clock.exchange if desk_clock else tuple)
        request = LlmRequest(model=hello.llm_model, max_tokens=settings.llm_max_tokens)
        profile = hello.turn_profile or settings.turn_profile
        end_of_turn = EndOfTurn(
            None if profile == "silence" else profile,
            timeout,
            turn_model=turn_model,
            llm=engines.llm,
            request=request,
            history=history,
            segmenter=self._segmenter,
            clock=clock,
            inbox=self._inbox,
            tasks=self._tasks,
        )
        self._context = ReplyContext(
            agent=agent,
            stt=GatedSTT(engines.stt, agent.language),
            llm=engines.llm,
            tts=engines.tts,
            request=request,
            voice=hello.tts_voice,
            phrases=engines.phrases,
            transport=transport,
            history=history,
            answers=answers,
            clock=clock,
            observers=Observers(transport, (self._limits, load, *observers)),
            end_of_turn=end_of_turn,
            filler_after=settings.filler_after_ms / 1000,
            far_end=None if echo is None else CallerFarEnd(echo, self._segmenter, loop.time),
        )
        self._interruptions = Interruptions(self._context.stt, clock, self._inbox, self._tasks)
        self._speaker = Speaker(self._context, load, self._inbox, self._tasks)
        self._listening = LiveListening(
            LiveRules(
                partials_every=settings.partials_every_ms / 1000,
                prefill=settings.read_ahead and settings.speculation and answers,
            ),
            self._context,
            segmenter=self._segmenter,
            speaker=self._speaker,
            load=load,
            tasks=self._tasks,
        )

    @property
    def history(self) -> ChatHistory:
        """What was said, as far as it was heard."""
        return self._context.history

    async def run(self) -> EndReason:
        """Hold the call from its greeting to its end. Raises nothing for what a caller or an engine does."""
        context, tasks = self._context, self._tasks
        async with tasks:
            try:
                transport = tasks.start(self._run_transport(), "transport")
                tasks.start(self._watch_limits(), "limits")
                if context.answers and self._opening.strip():
                    self._say(AgentLine(self._opening))
                if context.answers and self._hello.system_prompt is not None:
                    tasks.start(read_prompt(context.llm, context.history.messages()), "read prompt")
                await asyncio.wait([transport, self._ended], return_when=asyncio.FIRST_COMPLETED)
                reason = self._why(transport)
            finally:
                self._inbox.close()
                self._segmenter.close()
                self._speaker.stop()
        context.observers.on_event(Ended(at=context.clock.at, reason=reason))
        return reason

    def end(self, reason: EndReason) -> None:
        """End the call from inside or outside: an operator ends it, the gateway stops. The first reason counts."""
        if not self._ended.done():
            self._ended.set_result(reason)

    def _why(self, transport: "asyncio.Task[EndReason]") -> EndReason:
        """Why the call ends, where two reasons come at once, in this order.

        A fault of our own, which is raised; then what the transport says, because the caller is gone already; then
        what we wanted to end it for.
        """
        if self._ended.done() and self._ended.exception() is not None:
            return self._ended.result()
        return transport.result() if transport.done() else self._ended.result()

    async def _run_transport(self) -> EndReason:
        try:
            return await self._transport.run(self)
        except TransportError as broken:
            at = self._context.clock.at
            self._context.observers.on_event(Error(at=at, code=broken.code, message=str(broken), fatal=True))
            return cast("EndReason", broken.code)  # none of the codes that refuse a first message comes from here

    async def _watch_limits(self) -> None:
        """End a call that nobody speaks on, or that lasts too long."""
        now = self._context.clock.now
        while True:
            await asyncio.sleep(LOOK_EVERY)
            if self._speaker.speaking:
                self._limits.activity(now())
            match self._limits.next(now(), idle=self._floor.idle):
                case None:
                    continue
                case AgentLine() as line:
                    self._say(line)
                case reason:
                    self.end(reason)

    # ── what comes from the transport; nothing here waits ──────────────────────────────────────────────────────────

    def on_audio(self, payload: bytes) -> None:
        """See `TransportListener`."""
        for event in self._segmenter.hear(payload):
            self._on_speech(event)

    def on_message(self, message: ClientMessage) -> None:
        """See `TransportListener`."""
        match message:
            case HangUp():
                self.end("caller_hung_up")
            case Dtmf(digits=digits):
                self._typed(f"[keys pressed: {digits}]")
            case Text(text=text):
                self._typed(text)

    def on_bad_message(self, fault: TransportError) -> None:
        """See `TransportListener`."""
        at = self._context.clock.at
        self._context.observers.on_event(Error(at=at, code=fault.code, message=str(fault), fatal=False))

    def _on_speech(self, event: Heard) -> None:
        end_of_turn = self._context.end_of_turn
        if isinstance(event, Silence):
            end_of_turn.silence(event.since)
        elif isinstance(event, VoiceActivity):
            end_of_turn.speech_resumed(event.began, in_call=not self._floor.idle)
        self._inbox.post(event)

    def _on_speech_judged_later(self, event: Heard) -> None:
        """From the worker's VAD batch, which judges for other calls too: a fault of this call ends this one alone."""
        try:
            self._on_speech(event)
        except Exception as bug:
            if not self._ended.done():
                self._ended.set_exception(bug)

    def _typed(self, text: str) -> None:
        self._limits.typed()
        self._inbox.post(TypedTurn(self._context.clock.at, text))

    def _say(self, line: AgentLine) -> None:
        """Say something that nobody asked for, unless the caller speaks. A goodbye is said to its end."""
        self._inbox.post(AgentPrompt(self._context.clock.at, line.ends is not None, line.text, line.ends))

    # ── what the floor decides ─────────────────────────────────────────────────────────────────────────────────────

    def _handle(self, event: FloorEvent) -> None:
        """One event, by way of the inbox."""
        decision = self._floor.feed(event)
        if decision is not None:
            self._act(decision, event)
            self._limits.activity(self._context.clock.now())
        if isinstance(event, ReplyOver):
            self._after_reply(event)

    def _act(self, decision: Decision, event: FloorEvent) -> None:
        match decision:
            case Listen(turn=turn, at=at):
                self._speaker.turn_began()
                self._turn_started(turn, at)
            case Pause():
                self._context.end_of_turn.pause_began(self._segmenter.utterance())
            case Prepare(turn=turn):
                utterance = self._segmenter.utterance()
                self._context.end_of_turn.pause_began(utterance)
                self._listening.stop_prefill()
                self._speaker.prepare(utterance, turn)
            case DropPrepared():
                self._speaker.drop()
                self._listening.start_prefill(known=self._segmenter.utterance().seconds)
            case PauseReply(turn=turn):
                self._speaker.pause(turn)
            case CheckInterruption():
                self._check_interruption(decision)
            case Resume():
                self._speaker.resume()
            case DismissInterruption():
                self._dismiss_interruption(event)
            case GiveWay(turn=turn, at=at):
                self._speaker.turn_began()
                self._turn_started(turn, at)
                self._interrupt()
            case Speak():
                self._speak(decision, event)

    def _turn_started(self, turn: int, at: float) -> None:
        self._context.observers.on_event(TurnStarted(at=round(at, 3), turn=turn))
        self._listening.start(turn)

    def _check_interruption(self, asked: CheckInterruption) -> None:
        """Somebody makes a sound while the floor is ours."""
        reply = self._speaker.current
        if reply is not None and not reply.sounding and not asked.over:
            self._interruptions.claimed(asked)  # they go on: nothing has answered them yet
        else:
            after_question = reply.ends_with_question if reply is not None else bool
            self._interruptions.check(asked, self._segmenter.utterance(), after_question)

    def _dismiss_interruption(self, event: FloorEvent) -> None:
        self._segmenter.close_turn()
        self._speaker.resume()
        reply = self._speaker.current
        if reply is not None and isinstance(event, InterruptionChecked):
            at = self._context.clock.at
            self._context.observers.on_event(
                FalseInterruption(at=at, turn=reply.turn, reply=reply.number, text=event.text)
            )

    def _interrupt(self) -> None:
        """The caller talks over the reply. What nobody has understood yet belongs to the turn that begins now.

        A whole turn's worth is written down apart instead.
        """
        lost = self._speaker.interrupt()
        if lost is None:
            return
        if lost.said.seconds < self._give_back_most:
            self._segmenter.give_back(lost.said)
        else:
            self._speaker.write_down(lost)

    def _speak(self, decision: Speak, event: FloorEvent) -> None:
        """The floor is ours: answer what was said or typed, or say what nobody asked for."""
        given: ReplyInput
        match event:
            case AgentPrompt(text=text, ends=ends):
                given = AgentLine(text, ends)
            case TypedTurn(text=text):
                given = TypedInput(text)
            case _:
                given = self._segmenter.utterance()
                self._segmenter.close_turn()
                self._listening.stop()
                ended = self._context.end_of_turn.ended(decision, full=isinstance(event, TurnFull))
                self._context.observers.on_event(ended)
        self._listening.stop_prefill()
        self._speaker.commit(given, decision)

    def _after_reply(self, over: ReplyOver) -> None:
        self._limits.answered(failed=over.failed)
        self._limits.activity(self._context.clock.now())
        if over.wordless and self._speaker.unheard:  # a cough or a door had cut the agent off: go on where it stopped
            unheard, self._speaker.unheard = self._speaker.unheard, ""
            self._say(AgentLine(unheard))
        if over.ends is not None:
            self.end(over.ends)
