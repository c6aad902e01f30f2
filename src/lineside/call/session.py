"""One call: listen, ask the floor, reply. One tree of tasks; when the line ends, all of it is gone.

The line hands every frame to `_hear`, a plain function that waits for nothing. What the floor decides is done at once;
only replies are tasks, one after the other, owned by the call's `TaskGroup`.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import cast

from msgspec.structs import replace

from lineside.agents.agent import Agent
from lineside.audio.echo_gate import EchoDetector, EchoGate
from lineside.audio.frame import Utterance
from lineside.audio.smart_turn import clearness
from lineside.audio.vad import VoiceDetector
from lineside.call.chat_history import ChatHistory
from lineside.call.engine_load import EngineLoad
from lineside.call.observers import Observer
from lineside.call.partials import listen_along
from lineside.call.prefill import read_along
from lineside.call.reply import NOTHING, About, AgentLine, Draft, Reply, ReplyContext, TypedInput
from lineside.call.transcribe import transcribe
from lineside.call.turn_model import TurnModel, nobody_knows
from lineside.engines.protocols import LlmRequest, Prefills, Transcription, Warmable
from lineside.engines.registry import Engines
from lineside.engines.timeouts import answer_within
from lineside.errors import EngineError, TransportError
from lineside.protocol import (
    BargeIn,
    Clear,
    ClientMessage,
    Dtmf,
    Ended,
    EndReason,
    Error,
    FalseInterruption,
    FirstMessage,
    HangUp,
    PartialTranscript,
    ServerMessage,
    Text,
    TurnEnded,
    TurnEndedBy,
    TurnStarted,
)
from lineside.protocol import Transcript as HeardWords
from lineside.settings import Settings
from lineside.transports.base import Transport
from lineside.turns.dead_call import DeadCallDetector
from lineside.turns.endpointing import CallerPace, Evidence, Profile, expects, wait, words_evidence
from lineside.turns.floor import (
    AgentPrompt,
    CheckInterruption,
    Decision,
    DismissInterruption,
    DropPrepared,
    EndpointWait,
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
from lineside.turns.interruption import claims, overheard
from lineside.turns.speech_segmenter import Heard, SegmenterRules, SpeechSegmenter

LOOK = 0.05  # seconds of a noticed pause before the turn model is asked; the recogniser begins at once
LOOK_AGAIN = 0.4  # seconds after which it is asked once more in the same pause
READ_WITHIN = 2.0  # seconds to read ahead; a model that is slower is not given more
ANY_WORD = "I"  # where nothing of a question is known: a message must not be empty
JUDGE = 2.0  # seconds for the words of a short sound; the agent has gone on long before
WATCH_EVERY = 1.0  # seconds between looks at the idle and the longest time
LEAVE = 20.0  # seconds in which a goodbye must have found a moment and been heard; then the line is hung up without


class CallSession:
    """One call, from its first message to its end."""

    def __init__(
        self,
        line: Transport,
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
        self._turns = turn_model
        told = hello.turn_profile or settings.turn_profile
        self._profile: Profile | None = None if told == "silence" else told
        self._evidence = Evidence()  # of the pause that is now, or was last
        self._pauses = 0  # in which somebody wondered whether the turn was over
        self._pace = CallerPace()
        self._quiet_since: float | None = None
        self._pondering: asyncio.Task[None] | None = None
        self._following: asyncio.Task[None] | None = None  # tells the words of the open turn
        self._reading: asyncio.Task[None] | None = None  # lets the model read them; not while an answer is prepared
        self._line, self._settings = line, settings
        self._clock: Callable[[], float] = asyncio.get_running_loop().time
        self._load = load or EngineLoad(self._clock)
        self._observers: tuple[Observer, ...] = (self._load, *observers)
        timeout = settings.vad_silence_timeout_ms / 1000
        rules = SegmenterRules(
            min_speech=settings.vad_min_speech_ms / 1000, silence=timeout, turn_max=settings.turn_max_s
        )
        echo = EchoDetector() if settings.echo_gate else None
        vad = vad if echo is None else EchoGate(vad, echo)
        self._ear = SpeechSegmenter(hello.codec, hello.rate, vad, rules, self._heard_later)
        self._floor = Floor(FloorRules(timeout=timeout, speculate=settings.speculation))
        self._greeting = agent.greeting if hello.greeting is None else hello.greeting
        self._own_prompt = hello.system_prompt is not None
        self.history = ChatHistory(agent.opening(hello.system_prompt))
        self._desk = ReplyContext(
            agent=agent,
            stt=engines.stt,
            llm=engines.llm,
            tts=engines.tts,
            ask=LlmRequest(model=hello.llm_model, max_tokens=settings.llm_max_tokens),
            voice=hello.tts_voice,
            phrases=engines.phrases,
            line=line,
            history=self.history,
            answers=hello.mode == "conversation",
            clock=self._clock,
            now=lambda: round(self._ear.at, 3),
            tell=self._tell,
            gap=self._playout_gap,
            filler_after=settings.filler_after_ms / 1000,
            far=None if echo is None else _FarEnd(echo, self._ear, self._clock),
        )
        self._tasks: asyncio.TaskGroup
        self._reply: Reply | None = None  # the one that prepares or sounds
        self._running: asyncio.Task[None] | None = None  # its task; a new reply waits until the old one is gone
        self._writing: asyncio.Task[None] | None = None  # understands what was said before; ten seconds at most
        self._judging: asyncio.Task[None] | None = None  # finds out about a sound over the agent's; two seconds at most
        self._replies = 0
        self._waste = NOTHING  # answers of this turn that were prepared for nothing
        self._foresees_late = False  # the language model took too long to say whether the words may end
        self._draft: Draft | None = None  # of this turn's answer, prepared for nothing
        self._words = ""  # of the turn that comes as text
        self._says = AgentLine("")  # what the agent has to say unasked
        self._silences = 0  # times that nobody spoke for too long, since the caller last did
        self._patience = DeadCallDetector()
        self._leaves: float | None = None  # since when there is no use in going on
        self._unheard = ""  # what a barge-in left unsaid; said after all if it was no interruption
        self._stirred = self._clock()  # when the caller last said something, or was spoken to
        self._ending: asyncio.Future[EndReason] = asyncio.get_running_loop().create_future()

    async def run(self) -> EndReason:
        """Carry the call to its end; answer the reason. Raises nothing for what a caller or an engine does."""
        async with asyncio.TaskGroup() as self._tasks:
            ends = [
                self._tasks.create_task(self._carry(), name="line"),
                self._tasks.create_task(self._watch(), name="watch"),
            ]
            if self._desk.answers and self._greeting.strip():
                self._say(self._greeting)
            warm = self._tasks.create_task(self._warm(), name="warm")
            done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            reason = min(task.result() for task in done)
            for task in (*ends, warm, self._judging, self._writing, self._pondering, self._following, self._reading):
                if task is not None:
                    task.cancel()
            self._stop_reply()
            self._ear.close()
        self._tell(Ended(at=self._desk.now(), reason=reason))
        return reason

    def end(self, reason: EndReason) -> None:
        """End the call from outside: the house closes, or an operator ends it."""
        if not self._ending.done():
            self._ending.set_result(reason)

    async def _carry(self) -> EndReason:
        try:
            return await self._line.run(self)
        except TransportError as broken:
            self._tell(Error(at=self._desk.now(), code=broken.code, message=str(broken), fatal=True))
            return cast("EndReason", broken.code)  # none of the codes that refuse a first message comes from here

    async def _warm(self) -> None:
        """Let the model read a prompt of the caller's own while they still greet; the agent's it has read already."""
        if self._own_prompt and self._desk.answers and isinstance(self._desk.llm, Warmable):
            with suppress(EngineError):
                await self._desk.llm.warm(self.history.messages())

    async def _watch(self) -> EndReason:
        """End a call that nobody speaks on, or that lasts too long. Every wait here is a look at most a second off."""
        begun, settings = self._clock(), self._settings
        while not self._ending.done():
            await asyncio.wait([self._ending], timeout=WATCH_EVERY)
            if self._reply is not None and self._reply.allowed.is_set():
                self._stirred = self._clock()
            quiet = self._clock() - self._stirred
            if quiet >= settings.call_idle_timeout_s:
                self.end("idle")
            elif why := self._patience.lost:
                self._take_leave(why)
            elif (quiet >= settings.caller_silence_s or self._patience.nobody) and self._floor.idle:
                self._nobody_speaks()
            elif self._clock() - begun >= settings.call_max_s:
                self.end("too_long")
        return self._ending.result()

    def _tell(self, event: ServerMessage) -> None:
        if isinstance(event, HeardWords):
            self._patience.heard(event.text)
            self._silences = 0 if event.text else self._silences
        self._line.on_event(event)
        for observer in self._observers:
            observer.on_event(event)

    def _playout_gap(self, seconds: float) -> None:
        for observer in self._observers:
            observer.on_playout_gap(seconds)

    def _prepared_reply(self, *, committed: bool) -> None:
        for observer in self._observers:
            observer.on_prepared_reply(committed=committed)

    # ── what comes over the line; called by it, waits for nothing ──────────────────────────────────────────────────

    def on_audio(self, payload: bytes) -> None:
        """See `TransportListener`."""
        for event in self._ear.hear(payload):
            self._heard(event)

    def _heard(self, event: Heard) -> None:
        if isinstance(event, Silence):
            self._quiet_since = event.since
        elif isinstance(event, VoiceActivity):
            self._went_on(event)
        self._feed(event)

    def _heard_later(self, event: Heard) -> None:
        """From the worker's panel, which judges for other calls too: a fault of this call ends this one alone."""
        try:
            self._heard(event)
        except Exception as bug:
            if not self._ending.done():
                self._ending.set_exception(bug)

    def on_bad_message(self, fault: TransportError) -> None:
        """See `TransportListener`."""
        self._tell(Error(at=self._desk.now(), code=fault.code, message=str(fault), fatal=False))

    def on_message(self, message: ClientMessage) -> None:
        """See `TransportListener`."""
        match message:
            case HangUp():
                self.end("caller_hung_up")
            case Dtmf(digits=digits):
                self._type(f"[keys pressed: {digits}]")
            case Text(text=text):
                self._type(text)

    def _type(self, text: str) -> None:
        self._words, self._silences = text, 0
        self._feed(TypedTurn(self._ear.at))

    def _say(self, text: str, *, ends: EndReason | None = None) -> None:
        self._says = AgentLine(text, ends)
        self._feed(AgentPrompt(self._ear.at, protected=ends is not None))

    def _nobody_speaks(self) -> None:
        """Ask once whether they are there; the second time say goodbye, and hang up when it has been heard."""
        agent, self._silences = self._desk.agent, self._silences + 1
        self._patience.asked()
        if self._desk.answers and self._silences == 1 and agent.reprompt:
            self._say(agent.reprompt)
        elif self._desk.answers and agent.goodbye:
            self._say(agent.goodbye, ends="caller_silent")

    def _take_leave(self, why: EndReason) -> None:
        """There is no use in going on: say goodbye as soon as nobody speaks, and hang up when it has been heard."""
        now, goodbye = self._clock(), self._desk.agent.goodbye if self._desk.answers else ""
        self._leaves = now if self._leaves is None else self._leaves
        if now - self._leaves >= LEAVE or (self._floor.idle and not goodbye):
            self.end(why)
        elif self._floor.idle:
            self._say(goodbye, ends=why)

    # ── what the floor decides ─────────────────────────────────────────────────────────────────────────────────────

    def _feed(self, event: FloorEvent) -> Decision | None:
        decision = self._floor.feed(event)
        match decision:
            case None:
                return None
            case Listen(turn=turn, at=at):
                self._listen(turn, at)
            case PauseReply(turn=turn):
                self._hush(turn)
            case CheckInterruption():
                self._ask_about(decision)
            case Resume():
                self._go_on()
            case DismissInterruption(turn=turn):
                self._ear.close_turn()
                self._go_on()
            case GiveWay(turn=turn, at=at):
                self._give_way(turn, at)
            case Prepare(turn=turn):
                utterance = self._ear.utterance()
                self._ponder(utterance)
                self._prepare(utterance, turn)
            case Pause():
                self._ponder(self._ear.utterance())
            case DropPrepared():
                self._drop()
            case Speak():
                self._speak(decision, event)
        self._stirred = self._clock()
        return decision

    def _prepare(self, utterance: Utterance, turn: int) -> None:
        """Begin an answer early, if the machine keeps up with those that are waited for."""
        if not self._load.overloaded():
            self._begin(utterance, turn)

    def _drop(self) -> None:
        if self._reply is not None:  # over the budget nothing was prepared
            self._prepared_reply(committed=False)
        self._stop_reply()
        self._read_along(known=self._ear.utterance().seconds)

    def _listen(self, turn: int, at: float) -> None:
        self._unheard, self._waste, self._draft = "", NOTHING, None
        self._tell(TurnStarted(at=round(at, 3), turn=turn))
        self._follow(turn)

    def _follow(self, turn: int) -> None:
        """Let the model read the caller's words while they speak, and tell them, if that is wanted."""
        self._read_along()
        self._stop_following()
        if every := self._settings.partials_every_ms / 1000:
            told = listen_along(
                every, self._said_so_far, self._desk.stt.transcribe, lambda text: self._so_far(turn, text)
            )
            self._following = self._tasks.create_task(told, name="follow")

    def _said_so_far(self) -> Utterance | None:
        """The open turn; nothing while the recogniser works for an answer, or for more calls than it can."""
        return None if self._reply is not None or self._load.overloaded() else self._ear.utterance()

    def _so_far(self, turn: int, text: str) -> None:
        self._tell(PartialTranscript(at=self._desk.now(), turn=turn, reply=self._replies + 1, text=text))

    def _stop_following(self) -> None:
        if self._following is not None:
            self._following.cancel()
            self._following = None

    def _read_along(self, *, known: float = 0.0) -> None:
        self._stop_reading()
        if self._settings.read_ahead and self._settings.speculation and self._desk.answers:
            reading = read_along(self._spoken_so_far, self._desk.stt.transcribe, self._read, known=known)
            self._reading = self._tasks.create_task(reading, name="read ahead")

    def _spoken_so_far(self) -> Utterance | None:
        """The open turn; nothing in a pause, which may be its end, nor while the engines are needed."""
        needed = self._reply is not None or self._quiet_since is not None or not self._load.has_headroom()
        return None if needed else self._ear.utterance()

    async def _read(self, words: str) -> bool:
        mind = self._desk.llm
        if not isinstance(mind, Prefills):
            return False
        try:
            async with asyncio.timeout(READ_WITHIN):
                return await mind.read_ahead(self.history.messages(asking=words or ANY_WORD), self._desk.ask)
        except (EngineError, TimeoutError):
            return False

    def _stop_reading(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def _hush(self, turn: int) -> None:
        """Somebody may be interrupting: hold the sound until it is known."""
        if self._reply is not None and self._reply.hold():
            self._tell(Clear(at=self._desk.now(), turn=turn, reply=self._reply.number))

    def _go_on(self) -> None:
        if self._reply is not None:
            self._reply.go_on()

    def _ask_about(self, judge: CheckInterruption) -> None:
        """Somebody makes a sound while the floor is ours."""
        if self._judging is not None:
            self._judging.cancel()  # there is more of the sound by now
        if not judge.over and self._reply is not None and not self._reply.sounding:
            self._feed(
                InterruptionChecked(self._ear.at, judge.number, real=True)
            )  # they go on: nothing has answered them yet
        else:
            self._judging = self._tasks.create_task(self._judge(judge, self._ear.utterance()), name="judge")

    async def _judge(self, judge: CheckInterruption, sound: Utterance) -> None:
        """Find out what was said over the agent's words, and tell the floor whether it claims the floor."""
        heard, reply = Transcription(""), self._reply
        try:
            heard = await answer_within(self._desk.stt.transcribe(overheard(sound)), JUDGE, "the recogniser")
            answers = bool(heard.text.strip()) and reply is not None and reply.just_asked()
            real = answers or claims(heard, over=judge.over)
        except EngineError:
            real = True  # whoever says something that nobody understands is not talked over
        decision = self._feed(InterruptionChecked(self._ear.at, judge.number, real))
        if isinstance(decision, DismissInterruption) and reply is not None and reply is self._reply:
            self._tell(FalseInterruption(at=self._desk.now(), turn=reply.turn, reply=reply.number, text=heard.text))

    # ── whether the turn is over ───────────────────────────────────────────────────────────────────────────────────

    def _ponder(self, utterance: Utterance) -> None:
        """A pause: what is known of it so far, and the turn model's opinion as soon as it has one."""
        if self._profile is None:
            return
        self._pauses += 1
        asked, wanted = expects(self._last_said())
        pace = self._pace.usual
        clear = clearness(utterance.pcm)
        self._evidence = Evidence(asked=asked, wanted=wanted, spoken=utterance.seconds, pace=pace, clear=clear)
        self._weigh(self._pauses)
        if self._pondering is not None:
            self._pondering.cancel()
        self._pondering = self._tasks.create_task(self._listen_again(self._pauses), name="turn")

    async def _listen_again(self, pause: int) -> None:
        """Ask the turn model soon, and once more in a long pause."""
        for wait_before in (LOOK, LOOK_AGAIN):
            await asyncio.sleep(wait_before)
            if wait_before == LOOK_AGAIN and self._evidence.words is not None:
                return  # the words say more, and the answer they are waiting for needs the processor
            if pause == self._pauses and (over := await self._turns(self._ear.utterance().pcm)) is not None:
                self._weigh(pause, turn=over)

    def _weigh(self, pause: int, **news: object) -> None:
        """Something was learnt of this pause: tell the floor how much silence it asks for now."""
        if self._profile is not None and pause == self._pauses:
            self._evidence = replace(self._evidence, **news)
            timeout = self._settings.vad_silence_timeout_ms / 1000
            self._feed(EndpointWait(self._ear.at, wait(self._evidence, self._profile, timeout)))

    def _foreseen(self, pause: int, odds: float | None) -> None:
        """What the language model makes of the words. One that was late is not asked again: that delays answers."""
        if odds is None:
            self._foresees_late = True
        else:
            self._weigh(pause, ends=odds)

    def _went_on(self, voice: VoiceActivity) -> None:
        if self._quiet_since is not None and not self._floor.idle:
            self._pace.paused(voice.began - self._quiet_since)
        self._quiet_since = None
        self._pauses += 1  # whatever is still to be learnt of the pause before counts no longer

    def _last_said(self) -> str:
        """The agent's words that the caller heard last."""
        said = self.history.said
        return said[-1].content if said and said[-1].role == "assistant" else ""

    def _give_way(self, turn: int, at: float) -> None:
        self._waste, self._draft = NOTHING, None
        self._tell(TurnStarted(at=round(at, 3), turn=turn))
        self._follow(turn)
        cut = self._interrupt()
        if cut is not None and isinstance(cut.about, Utterance) and cut.question is None:
            self._not_understood_yet(cut.about, cut.turn)

    def _not_understood_yet(self, said: Utterance, turn: int) -> None:
        """What was said before belongs to this turn now; a whole turn's worth is written down apart instead."""
        if said.seconds < self._settings.turn_max_s / 2:
            self._ear.give_back(said)
        else:
            self._writing = self._tasks.create_task(self._write_down(said, turn, self._writing), name="write down")

    async def _write_down(self, said: Utterance, turn: int, before: "asyncio.Task[None] | None") -> None:
        """Understand a long turn whose answer was talked over: begun anew at each of their pauses, nobody would."""
        if before is not None:
            await asyncio.wait([before])
        text, began = "", self._clock()
        with suppress(EngineError):
            text = (await transcribe(self._desk.stt, said)).text
        self.history.caller(text)
        latency = round((self._clock() - began) * 1000, 1)
        self._tell(HeardWords(at=self._desk.now(), turn=turn, reply=self._replies, text=text, latency_ms=latency))

    def _interrupt(self) -> Reply | None:
        """Stop the sound now, before anything is told of it; remember what was heard of it."""
        reply = self._reply
        self._stop_reply()
        if reply is None or not reply.allowed.is_set():
            return None
        where = {"at": self._desk.now(), "turn": reply.turn, "reply": reply.number}
        self._tell(Clear(**where))  # type: ignore[arg-type]
        self._tell(BargeIn(**where, heard=reply.heard()))  # type: ignore[arg-type]
        self._unheard = reply.rest()
        return reply

    def _speak(self, decision: Speak, event: FloorEvent) -> None:
        match event:
            case AgentPrompt():
                about: About = self._says
            case TypedTurn():
                about = TypedInput(self._words)
            case _:
                about = self._ear.utterance()
                self._ear.close_turn()
                self._stop_following()
                self._tell(self._stopped(decision, event))
        reply = self._reply
        if reply is not None and reply.allowed.is_set():
            self._interrupt()
            reply = None
        if reply is None or reply.turn != decision.turn or reply.failed is not None:
            reply = self._begin(about, decision.turn)
        else:
            self._prepared_reply(committed=True)
        reply.allow(silence=decision.at - decision.ended, waste=self._waste)
        self._waste = NOTHING

    def _stopped(self, decision: Speak, event: FloorEvent) -> TurnEnded:
        """The turn is over, and why."""
        by: TurnEndedBy = "limit" if isinstance(event, TurnFull) else "silence" if self._profile is None else "evidence"
        score = self._evidence.turn if by == "evidence" else None
        silence = round((decision.at - decision.ended) * 1000, 1)
        return TurnEnded(at=round(decision.ended, 3), turn=decision.turn, by=by, score=score, silence_ms=silence)

    # ── replies ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _begin(self, about: About, turn: int) -> Reply:
        """Begin a reply; whatever was prepared or sounding before is dropped first."""
        self._stop_reply()
        self._stop_reading()  # the slot that has read it must be free for the answer
        self._replies += 1
        pause = self._pauses
        draft, self._draft = self._draft, None
        self._reply = reply = Reply(
            self._desk,
            about,
            turn=turn,
            number=self._replies,
            words=lambda said: self._weigh(pause, words=words_evidence(said)),
            ends=None if self._profile is None or self._foresees_late else lambda odds: self._foreseen(pause, odds),
            draft=draft,
        )
        self._running = self._tasks.create_task(self._run(reply, self._running), name="reply")
        return reply

    async def _run(self, reply: Reply, before: "asyncio.Task[None] | None") -> None:
        # The reply before has been cancelled already; what is being written down was said before this turn.
        if first := [task for task in (before, self._writing) if task is not None]:
            await asyncio.wait(first)
        await reply.run()
        if self._reply is reply:
            self._over(reply)

    def _over(self, reply: Reply) -> None:
        """It was heard to its end, or there was nothing to say."""
        self._reply = None
        self.history.agent(reply.heard())
        self._patience.answered(failed=reply.failed is not None)
        self._feed(ReplyOver(self._ear.at, reply.turn))
        self._stirred = self._clock()
        nothing_said = isinstance(reply.about, Utterance) and not reply.question
        if nothing_said and self._unheard:  # a cough or a door had cut the agent off: go on where it stopped
            unheard, self._unheard = self._unheard, ""
            self._say(unheard)
        if isinstance(reply.about, AgentLine) and reply.about.ends is not None:
            self.end(reply.about.ends)

    def _stop_reply(self) -> None:
        """Cut the reply that prepares or sounds; history keeps what was heard of it."""
        reply, self._reply = self._reply, None
        if reply is None or self._running is None:
            return
        if reply.allowed.is_set():
            reply.cut()
            self.history.agent(reply.heard())
        else:
            self._waste, self._draft = reply.wasted(self._waste), reply.draft()
        self._running.cancel()


class _FarEnd:
    """What the caller's loudspeaker plays, told to the echo gate in the caller's own seconds."""

    def __init__(self, echo: EchoDetector, ear: SpeechSegmenter, clock: Callable[[], float]) -> None:
        self._echo, self._ear, self._clock = echo, ear, clock

    def played(self, pcm: bytes, rate: int, begins: float) -> None:
        """See `FarEnd`."""
        self._echo.played(pcm, rate, self._ear.at + begins - self._clock())

    def taken_back(self, now: float) -> None:
        """See `FarEnd`."""
        self._echo.taken_back(self._ear.at + now - self._clock())
