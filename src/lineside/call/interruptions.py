"""Does a sound over the agent's words claim the floor? Has it recognised, and posts the answer."""

from collections.abc import Callable

from lineside.audio.frame import Utterance
from lineside.call.clock import CallClock
from lineside.call.inbox import Inbox
from lineside.call.tasks import CallTasks, OneTask
from lineside.engines.protocols import SpeechToText
from lineside.engines.timeouts import answer_within
from lineside.errors import EngineError
from lineside.turns.floor import CheckInterruption, InterruptionChecked
from lineside.turns.interruption import claims, overheard

CHECK_WITHIN = 2.0  # seconds for the words of a short sound; the agent has gone on long before


class Interruptions:
    """Checks one sound at a time."""

    def __init__(self, stt: SpeechToText, clock: CallClock, inbox: Inbox, tasks: CallTasks) -> None:
        self._stt, self._clock, self._inbox = stt, clock, inbox
        self._checking = OneTask(tasks, "check interruption")

    def check(self, asked: CheckInterruption, sound: Utterance, after_question: Callable[[], bool]) -> None:
        """Find out what was said. `after_question`: whether the caller has just heard a question."""
        self._checking.start(self._check(asked, sound, after_question))  # there is more of the sound by now

    def claimed(self, asked: CheckInterruption) -> None:
        """The sound claims the floor, whatever the words."""
        self._checking.stop()
        self._inbox.post(InterruptionChecked(self._clock.at, asked.number, real=True))

    async def _check(self, asked: CheckInterruption, sound: Utterance, after_question: Callable[[], bool]) -> None:
        text = ""
        try:
            heard = await answer_within(self._stt.transcribe(overheard(sound)), CHECK_WITHIN, "the recogniser")
            text = heard.text
            answers = bool(text.strip()) and after_question()
            real = answers or claims(heard, over=asked.over)
        except EngineError:
            real = True  # whoever says something that nobody understands is not talked over
        self._inbox.post(InterruptionChecked(self._clock.at, asked.number, real, text))
