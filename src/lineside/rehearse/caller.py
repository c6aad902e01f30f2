"""A caller who types what a person would say: by a script, or by what they know when they are asked for it."""

import asyncio
import random
import re
from collections.abc import Callable, Iterator

from lineside.agents.tasks.state import Question
from lineside.audio.frame import FRAME_SECONDS
from lineside.protocol import AudioDone, AudioStarted, EndReason, ServerMessage, Text
from lineside.rehearse.scenario import Scenario, SpokenOver
from lineside.transports.base import TransportListener
from lineside.transports.scripted import ScriptedTransport

PATIENCE = 20.0  # seconds that a caller waits for a reply
PAUSE = 0.4  # seconds between a reply and the next words
FIGURES = 4  # in a line that may be said digit by digit; "12 Harbour Street" is not
LONGEST = 25  # lines of a ruled caller; then they give up
_WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
_USUAL = {
    "check": "Yes, that's right.",
    "write": "Yes, please.",
    "change": "Nothing, thank you.",
    "person": "No, thank you.",
    "more": "No, that's all, thank you.",
}


class RehearsalCaller(ScriptedTransport):
    """The line of one scenario."""

    def __init__(self, scenario: Scenario, asked: Callable[[], Question | None], seed: int = 0) -> None:
        """`asked`: what the agent asked last. `seed`: 0 as written, others in slightly other words and paces."""
        super().__init__([])
        self._scenario, self._asked = scenario, asked
        self._dice = random.Random(seed)  # noqa: S311 - no secret
        self._varied = seed > 0
        self._sounding, self._done = asyncio.Event(), asyncio.Event()
        self.lines = 0
        self.longest_silence = 0.0  # seconds between the caller's words and the first sound of the reply
        self._spoke: float | None = None

    def on_event(self, event: ServerMessage) -> None:
        """See `Transport`."""
        super().on_event(event)
        if isinstance(event, AudioStarted):
            self._sounding.set()
            if self._spoke is not None:
                self.longest_silence = max(self.longest_silence, self.now() - self._spoke)
                self._spoke = None
        elif isinstance(event, AudioDone):
            self._done.set()

    async def run(self, listener: TransportListener) -> EndReason:
        """See `Transport`."""
        _, quiet = self._frames()
        async with asyncio.TaskGroup() as tasks:
            silence = tasks.create_task(self._keep_silent(listener, quiet), name="silence")
            await self._reply_over(began=False)  # the greeting
            for said in self._says():
                self.lines += 1
                if isinstance(said, SpokenOver):
                    await self._wait(self._sounding, PATIENCE)
                    await asyncio.sleep(said.after)
                self._sounding.clear()
                self._done.clear()
                self._spoke = self.now()
                listener.on_message(Text(self._worded(said.say if isinstance(said, SpokenOver) else said)))
                await self._reply_over()
            silence.cancel()
        return "caller_hung_up"

    def _says(self) -> Iterator[str | SpokenOver]:
        if self._scenario.caller:
            yield from self._scenario.caller
            return
        yield self._scenario.opens
        for _ in range(LONGEST):
            asked = self._asked()
            if asked is None:
                return
            if asked.kind == "slot":
                yield self._scenario.knows.get(asked.slot, "I don't know.")
            else:
                yield self._scenario.answers.get(asked.kind, _USUAL[asked.kind])

    def _worded(self, text: str) -> str:
        """The same in other words: hesitation, figures for words, words for figures."""
        if not self._varied:
            return text
        if self._dice.random() < 0.4:
            text = self._dice.choice(("Um, ", "Well, ", "Okay, ", "Uh, ")) + text[:1].lower() + text[1:]
        if self._dice.random() < 0.5 and sum(sign.isdecimal() for sign in text) >= FIGURES:
            text = re.sub(r"\d", lambda digit: f"{_WORDS[int(digit[0])]} ", text)
        return text

    async def _reply_over(self, *, began: bool = True) -> None:
        await self._wait(self._done, PATIENCE if began else 10.0)
        await asyncio.sleep(PAUSE + (self._dice.uniform(0.0, 1.5) if self._varied else 0.0))

    @staticmethod
    async def _wait(event: asyncio.Event, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            return

    async def _keep_silent(self, listener: TransportListener, quiet: bytes) -> None:
        while True:
            listener.on_audio(quiet)
            await asyncio.sleep(FRAME_SECONDS)
