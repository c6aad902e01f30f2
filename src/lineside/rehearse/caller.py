"""A caller who types what a person would say, on virtual time."""

import asyncio
import random
from collections.abc import Callable

from lineside.agents.tasks.state import Question, TaskState
from lineside.audio.frame import FRAME_SECONDS
from lineside.protocol import AudioDone, AudioStarted, EndReason, ReplyText, ServerMessage, Text
from lineside.rehearse.caller_words import varied
from lineside.rehearse.ruled_caller import CallerStep, Line, RuledCaller
from lineside.rehearse.scenario import SpokenOver
from lineside.transports.base import TransportListener
from lineside.transports.scripted import ScriptedTransport

PATIENCE = 20.0  # seconds that a caller waits for a reply
PAUSE = 0.4  # seconds between a reply and the next words


class RehearsalCaller(ScriptedTransport):
    """The line of one scenario."""

    def __init__(self, ruled: RuledCaller, state: Callable[[], TaskState], seed: int = 0) -> None:
        """`state`: of the caller's business. `seed`: 0 as written, others in slightly other words and paces."""
        super().__init__([])
        self._ruled, self._state = ruled, state
        self._dice = random.Random(seed)  # noqa: S311 - no secret
        self._varied = seed > 0
        self._sounding, self._done = asyncio.Event(), asyncio.Event()
        self.steps: list[CallerStep] = []
        self.last_reply = ""  # of the agent's, as it was meant
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
        elif isinstance(event, ReplyText):
            self.last_reply = event.text

    async def run(self, listener: TransportListener) -> EndReason:
        """See `Transport`."""
        _, quiet = self._frames()
        async with asyncio.TaskGroup() as tasks:
            silence = tasks.create_task(self._keep_silent(listener, quiet), name="silence")
            await self._reply_over(began=False)  # the greeting
            while (line := self._ruled.next(self._state())) is not None:
                asked = self._state().asked
                if isinstance(line, SpokenOver):
                    await self._wait(self._sounding, PATIENCE)
                    await asyncio.sleep(line.after)
                self._sounding.clear()
                self._done.clear()
                self._spoke = self.now()
                listener.on_message(Text(self._worded(line)))
                await self._reply_over()
                self._note(asked, line)
            silence.cancel()
        return "caller_hung_up"

    def _note(self, asked: Question | None, line: Line) -> None:
        slots = {name: given.value for name, given in self._state().slots.items()}
        self.steps.append(CallerStep(asked, line, slots))

    def _worded(self, line: Line) -> str:
        text = line.say if isinstance(line, SpokenOver) else line
        return varied(text, self._dice) if self._varied else text

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
