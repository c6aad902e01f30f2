"""One reply: prepared at once, silent until allowed, then played, or dropped without trace.

Speculation, an ordinary answer, the greeting and an apology are all replies. Three stages run side by side: think
(recognise, ask the model, cut into pieces), voice (synthesise piece by piece), play (paced, into the ledger). Between
them stand two bounded channels. Cancelling the reply closes the streams of all three engines.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

from msgspec import Struct

from lineside.agents.agent import Agent
from lineside.audio.frame import EAR_RATE, AudioFrame, Sound, Utterance
from lineside.call.channel import Channel
from lineside.call.chat_history import ChatHistory
from lineside.call.playout import SLICE, FarEnd, Playout
from lineside.call.spoken_tokens import spoken_tokens
from lineside.call.transcribe import transcribe
from lineside.engines.protocols import LanguageModel, LlmRequest, PredictsTurnEnd, SpeechToText, TextToSpeech, Thought
from lineside.engines.timeouts import in_time, tried_twice
from lineside.errors import EngineError
from lineside.protocol import (
    AgentWords,
    AudioDone,
    AudioStarted,
    EndReason,
    Error,
    LlmToken,
    PartialTranscript,
    ReasoningToken,
    ReplyMetrics,
    ReplyText,
    ServerMessage,
    Transcript,
)
from lineside.text.alignment import Alignment, alike, rest_after
from lineside.text.normalize import spoken
from lineside.text.sentences import Sentences
from lineside.transports.base import Transport
from lineside.turns.endpointing import bare

PIECES = 32  # sentences ahead of the voice; beyond that the model waits
SOUNDS = 150  # frames ahead of playout, three seconds; beyond that the voice waits

# Seconds; what is not there by then counts as a failed engine. The caller is told to wait long before that.
FIRST_TOKEN, NEXT_TOKEN, FIRST_SOUND, NEXT_SOUND = 12.0, 5.0, 6.0, 4.0
FORESEEN = 0.4  # seconds for one step of the language model; an answer is not held up longer than that
NEARLY = 20  # characters: a question is answered before its last word is over
PATIENCE = 1.6  # seconds of silence after which the caller hears that somebody is there: two are promised

FILLERS = ("Let me see.", "Let me check.", "Just a second.")  # one a turn, in turn
MOMENT = "One moment, please."
STILL = "Thanks for waiting, I'm still with you."
SORRY = "I'm sorry, something went wrong on my side. Could you say that again?"
PHRASES = (*FILLERS, MOMENT, STILL, SORRY)  # synthesised at start-up, so that they can be said when the voice is dead


class AgentLine(Struct, frozen=True):
    """Something to be said as it stands: a greeting, the rest of an interrupted reply."""

    text: str
    ends: EndReason | None = None  # why the call ends when it has been said


class TypedInput(Struct, frozen=True):
    """A question that came as text."""

    text: str


About = Utterance | TypedInput | AgentLine


class DroppedPreparation(Struct, frozen=True):
    """Answers prepared in pauses of one turn, and dropped because the caller went on."""

    many: int = 0
    seconds: float = 0.0  # spent on them
    began: float = 0.0  # the last of them, on the clock


NOTHING = DroppedPreparation()


class Draft(Struct, frozen=True):
    """What was written of an answer that was prepared for nothing, and to which question."""

    question: str
    text: str
    whole: bool  # the model had come to its end


class ReplyContext(Struct, frozen=True):
    """What all replies of one call share."""

    agent: Agent
    stt: SpeechToText
    llm: LanguageModel
    tts: TextToSpeech
    ask: LlmRequest
    voice: str
    phrases: TextToSpeech  # knows them by heart
    line: Transport
    history: ChatHistory
    answers: bool  # False: transcribe only
    clock: Callable[[], float]
    now: Callable[[], float]  # seconds of caller audio
    tell: Callable[[ServerMessage], None]
    gap: Callable[[float], None]  # hears of holes in the sound of a reply, in seconds
    far: FarEnd | None = None  # hears all that is played
    filler_after: float = 0.7  # seconds after the end of turn was decided; then a short filler is said


class Reply:
    """One reply of one call. Its owner runs it, allows it or cancels it, and asks it what was heard."""

    def __init__(
        self,
        desk: ReplyContext,
        about: About,
        *,
        turn: int,
        number: int,
        words: Callable[[str], None] = lambda said: None,
        ends: Callable[[float | None], None] | None = None,
        draft: Draft | None = None,
    ) -> None:
        """`words` hears what the caller said as soon as it is known, which may be before the turn is over. `ends` hears

        what the language model makes of it then: log odds that it may end there, or None if it was too slow. `draft` is
        of this turn: a caller whom a noise seemed to let go on has said nothing new, and it still answers them.
        """
        self._words, self._ends = words, ends
        self._draft = draft if isinstance(about, Utterance) else None
        self._written = False  # the model has come to the answer's end
        self._desk, self.about, self.turn, self.number = desk, about, turn, number
        self.question: str | None = about.text if isinstance(about, TypedInput) else None  # what the caller said
        self.text = ""  # what the agent means to say
        self.allowed = asyncio.Event()
        self._pieces: Channel[str] = Channel(PIECES)
        self._sounds: Channel[Sound] = Channel(SOUNDS)
        self._all_there = False  # the last of them has been taken
        self._playout = Playout(desk.line, desk.clock, desk.gap, _sayer(desk, turn, number), desk.far)
        self._held: list[ServerMessage] = []  # told when allowed; as long as the answer at most
        self.failed: EngineError | None = None
        self._times: dict[str, float] = {}
        self._began = desk.clock()
        self._asked: dict[str, float] = {}  # stage → when it was asked first, on the clock
        self._waste = NOTHING
        self._speech_ended = 0.0  # on the clock
        self.sounding = False  # some of it has gone out
        self._patience = desk.filler_after  # seconds of silence after which the caller hears that somebody is there
        self._waits = 0  # that lasted so long
        self._thanks = False  # they have heard the answer's beginning, or have been asked to wait

    async def run(self) -> None:
        """Prepare, wait for leave, play to the end."""
        stages = asyncio.TaskGroup()
        try:
            async with stages:
                stages.create_task(self._think(), name="think")
                stages.create_task(self._voice(), name="voice")
                stages.create_task(self._play(), name="play")
        except asyncio.CancelledError as cut:
            # The group's frame and its exception keep each other, and all of this, until a garbage collection.
            raise cut.with_traceback(None) from None
        finally:
            del stages

    def allow(self, *, silence: float, waste: "DroppedPreparation | None" = None) -> None:
        """The floor is ours, `silence` seconds after the end of the caller's speech; `waste` was for nothing."""
        self._speech_ended = self._desk.clock() - silence
        self._waste = waste or NOTHING
        if isinstance(self.about, Utterance):
            self._times["endpoint_ms"] = silence * 1000
        self.allowed.set()
        if self.question is not None:
            self._understood()
        for event in self._held:
            self._desk.tell(event)
        self._held.clear()

    def hold(self) -> bool:
        """Hold its sound at this very sample; whether there was any."""
        self._playout.hold()
        return self.sounding

    def go_on(self) -> None:
        """Go on from the sample where it was held."""
        self._playout.go_on()

    def cut(self) -> None:
        """Stop its sound now; where its time went is told, if the caller heard something of the answer."""
        self._playout.cut()
        if "e2e_ms" in self._times:
            self._measure()

    def wasted(self, before: DroppedPreparation) -> DroppedPreparation:
        """It was prepared for nothing, after those before it."""
        return DroppedPreparation(before.many + 1, before.seconds + self._desk.clock() - self._began, self._began)

    def draft(self) -> Draft | None:
        """What there is of it, if the question is known; else what there was before."""
        return self._draft if self.question is None else Draft(self.question, self.text.strip(), self._written)

    def heard(self) -> str:
        """The words of it that have reached the caller."""
        return self._playout.heard().strip()

    def just_asked(self) -> bool:
        """Whether the caller has heard a question to its end, or nearly: then "yes" is an answer."""
        heard, rest = self.heard(), self.rest()
        return heard.endswith("?") or (len(rest) < NEARLY and rest.endswith("?"))

    def rest(self) -> str:
        """The words of it that have not."""
        return rest_after(self.text, self.heard())

    # ── think ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _think(self) -> None:
        try:
            async with aclosing(self._answer_to(self.about)) as pieces:
                async for piece in pieces:
                    await self._pieces.put(piece)
        except EngineError as failure:
            self._blame(failure)
        await self._pieces.close()

    async def _answer_to(self, about: About) -> AsyncGenerator[str, None]:
        """What to say about it, in pieces."""
        if isinstance(about, AgentLine):
            for piece in self._as_it_stands(about.text):
                yield piece
            return
        question = await self._understand(about) if isinstance(about, Utterance) else about.text
        if question and self._desk.answers:
            async with aclosing(self._answer(question)) as pieces:
                async for piece in pieces:
                    yield piece

    def _as_it_stands(self, text: str) -> list[str]:
        """Words that no model was asked for, in pieces."""
        self.text = text
        self._written = True
        self._tell(ReplyText(at=self._desk.now(), turn=self.turn, reply=self.number, text=text))
        return _cut(text)

    async def _understand(self, utterance: Utterance) -> str:
        began, desk = self._asks("asr"), self._desk
        heard = (await transcribe(desk.stt, utterance)).text
        self._times["asr_ms"] = (desk.clock() - began) * 1000
        self._words(heard)
        if self._draft is not None and alike(heard, self._draft.question):
            heard = self._draft.question  # word for word, so that the model has read it already
        else:
            self._draft = None
        self.question = heard
        if self.allowed.is_set():
            self._understood()
        elif heard:
            desk.tell(PartialTranscript(at=desk.now(), turn=self.turn, reply=self.number, text=heard))
        return heard

    def _understood(self) -> None:
        """The caller's words are known and their turn is over: from here on they were said."""
        question = self.question or ""
        self._desk.history.caller(question)
        latency = round(self._since_speech(), 1)
        self._desk.tell(
            Transcript(at=self._desk.now(), turn=self.turn, reply=self.number, text=question, latency_ms=latency)
        )

    async def _answer(self, question: str) -> AsyncGenerator[str, None]:
        """The answer, in pieces as they are ready."""
        desk = self._desk
        if (fixed := desk.agent.by_rule(question)) is not None:
            for piece in self._as_it_stands(fixed):
                yield piece
            return
        if self._ends is not None and not self.allowed.is_set():
            await self._foresee(question, self._ends)
        if self._draft is not None and self._draft.whole:
            for piece in self._as_it_stands(self._draft.text):
                yield piece
            return
        messages = desk.history.messages(asking="" if self.allowed.is_set() else question)
        began, sentences = self._asks("llm"), Sentences()
        answer = tried_twice(
            lambda: in_time(
                desk.llm.reply(messages, desk.ask), first=FIRST_TOKEN, later=NEXT_TOKEN, who="the language model"
            )
        )
        async with aclosing(spoken_tokens(answer)) as tokens:
            async for token in tokens:
                self._times.setdefault("llm_first_ms", (desk.clock() - began) * 1000)
                if isinstance(token, Thought):
                    self._tell(ReasoningToken(at=desk.now(), turn=self.turn, reply=self.number, token=token.text))
                    continue
                self.text += token.text
                self._tell(LlmToken(at=desk.now(), turn=self.turn, reply=self.number, token=token.text))
                for piece in sentences.feed(token.text):
                    yield piece
        self._written = True
        self._times["llm_ms"] = (desk.clock() - began) * 1000
        if not self.text.strip():
            raise EngineError("the language model answered nothing")
        for piece in sentences.end():
            yield piece
        self._tell(ReplyText(at=desk.now(), turn=self.turn, reply=self.number, text=self.text.strip()))

    async def _foresee(self, question: str, ends: Callable[[float | None], None]) -> None:
        """Ask the model whether the turn may end with these words. It reads them now, and need not for the answer."""
        mind, words = self._desk.llm, bare(question)
        if not words or not isinstance(mind, PredictsTurnEnd):
            return
        try:
            async with asyncio.timeout(FORESEEN):
                odds = await mind.may_end(self._desk.history.messages(asking=words), self._desk.ask)
        except TimeoutError:
            ends(None)
            return
        except EngineError:
            return  # the answer is asked for all the same, and has its own deadline
        if odds is not None:
            ends(odds)

    # ── voice ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _voice(self) -> None:
        dead = False
        async with aclosing(self._pieces.all()) as pieces:
            async for piece in pieces:
                if dead:
                    continue  # read on, so that the model is not held up
                try:
                    await self._speak(piece)
                except EngineError as failure:
                    self._blame(failure)
                    dead = True
        await self._sounds.close()

    async def _speak(self, piece: str) -> None:
        """Synthesise one piece; every frame says the words of the *written* text that end in it."""
        desk, wording, began = self._desk, Alignment(spoken(piece)), self._asks("tts")
        said = wording.said
        sounds = tried_twice(
            lambda: in_time(desk.tts.speak(said, desk.voice), first=FIRST_SOUND, later=NEXT_SOUND, who="the voice")
        )
        spent, rate = 0.0, EAR_RATE
        if said:
            async with aclosing(sounds) as stream:
                async for sound in stream:
                    self._times.setdefault("tts_first_ms", (desk.clock() - began) * 1000)
                    rate = sound.frame.rate
                    spent += desk.clock() - began
                    await self._sounds.put(Sound(sound.frame, wording.written(sound.says)))
                    began = desk.clock()  # waiting for playout is not the voice's time
        self._times["tts_ms"] = self._times.get("tts_ms", 0.0) + spent * 1000
        await self._sounds.put(Sound(AudioFrame(b"", rate), f"{wording.rest()} "))

    # ── play ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _play(self) -> None:
        await self.allowed.wait()
        while sounds := await self._next():
            self._started(sounds)
            self._patience, self._thanks = PATIENCE, True
            if not isinstance(self.about, AgentLine):
                self._times.setdefault("e2e_ms", self._since_speech())
            await self._playout.play(sounds)
        if self.failed is not None:
            await self._phrase(SORRY, counts=True)
        await self._playout.drain()
        where = {"at": self._desk.now(), "turn": self.turn, "reply": self.number}
        if self.sounding:
            self._desk.tell(AudioDone(**where))  # type: ignore[arg-type]
        self._measure()

    async def _next(self) -> list[Sound]:
        """The next sound, and what is there already after it, a `SLICE` in all; nothing at the end.

        Whenever the caller would hear nothing for too long, they hear that somebody is there.
        """
        seconds, together = 0.0, list[Sound]()
        while seconds < SLICE and not self._all_there:
            try:
                sound = self._sounds.get_nowait()
            except asyncio.QueueEmpty:
                if together:
                    break
                sound = await self._awaited()
            if sound is None:
                self._all_there = True
                break
            together.append(sound)
            seconds += sound.frame.seconds
        return together

    async def _awaited(self) -> Sound | None:
        while True:
            try:
                async with asyncio.timeout(self._playout.ahead() + self._patience):
                    return await self._sounds.get()
            except TimeoutError:
                await self._somebody_is_there()

    async def _somebody_is_there(self) -> None:
        """Say what a person would who needs longer: a filler first, then that it takes a moment, then thanks."""
        first, self._waits = not self.sounding and not self._waits, self._waits + 1
        self._patience = PATIENCE
        if not self._desk.answers:
            return
        # A noise, as far as anybody knows, is answered by no filler. And an answer that has begun to be written is said
        # sooner than a filler would be over.
        if first and (not self.question or self.text):
            self._patience -= self._desk.filler_after
        elif first:
            await self._phrase(FILLERS[self.turn % len(FILLERS)], counts=False)
        else:
            await self._phrase(STILL if self._thanks else MOMENT, counts=False)
            self._thanks = True

    def _measure(self) -> None:
        """Tell where the time went, as far as the reply has come; once."""
        if not self._times:
            return
        times = self._times | {f"{stage}_from_ms": self._since_speech(at) for stage, at in self._asked.items()}
        if self._waste.many:
            times |= {"wasted_ms": self._waste.seconds * 1000, "wasted_from_ms": self._since_speech(self._waste.began)}
        rounded = {name: round(value, 1) for name, value in times.items()}
        wasted = self._waste.many
        self._desk.tell(ReplyMetrics(at=self._desk.now(), turn=self.turn, reply=self.number, wasted=wasted, **rounded))
        self._times.clear()

    def _started(self, sounds: Sequence[Sound]) -> None:
        if self.sounding or not any(sound.frame.pcm for sound in sounds):
            return
        self.sounding = True
        latency = round(self._since_speech(), 1)
        self._desk.tell(AudioStarted(at=self._desk.now(), turn=self.turn, reply=self.number, latency_ms=latency))

    def _since_speech(self, moment: float | None = None) -> float:
        """Milliseconds from the caller's last sample of speech to that moment, or to now."""
        return ((self._desk.clock() if moment is None else moment) - self._speech_ended) * 1000

    async def _phrase(self, phrase: str, *, counts: bool) -> None:
        """Say a phrase that was synthesised at start-up. Words that do not count are no part of what was said:

        a model that reads them in its history begins to answer with them.
        """
        try:
            async with aclosing(self._desk.phrases.speak(phrase, "")) as sounds:
                async for sound in sounds:
                    self._started([sound])
                    await self._playout.play([Sound(sound.frame, f"{sound.says} " if counts and sound.says else "")])
        except EngineError:
            return  # a voice that never spoke cannot apologise either; the error event has said so

    # ── both ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _asks(self, stage: str) -> float:
        """A stage is asked now."""
        now = self._desk.clock()
        self._asked.setdefault(stage, now)
        return now

    def _tell(self, event: ServerMessage) -> None:
        if self.allowed.is_set():
            self._desk.tell(event)
        else:
            self._held.append(event)

    def _blame(self, failure: EngineError) -> None:
        """An engine's failure ends the reply, never the call: what is ready is still said, then an apology."""
        self.failed = failure
        self._tell(Error(at=self._desk.now(), code="engine_error", message=str(failure), fatal=False))


def _sayer(desk: ReplyContext, turn: int, number: int) -> Callable[[str, float], None]:
    """Tells words that go out; the caller's program may show them when they have been heard.

    It knows nothing of the reply: the two would keep each other, and the caller's sound, until a garbage collection.
    """

    def said(words: str, ends: float) -> None:
        desk.tell(AgentWords(at=desk.now(), turn=turn, reply=number, text=words, ends=round(ends, 3)))

    return said


def _cut(text: str) -> list[str]:
    sentences = Sentences()
    return [*sentences.feed(text), *sentences.end()]


def sayings(text: str) -> list[str]:
    """What the voice is asked for when this text is said: a voice that knows all of these says it from memory."""
    return [said for piece in _cut(text) if (said := Alignment(spoken(piece)).said)]
