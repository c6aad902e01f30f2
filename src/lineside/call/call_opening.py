"""The beginning of a call of ours: who has taken it is found out before the agent speaks.

While this goes on, what is heard goes to `turns.answer_detector` and not to the floor. A person is greeted at once; a
machine is hung up on, or has the message after its tone; a program that screens calls is told who calls, and then
listened to until a person comes.
"""

import asyncio
from collections.abc import Callable

from lineside.audio import g711
from lineside.audio.beep import BeepDetector
from lineside.call.call_context import CallContext
from lineside.call.reply_input import AgentLine
from lineside.call.tasks import OneTask
from lineside.call.transcribe import transcribe
from lineside.errors import EngineError
from lineside.line_events import CallTaken
from lineside.protocol import EndReason, Transcript
from lineside.reasons import AnsweredAs
from lineside.transports.answer_plan import AnswerPlan
from lineside.turns.answer_detector import AnswerDetector
from lineside.turns.floor_events import Silence, TurnFull, VoiceActivity
from lineside.turns.open_turn import Heard

LOOK_EVERY = 0.05  # seconds
PERSON_WITHIN = 60.0  # seconds for a person to come after a program has been told who calls


class CallOpening:
    """The opening of one call. `run` ends when the agent may go on as in any other."""

    def __init__(
        self,
        context: CallContext,
        plan: AnswerPlan,
        *,
        say: Callable[[AgentLine], None],
        end: Callable[[EndReason], None],
    ) -> None:
        """`say` says something as the agent; `end` ends the call."""
        self._context, self._plan, self._say, self._end = context, plan, say, end
        self.active = True
        self._detector = AnswerDetector()
        self._beep = BeepDetector(context.transport.rate)
        self._listening = OneTask(context.tasks, "who answered")
        self._offset = 0.0  # of the call's clock: what the detector counts from

    def close(self) -> None:
        """The call is over; it is let go of."""
        self.active = False
        self._say, self._end = lambda line: None, lambda reason: None

    def on_audio(self, payload: bytes) -> None:
        """What comes over the line, before anybody else hears it."""
        codec = self._context.transport.codec
        if self._beep.feed(payload if codec == "pcm" else g711.decode(payload, codec)):
            self._detector.beep(self._at)

    def on_speech(self, event: Heard) -> None:
        """What the segmenter finds in it."""
        match event:
            case VoiceActivity(began=began):
                self._detector.voice(began - self._offset)
            case Silence(since=since):
                self._detector.silence(since - self._offset)
            case TurnFull():
                self._context.segmenter.close_turn()

    async def run(self) -> None:
        """Find out who it is, and act on it. Raises nothing for what an engine does."""
        try:
            while (by := await self._verdict()) == "screening":
                self._tell(by)
                self._say(AgentLine(self._plan.screening or self._greeting))
                self._begin_again()
            self._listening.stop()
            self._tell(by)
            if by == "voicemail" and self._plan.on_voicemail != "continue":
                await self._take_voicemail()
                return
            if by in ("voicemail", "ivr"):
                await self._greeting_over()
            self._heard()
            self._say(AgentLine(self._greeting))
        finally:
            self.active = False

    @property
    def _greeting(self) -> str:
        """An agent that waits for callers to speak still says who calls: whoever was called waits for that."""
        return self._context.greeting or self._context.agent.introduction()

    async def _verdict(self) -> AnsweredAs:
        while True:
            at = self._at
            if self._detector.words_wanted(at):
                self._listening.start(self._listen(at))
            by = self._detector.verdict(at)
            if by == "unknown" and self._offset and at < PERSON_WITHIN:
                by = None  # they are being asked whether they want to talk to us
            if by is not None:
                return by
            await asyncio.sleep(LOOK_EVERY)

    async def _listen(self, at: float) -> None:
        detector, utterance = self._detector, self._context.segmenter.utterance()
        try:
            heard = await transcribe(self._context.stt, utterance)
        except EngineError:
            return  # it is decided without words
        detector.words(heard.text, at)

    async def _take_voicemail(self) -> None:
        """Hang up; or wait for the tone, or for the greeting's end, and leave the message."""
        if self._plan.on_voicemail == "hang_up" or not self._plan.message:
            self._end("voicemail")
            return
        await self._greeting_over()
        self._context.segmenter.close_turn()
        self._say(AgentLine(self._plan.message, "voicemail_left"))

    async def _greeting_over(self) -> None:
        while not self._detector.message_due(self._at, sounding=self._beep.sounding):  # noqa: ASYNC110 - of the sound
            await asyncio.sleep(LOOK_EVERY)

    def _begin_again(self) -> None:
        """Whoever speaks next is somebody else."""
        self._heard()
        self._offset += self._at
        self._detector = AnswerDetector()

    def _heard(self) -> None:
        """What they said is part of the conversation."""
        context, text = self._context, self._detector.text
        context.segmenter.close_turn()
        if text:
            context.history.caller(text)
            context.observers.on_event(Transcript(at=context.clock.at, turn=0, reply=1, text=text, latency_ms=0.0))

    def _tell(self, by: AnsweredAs) -> None:
        self._context.observers.on_event(CallTaken(at=self._context.clock.at, by=by, beep=self._detector.beeped))

    @property
    def _at(self) -> float:
        return self._context.clock.at - self._offset
