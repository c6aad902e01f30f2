"""The playing stage of one reply: its sound to the caller, and something to hear while that is late."""

import asyncio
from contextlib import aclosing

from msgspec import Struct

from lineside.agents.slots.extract import Said
from lineside.audio.frame import SpokenAudio
from lineside.call.audio_buffer import AudioBuffer
from lineside.call.call_context import CallContext
from lineside.call.fillers import SORRY, Fillers
from lineside.call.playout import SLICE, Playout
from lineside.call.playout_marks import USUAL_PACING, PlayoutPacing
from lineside.call.reply_events import ReplyEvents
from lineside.call.stage_clock import StageClock
from lineside.errors import EngineError
from lineside.protocol import AudioDone, AudioStarted, EndReason

AHEAD = 3.0  # seconds of sound ahead of playout; beyond that the voice waits


class ReplyProgress(Struct):
    """How far a reply has come. Its stages write it, each its own fields."""

    question: str | None = None  # what the caller said; None: not known yet, or nobody asked
    said: Said = Said("")  # for the rules alone: with what is hidden from all others
    doubtful: bool = False  # digits were asked for, and others than were heard may have been said
    text: str = ""  # what the agent means to say
    whole: bool = False  # that is all of it
    failed: EngineError | None = None
    waiting: list[str] = []  # what a tool's declaration says while it runs, instead of fillers
    voice: str = ""  # of the TTS; empty: its usual one
    speaks: bool = True  # False: the answer is text only
    ends: EndReason | None = None  # why the call ends when it has been heard


class ReplyPlayer:
    """Plays one reply, once it is allowed."""

    def __init__(
        self, context: CallContext, events: ReplyEvents, times: StageClock, progress: ReplyProgress, *, turn: int
    ) -> None:
        self._context, self._events, self._times, self._progress = context, events, times, progress
        self._fillers = Fillers(turn, after=context.settings.filler_after_ms / 1000)
        self.sound = AudioBuffer(AHEAD)
        self.sounding = False  # some of it has gone out
        self.playout = Playout(
            context.transport,
            context.line,
            context.observers.on_playout_gap,
            events.words_sent,
            context.far_end,
            context.marks,
            USUAL_PACING
            if (program := context.program) is None
            else PlayoutPacing(program.lead, takes_back=program.takes_back),
        )

    async def play(self) -> None:
        """Wait until the reply is allowed, then play all of it."""
        await self._events.allowed.wait()
        while (audio := await self._next()) is not None:
            if audio.pcm:
                self._sounds_now(filler=False)
                self._times.answer_sounds(self._context.clock.now())
            self._fillers.answer_sounded()
            await self.playout.play(audio)
        if self._progress.failed is not None and not self._context.led:
            await self._say(SORRY, filler=False)
        await self.playout.drain()
        if self.sounding:
            self._events.emit(AudioDone(**self._events.where()))

    async def _next(self) -> SpokenAudio | None:
        """What is there, a `SLICE` of it; None at the end.

        Whenever the caller would hear nothing for too long, they hear that somebody is there.
        """
        while not self.sound.ready:
            try:
                async with asyncio.timeout(self.playout.ahead() + self._fillers.patience):
                    return await self.sound.take(SLICE)
            except TimeoutError:
                if self._context.line.away:
                    await self._context.line.up()  # nobody is there to wait
                    continue
                phrase = self._fillers.due(
                    sounding=self.sounding, question=self._progress.question, writing=bool(self._progress.text)
                )
                if phrase and self._context.answering and not self._context.led:
                    waiting = self._progress.waiting
                    await self._say(waiting.pop(0) if waiting else phrase, filler=True)
        return await self.sound.take(SLICE)  # with no deadline: most of an answer is there before it is due

    async def _say(self, phrase: str, *, filler: bool) -> None:
        """Say a phrase that was synthesised at start-up.

        The words of a filler stay out of what was said: a model that reads them in its history begins to answer with
        them.
        """
        try:
            async with aclosing(self._context.phrases.speak(phrase, "")) as stream:
                async for audio in stream:
                    self._sounds_now(filler=filler)
                    words = tuple((at, f"{word} ") for at, word in audio.words)
                    if filler:
                        begins = self.playout.seconds
                        self._events.words_sent([(word, begins + at / audio.rate) for at, word in words], filler=True)
                    await self.playout.play(SpokenAudio(audio.pcm, audio.rate, () if filler else words))
        except EngineError:
            return  # a voice that never spoke cannot apologise either; the error event has said so

    def _sounds_now(self, *, filler: bool) -> None:
        if not self.sounding:
            self.sounding = True
            latency = round(self._times.since_speech(self._context.clock.now()), 1)
            self._events.emit(AudioStarted(**self._events.where(), latency_ms=latency, filler=filler))
