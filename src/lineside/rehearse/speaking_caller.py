"""A caller who speaks: what leaves their mouth frame by frame, what they hear, and when they say the next line."""

import asyncio
import random
from collections.abc import Awaitable, Callable

import numpy as np

from lineside.agents.tasks.state import TaskState
from lineside.audio.frame import FRAME_SECONDS
from lineside.protocol import (
    AudioDone,
    AudioStarted,
    BargeIn,
    Clear,
    FalseInterruption,
    ReplyMetrics,
    ServerMessage,
    TurnStarted,
)
from lineside.rehearse.caller_sound import Background, Samples, pcm_of
from lineside.rehearse.caller_words import aloud, slowly, varied
from lineside.rehearse.results import Shortfall
from lineside.rehearse.ruled_caller import RuledCaller
from lineside.rehearse.scenario import SpokenOver

PATIENCE = 20.0  # seconds that a caller waits for a reply that is on its way
GREETED = 10.0  # seconds that they wait for the greeting
NOTHING = 4.0  # seconds after which a caller, whom nobody seems to have heard, goes on
PAUSE = 0.5  # seconds between a reply and the next words


class CallerMouth:
    """What a caller says, twenty milliseconds at a time; something may be heard behind them all the time."""

    def __init__(self, rate: int, background: Background | None) -> None:
        self.rate, self._background = rate, background
        self._size = round(rate * FRAME_SECONDS)
        self._left = np.zeros(0, np.float32)
        self._empty = asyncio.Event()
        self._empty.set()
        self.said = bytearray()  # all of it, signed 16-bit

    async def say(self, samples: Samples) -> None:
        """Say this after what is being said, to its end."""
        self._left = np.concatenate([self._left, samples])
        self._empty.clear()
        await self._empty.wait()

    def frame(self) -> bytes:
        """The next twenty milliseconds, signed 16-bit."""
        now, self._left = self._left[: self._size], self._left[self._size :]
        now = np.pad(now, (0, self._size - len(now)))
        if self._background is not None:
            now = now + self._background.next(self._size)
        if not len(self._left):
            self._empty.set()
        pcm = pcm_of(now)
        self.said += pcm
        return pcm


class CallerEar:
    """What a caller knows of the agent: whether it speaks, and whether an answer is still to come."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._changed = asyncio.Event()
        self._open: set[int] = set()  # turns that have no answer yet
        self._last_change = now()
        self.sounding = False
        self._began_at: float | None = None  # the first sound since `expect`
        self._ended = False  # a reply, since `expect`

    def on_event(self, event: ServerMessage) -> None:
        """The server said what happened."""
        match event:
            case TurnStarted(turn=turn):
                self.more_comes(turn)
            case AudioStarted():
                self.sounds()
            case FalseInterruption():  # what sounded goes on
                self.sounding = True
                self._note_change()
            case Clear() | BargeIn():
                self.falls_silent(ended=False)
            case AudioDone(turn=turn):
                self.falls_silent(ended=True)
                self.all_came(turn)
            case ReplyMetrics(turn=turn):
                self.all_came(turn)
            case _:
                return

    def sounds(self) -> None:
        """The agent is heard."""
        self.sounding = True
        if self._began_at is None:
            self._began_at = self._now()
        self._note_change()

    def falls_silent(self, *, ended: bool) -> None:
        """The agent is heard no more; `ended`: that was a reply, to its end."""
        self.sounding, self._ended = False, self._ended or ended
        self._note_change()

    def more_comes(self, turn: int) -> None:
        """This turn has an answer that is still to be heard."""
        self._open.add(turn)
        self._note_change()

    def all_came(self, turn: int) -> None:
        """This turn and those before it have been answered."""
        self._open = {other for other in self._open if other > turn}
        self._note_change()

    def _note_change(self) -> None:
        self._last_change = self._now()
        self._changed.set()

    def expect(self) -> None:
        """From now on a reply is waited for."""
        self._began_at, self._ended = None, False

    def waited_since(self, spoke: float) -> float | None:
        """Seconds from then to the first sound of the reply; None where there was none, or it came before."""
        return None if self._began_at is None or self._began_at < spoke else self._began_at - spoke

    async def begins(self, within: float) -> None:
        """Wait until the agent speaks."""
        await self._until(lambda: self.sounding, within)

    async def answered(self, spoke: float, within: float) -> bool:
        """Wait until a reply has ended and nothing more is to come; False: there was none."""

        def over() -> bool:
            quiet = not self.sounding and not self._open
            gave_up = self._now() - max(spoke, self._last_change) > NOTHING
            return quiet and (self._ended or gave_up)

        await self._until(over, within)
        return self._ended

    async def _until(self, holds: Callable[[], bool], within: float) -> None:
        ends = self._now() + within
        while not holds() and self._now() < ends:
            self._changed.clear()
            try:
                async with asyncio.timeout(0.25):
                    await self._changed.wait()
            except TimeoutError:
                continue


class SpeakingCaller:
    """Holds one conversation by sound."""

    def __init__(
        self,
        ruled: RuledCaller,
        state: Callable[[], TaskState],
        speak: Callable[[str], Awaitable[Samples]],
        mouth: CallerMouth,
        ear: CallerEar,
        now: Callable[[], float],
        seed: int = 0,
    ) -> None:
        """`speak` makes sound of a line; `seed`: 0 as written, others in slightly other words and paces."""
        self._ruled, self._state, self._speak, self._mouth, self._ear = ruled, state, speak, mouth, ear
        self._now = now
        self._dice = random.Random(seed)  # noqa: S311 - no secret
        self._varied = seed > 0
        self.said: list[str] = []
        self.longest_silence = 0.0  # seconds between the end of a line and the first sound of its reply
        self.failures: list[Shortfall] = []

    async def converse(self) -> None:
        """From the greeting to the caller's last line."""
        await self._ear.answered(self._now(), GREETED)
        await self._think()
        while (line := self._ruled.next(self._state())) is not None:
            if isinstance(line, SpokenOver):
                await self._ear.begins(PATIENCE)
                await asyncio.sleep(line.after)
            words = aloud(self._worded(line.say if isinstance(line, SpokenOver) else line))
            if self.said and words == self.said[-1]:
                words = slowly(words)
            if not await self._say(words):
                await self._say(slowly(words))  # nobody seems to have heard it
            await self._think()

    async def _say(self, words: str) -> bool:
        """Say this and wait for what comes of it; False: nothing did."""
        samples = await self._speak(words)
        self.said.append(words)
        self._ear.expect()
        await self._mouth.say(samples)
        spoke = self._now()
        answered = await self._ear.answered(spoke, PATIENCE)
        self.longest_silence = max(self.longest_silence, self._ear.waited_since(spoke) or 0.0)
        if not answered:
            self.failures.append(Shortfall("no_answer", f"to: {words}"))
        return answered

    def _worded(self, line: str) -> str:
        return varied(line, self._dice) if self._varied else line

    async def _think(self) -> None:
        await asyncio.sleep(PAUSE + (self._dice.uniform(0.0, 1.5) if self._varied else 0.0))
