"""One call, top to bottom: listen, ask the floor, reply. One tree of tasks; when the call is over, all of it is gone.

What callers send (`caller_input`) waits for nothing: segmenter, floor, `_act`. No part knows the session; it posts."""

import asyncio
from collections.abc import Sequence

from lineside import protocol
from lineside.agents.agent import Agent
from lineside.agents.knowledge.agent_knowledge import Knows, NothingKnown
from lineside.audio.turn_model import TurnModel, nobody_knows
from lineside.audio.vad import VoiceDetector
from lineside.call.call_context import call_context
from lineside.call.call_opening import CallOpening
from lineside.call.call_tools import NO_TOOLS, CallTools
from lineside.call.call_transfer import CallTransfer
from lineside.call.caller_input import CallerInput, run_line, why_ended
from lineside.call.end_of_turn import EndOfTurn
from lineside.call.engine_load import EngineLoad
from lineside.call.fillers import FAREWELL
from lineside.call.inbox import Inbox
from lineside.call.interruptions import Interruptions
from lineside.call.limits import LOOK_EVERY, TOLD_FIRST, CallLimits, limit_rules
from lineside.call.live_listening import LiveListening, read_prompt
from lineside.call.observers import Observer
from lineside.call.program import CallProgram
from lineside.call.program_orders import CallOrders
from lineside.call.reply_input import AgentLine, ReplyInput, ResponseInput, TypedInput
from lineside.call.speaker import Speaker
from lineside.call.supervision import OperatorOrder
from lineside.engines.registry import Engines
from lineside.settings import Settings
from lineside.transports.answer_plan import AnswerPlan
from lineside.transports.base import Transport
from lineside.transports.call_facts import UNKNOWN, CallFacts
from lineside.transports.line_control import LineControl
from lineside.turns import floor_events as floor
from lineside.turns.floor import Floor, FloorRules
from lineside.turns.open_turn import Heard


class CallSession:
    """One call, from its first message to its end."""

    def __init__(
        self,
        transport: Transport,
        hello: protocol.FirstMessage,
        *,
        facts: CallFacts = UNKNOWN,
        control: LineControl | None = None,
        agent: Agent,
        engines: Engines,
        settings: Settings,
        vad: VoiceDetector,
        observers: Sequence[Observer] = (),
        turn_model: TurnModel = nobody_knows,
        load: EngineLoad | None = None,
        tools: CallTools = NO_TOOLS,
        knowledge: Knows | None = None,
        plan: AnswerPlan | None = None,
        program: CallProgram | None = None,
    ) -> None:
        """`observers` hear all; `control` is the line's; `plan` that of a call of ours; `program` may lead the call."""
        loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[protocol.EndReason] = loop.create_future()
        self._floor = Floor(FloorRules(timeout=settings.vad_silence_timeout_ms / 1000, speculate=settings.speculation))
        answers, led = hello.mode == "conversation", program is not None and program.leads
        self._limits = CallLimits(limit_rules(settings, agent, answers=answers, led=led), loop.time())
        self._transfer = CallTransfer(control, settings, agent, end=self.end, say=self._say)
        self._context = context = call_context(
            transport,
            hello,
            facts=facts,
            can_transfer=self._transfer.possible,
            settings=settings,
            agent=agent,
            knowledge=knowledge or NothingKnown(),
            engines=engines,
            vad=vad,
            on_late_speech=self._on_late_speech,
            load=load or EngineLoad(loop.time),
            observers=(self._limits, self._transfer, *observers),
            now=loop.time,
            inbox=Inbox(self._handle),
            tools=tools,
            program=program,
        )
        self._opening = CallOpening(context, plan, say=self._say, end=self.end) if plan and context.answers else None
        self._end_of_turn = EndOfTurn(hello.turn_profile or settings.turn_profile, turn_model, context)
        self._interruptions = Interruptions(context)
        self._speaker = Speaker(context, self._end_of_turn)
        self._listening = LiveListening(context, self._end_of_turn, self._speaker)
        self._tell = context.observers.on_event
        self._orders = CallOrders(program, context, self._floor, self._end_of_turn, self._speaker, self._listening)

    async def run(self) -> protocol.EndReason:
        """Hold the call from its greeting to its end. Raises nothing for what a caller or an engine does."""
        context, tasks = self._context, self._context.tasks
        async with tasks:
            try:
                self._transfer.attach(context)
                hears = CallerInput(context, self._limits, self._on_speech, self.end, self._speaker, self._opening)
                transport = tasks.start(run_line(context, hears), "transport")
                tasks.start(self._watch_limits(), "limits")
                if self._opening is not None:
                    tasks.start(self._opening.run(), "opening")
                elif context.greeting_ends is not None:
                    self._limits.leave(AgentLine(context.greeting, context.greeting_ends))
                elif context.greeting:
                    self._say(AgentLine(context.greeting))
                if context.own_prompt:
                    tasks.start(read_prompt(context.llm, context.history.messages()), "read prompt")
                await asyncio.wait([transport, self._ended], return_when=asyncio.FIRST_COMPLETED)
                reason = why_ended(self._ended, transport)
            finally:
                for part in (context.inbox, self._transfer, context.segmenter, self._opening, context.client_tools):
                    if part is not None:
                        part.close()
                self._speaker.stop()
                await context.dialog.settle()
        self._tell(protocol.Ended(at=context.clock.at, reason=reason))
        return reason

    def end(self, reason: protocol.EndReason) -> None:
        """End the call; the first reason counts. What is `TOLD_FIRST` the caller hears first, unless asked again."""
        if reason in TOLD_FIRST and self._context.answers and self._limits.leave(AgentLine(FAREWELL, reason)):
            return
        if not self._ended.done():
            self._ended.set_result(reason)

    def supervise(self, order: OperatorOrder) -> bool:
        """Do what an operator wants, and tell of it. False where it cannot be done now: too much waits to be said."""
        context = self._context
        if not context.supervision.act(order, context.clock.now()):
            return False
        if order.what == "takes_over" and self._speaker.busy and not self._speaker.speaking:
            self._speaker.drop()  # an answer that nobody has heard any of
        self._tell(protocol.OperatorActed(at=context.clock.at, what=order.what))
        self._say_for_operator()
        return True

    def _say_for_operator(self) -> None:
        if (line := self._context.supervision.due(idle=self._floor.idle)) is not None:
            self._say(line)

    async def _watch_limits(self) -> None:
        """End a call that nobody speaks on, or that lasts too long."""
        now = self._context.clock.now
        while True:
            await asyncio.sleep(LOOK_EVERY)
            if self._context.supervision.lapsed(now()):
                self._tell(protocol.OperatorActed(at=self._context.clock.at, what="hands_back"))
            opening = self._opening is not None and self._opening.active
            if opening or self._speaker.speaking or self._context.line.away or self._context.supervision.taken_over:
                self._limits.activity(now())
            self._say_for_operator()
            due = self._limits.next(now(), idle=self._floor.idle, owed=self._context.dialog.owed)
            if isinstance(due, AgentLine):
                self._say(due)
            elif due is not None:
                self.end(due)

    def _on_speech(self, event: Heard) -> None:
        if self._opening is not None and self._opening.active:
            self._opening.on_speech(event)
            return
        self._end_of_turn.on_speech(event, idle=self._floor.idle)
        self._context.inbox.post(event)

    def _on_late_speech(self, event: Heard) -> None:
        """From the worker's VAD batch, which judges for other calls too: a fault of this call ends this one alone."""
        try:
            self._on_speech(event)
        except Exception as bug:
            if not self._ended.done():
                self._ended.set_exception(bug)

    def _say(self, line: AgentLine) -> None:
        """Say something that nobody asked for, unless the caller speaks. A goodbye is said to its end."""
        self._context.inbox.post(floor.AgentPrompt(self._context.clock.at, line.ends is not None, line.text, line.ends))

    def _handle(self, event: floor.FloorEvent) -> None:
        """One event, by way of the inbox."""
        decision = self._floor.feed(event)
        if decision is not None:
            self._act(decision, event)
            self._limits.activity(self._context.clock.now())
        if isinstance(event, floor.ReplyOver):
            self._after_reply(event)

    def _act(self, decision: floor.Decision, event: floor.FloorEvent) -> None:
        segmenter = self._context.segmenter
        match decision:
            case floor.Listen(turn=turn, at=at):
                self._turn_started(turn, at)
            case floor.Pause():
                self._end_of_turn.begin_pause(segmenter.utterance())
            case floor.Prepare(turn=turn):
                self._end_of_turn.begin_pause(utterance := segmenter.utterance())
                self._listening.stop_prefill()
                self._speaker.prepare(utterance, turn)
            case floor.DropPrepared():
                self._speaker.drop()
                self._listening.start_prefill(known=segmenter.utterance().seconds)
            case floor.PauseReply(turn=turn):
                self._speaker.pause_reply(turn)
            case floor.CheckInterruption():
                self._interruptions.check(decision, segmenter.utterance(), self._speaker.current)
            case floor.Resume():
                self._speaker.resume_reply()
            case floor.DismissInterruption():
                segmenter.close_turn()
                self._speaker.resume_after(event.text if isinstance(event, floor.InterruptionChecked) else "")
            case floor.GiveWay(turn=turn, at=at):
                self._turn_started(turn, at)
                self._speaker.interrupt()
            case floor.Speak():
                self._speak(decision, event)
            case floor.WriteDown() | floor.ForgetTurn():
                self._orders.carry_out(decision, event)

    def _turn_started(self, turn: int, at: float) -> None:
        self._speaker.turn_began()
        self._tell(protocol.TurnStarted(at=round(at, 3), turn=turn))
        self._listening.start(turn)

    def _speak(self, decision: floor.Speak, event: floor.FloorEvent) -> None:
        """The floor is ours: answer what was said or typed, or say what nobody asked for."""
        given: ReplyInput
        match event:
            case floor.AgentPrompt(text=text, ends=ends):
                given = AgentLine(text, ends)
            case floor.TypedTurn(text=text, keys=keys, shown=shown):
                given = TypedInput(text, keys, self._context.history.without_sensitive_numbers(shown or text))
            case floor.ResponseWanted(number=number):
                given = ResponseInput(number)
            case _:
                given = self._listening.close_turn()
                self._tell(self._end_of_turn.ended(decision, full=isinstance(event, floor.TurnFull)))
        self._listening.stop_prefill()
        self._speaker.commit(given, decision)

    def _after_reply(self, over: floor.ReplyOver) -> None:
        self._limits.answered(self._context.clock.now(), failed=over.failed)
        if over.wordless and (unheard := self._speaker.take_unheard()):
            self._say(AgentLine(unheard))  # a cough or a door had cut the agent off: go on where it stopped
        self._say_for_operator()
        if over.ends is not None:
            self.end(over.ends)  # a farewell that has been heard: the second time that it is asked for
