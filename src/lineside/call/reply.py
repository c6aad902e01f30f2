"""One reply: prepared at once, silent until allowed, then played, or dropped without trace.

Speculation, an ordinary answer, the greeting and an apology are all replies. Three stages run side by side with bounded
channels between: answer (understand the caller, ask the model, cut into pieces), synthesis (piece by piece),
playout (paced, into the ledger). Cancelling the reply closes the streams of all three engines.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from lineside.agents.tasks.state import Say, Think, ToPerson, joined
from lineside.audio.frame import Utterance
from lineside.call.answer import fixed_answer
from lineside.call.answer_by_rule import ByRule, answer_by_rule
from lineside.call.answer_outcome import AnswerOutcome
from lineside.call.audio_buffer import AudioBuffer
from lineside.call.call_context import CallContext
from lineside.call.end_of_turn import EndOfTurn
from lineside.call.native_answer import answer_by_model
from lineside.call.program import LimitReached
from lineside.call.program_answer import ProgramPart, program_answer, program_prompt, tell_began
from lineside.call.reply_events import ReplyEvents
from lineside.call.reply_input import AgentLine, Draft, DroppedPreparation, ReplyInput, ResponseInput, TypedInput
from lineside.call.reply_player import ReplyPlayer, ReplyProgress
from lineside.call.rule_turn import RuleTurn
from lineside.call.stage_clock import StageClock
from lineside.call.synthesis import synthesize
from lineside.call.tool_exchange import ToolExchange
from lineside.call.transcribe import transcribe_turn
from lineside.call.written_text import AnswerPiece, WholeText
from lineside.engines.answered import listen
from lineside.engines.protocols import Thought, Token, ToolCall
from lineside.errors import EngineError
from lineside.protocol import Error, LlmToken, PartialTranscript, ReasoningToken, ReplyText, Transcript
from lineside.text.alignment import alike, rest_after

PIECES = 32  # sentences ahead of the voice; beyond that the model waits


class Reply:
    """One reply of one call. Its owner runs it, allows it or cancels it, and asks it what was heard."""

    def __init__(
        self,
        context: CallContext,
        end_of_turn: EndOfTurn,
        given: ReplyInput,
        *,
        turn: int,
        number: int,
        draft: Draft | None = None,
    ) -> None:
        """`draft` is of this turn: a caller who went on and said nothing new is still answered by it."""
        self._context, self._end_of_turn = context, end_of_turn
        self.given, self.turn, self.number = given, turn, number
        self._pause = end_of_turn.pause  # the one that this reply is prepared in
        self._draft = draft if isinstance(given, Utterance) else None
        self._began, self._times = context.clock.now(), StageClock()
        self._events = ReplyEvents(context.observers, context.clock, turn=turn, reply=number)
        self.progress = ReplyProgress(given.shown if isinstance(given, TypedInput) else None, voice=context.voice)
        self._outcome = AnswerOutcome(context, self._events, self.progress)
        self._pieces: asyncio.Queue[str | None] = asyncio.Queue(PIECES)  # None: that was the last
        self._player = ReplyPlayer(context, self._events, self._times, self.progress, turn=turn)
        self.rules = RuleTurn(context.dialog, self._events.allowed, self.progress.waiting, ToolExchange(number))

    async def run(self) -> None:
        """Prepare, wait for leave, play to the end."""
        listen(self._outcome.by.hear)
        stages = asyncio.TaskGroup()
        try:
            async with stages:
                stages.create_task(self._answer(), name="answer")
                stages.create_task(self._synthesize(), name="synthesis")
                stages.create_task(self._player.play(), name="playout")
        except asyncio.CancelledError as cut:
            raise cut.with_traceback(None) from None  # else it and its frame stay until a garbage collection
        finally:
            del stages
        self._tell_metrics()

    # ── for its owner; nothing here waits ──────────────────────────────────────────────────────────────────────────

    @property
    def allowed(self) -> bool:
        """Whether it may be heard."""
        return self._events.allowed.is_set()

    @property
    def sounding(self) -> bool:
        """Whether some of it has gone out."""
        return self._player.sounding

    def allow(self, *, silence: float, dropped: DroppedPreparation) -> None:
        """The floor is ours, `silence` seconds after the end of the caller's speech; `dropped` was for nothing."""
        spoken, asked = isinstance(self.given, Utterance), not isinstance(self.given, AgentLine)
        self._times.turn_ended(self._context.clock.now(), silence, dropped, spoken=spoken, asked=asked)
        if self.progress.question is not None:
            self._tell_transcript(self.progress.question)
        self._context.dialog_events.turn, self._context.dialog_events.reply = self.turn, self.number
        if isinstance(self.given, AgentLine | ResponseInput):
            tell_began(self._context, self.given, self.number, self.turn)
        self._events.allow()
        self.rules.allow()

    def pause(self) -> None:
        """Pause its sound at this very sample."""
        self._player.playout.pause()

    def resume(self) -> None:
        """Go on from the sample where it was paused."""
        self._player.playout.resume()

    def delayed(self, seconds: float) -> None:
        """The last `seconds` of its sound had not reached the caller: they hear them from now on."""
        self._player.playout.delayed(seconds)

    def cut(self) -> None:
        """Stop its sound now. Where its time went is told, as far as it came; after that it tells nothing."""
        self._player.playout.cut()
        if self.progress.question is not None:
            self._tell_metrics()
        self._events.close()

    def dropped(self, before: DroppedPreparation) -> DroppedPreparation:
        """It was prepared for nothing, after those before it."""
        seconds = before.seconds + self._context.clock.now() - self._began
        return DroppedPreparation(before.many + 1, seconds, self._began)

    def draft(self) -> Draft | None:
        """What there is of it, if the question is known; else what there was before."""
        if (known := self.progress).question is None:
            return self._draft
        whole = known.whole and not self.rules.exchange.messages  # what tools were called for is asked for again
        return Draft(known.question, known.text.strip(), whole, self._outcome.by.of("llm"))

    def heard(self) -> str:
        """The words of it that have reached the caller."""
        return self._player.playout.heard().strip()

    def rest(self) -> str:
        """The words of it that have not."""
        return rest_after(self.progress.text, self.heard())

    # ── answer ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _answer(self) -> None:
        try:
            if isinstance(self.given, AgentLine):
                await self._take_fixed(self.given.text)
            elif isinstance(self.given, ResponseInput):
                await self._answer_for_program("")
            elif (question := await self._question(self.given)) and self._context.answering:
                await (self._answer_for_program if self._context.led else self._answer_question)(question)
        except EngineError as failure:
            self._blame(failure)
        await self._pieces.put(None)

    async def _question(self, given: Utterance | TypedInput) -> str:
        """What the caller said. Known to the floor, and to the caller's program, as soon as it is known here."""
        context = self._context
        if isinstance(given, TypedInput):
            self.progress.said = context.dialog.said(given.text, given.shown, keys=given.keys)
            return given.shown
        self._times.asked("asr", context.clock.now())
        exact, self.progress.doubtful = await transcribe_turn(context.stt, given, context.dialog.expected)
        heard = context.history.without_sensitive_numbers(exact)
        self.progress.said = context.dialog.said(exact, heard, sure=0.0 if self.progress.doubtful else 1.0)
        self._times.done("asr", context.clock.now())
        self._end_of_turn.heard_words(self._pause, exact)
        if self._draft is not None and alike(heard, self._draft.question):
            heard = self._draft.question  # word for word, so that the model has read it already
        else:
            self._draft = None
        self.progress.question = heard
        if self.allowed:
            self._tell_transcript(heard)
        elif shown := context.history.without_sensitive_numbers(heard, unfinished=True):
            self._events.emit_now(PartialTranscript(**self._events.where(), text=shown))
        return heard

    async def _answer_question(self, question: str) -> None:
        """By a rule of the agent's, from what was written already, or by the language model."""
        context, owed = self._context, self._context.dialog.owed  # what is owed comes before everything else
        native = await context.model_calls_tools()
        if not isinstance(move := await self.rules.decide(self.progress.said, native=native), Think):
            self.progress.ends = "agent_said_goodbye" if isinstance(move, Say) and move.ends else None
            if isinstance(move, ToPerson):
                self._outcome.person_wanted("caller")
            await self._take_fixed(joined(owed, move.text))
            return
        known = await answer_by_rule(context, question, native=native, in_task=bool(move.then))
        if isinstance(known, ByRule):
            self.rules.ask(known.asked)
            self._outcome.answered(known.text)
            await self._take_fixed(joined(owed, known.text, move.then))
        if isinstance(self.given, Utterance) and not self.allowed:
            await self._end_of_turn.ask_llm(self._pause, question)
        if isinstance(known, ByRule):
            return
        if self._draft is not None and self._draft.whole:
            self._outcome.by.hear("llm", self._draft.by)
            await self._take_fixed(joined(owed, self._draft.text, move.then))
            self._outcome.answered(self.progress.text)
            return
        await self._take_pieces(owed)
        answer = answer_by_model(context, self.rules, question, known.context, native=native)
        await self._take_written(answer, owed, move.then)
        await self._take_pieces(move.then)
        self.progress.ends = self.rules.ends
        self._outcome.answered(self.progress.text)

    async def _answer_for_program(self, question: str) -> None:
        """By the language model, asked as the program that leads the call wants it."""
        prompt = program_prompt(self._context, self.turn, question, self.given)
        self.progress.speaks, self.progress.voice = prompt.speaks, prompt.voice
        await self._take_written(program_answer(self._context, prompt))

    async def _take_written(self, answer: AsyncGenerator[ProgramPart, None], owed: str = "", then: str = "") -> None:
        """What the language model writes, between what is said besides."""
        self._times.asked("llm", self._context.clock.now())
        async with aclosing(answer) as parts:
            async for part in parts:
                now = self._context.clock.now()
                self._times.first("llm", now)
                if isinstance(part, WholeText):
                    self._times.done("llm", now)
                    await self._take(WholeText(joined(owed, part.text, then)))
                else:
                    await self._take(part)

    async def _take_pieces(self, text: str) -> None:
        """Say this, as a part of what is said besides."""
        self.progress.text += f" {text} " if text and not self.progress.whole else ""
        for part in fixed_answer(text) if text else ():
            if isinstance(part, AnswerPiece):
                await self._take(part)

    async def _take_fixed(self, text: str) -> None:
        for part in fixed_answer(text):
            await self._take(part)

    async def _take(self, part: ProgramPart) -> None:
        """A part of the answer is written: tell it, and hand on what can be synthesised."""
        where = self._events.where()
        match part:
            case Thought(text=text):
                self._events.emit(ReasoningToken(**where, token=text))
            case Token(text=text):
                self.progress.text += text
                self._events.emit(LlmToken(**where, token=text))
            case WholeText(text=text):
                self.progress.text, self.progress.whole = text, True
                self._events.emit(ReplyText(**where, text=text))
            case ToolCall() | LimitReached() if (program := self._context.program) is not None:
                self._events.when_allowed(lambda: program.model_did(self.number, part))
            case AnswerPiece(text=text) if self.progress.speaks:
                await self._pieces.put(text)

    async def _synthesize(self) -> None:
        dead = False
        while (piece := await self._pieces.get()) is not None:
            if dead:
                continue  # read on, so that the model is not held up
            try:
                await _say_piece(self._context, piece, self.progress.voice, self._times, self._player.sound)
            except EngineError as failure:
                self._blame(failure)
                dead = True
        self._player.sound.close()

    def _tell_transcript(self, question: str) -> None:
        """The caller's words are known and their turn is over: from here on they were said."""
        ms = round(self._times.since_speech(self._context.clock.now()), 1)
        self._events.emit_now(Transcript(**self._events.where(), text=question, latency_ms=ms))
        if question and self._context.answering:
            tell_began(self._context, self.given, self.number, self.turn)

    def _tell_metrics(self) -> None:
        if (metrics := self._times.metrics(self._outcome.by, **self._events.where())) is not None:
            self._events.emit_now(metrics)

    def _blame(self, failure: EngineError) -> None:
        """An engine's failure ends the reply, never the call: what is ready is still said, then an apology."""
        self.progress.failed = failure
        self._events.emit(Error(at=self._context.clock.at, code="engine_error", message=str(failure), fatal=False))
        self._outcome.failed()


async def _say_piece(context: CallContext, piece: str, voice: str, times: StageClock, sound: AudioBuffer) -> None:
    now = context.clock.now
    times.asked("tts", now())
    async with aclosing(synthesize(context.tts, piece, voice, context.agent.speech_tag)) as stream:
        async for audio in stream:
            if audio.pcm:
                times.first("tts", now())
                times.done("tts", now())
            await sound.put(audio)
            times.resumed("tts", now())  # waiting for playout is not the voice's time
