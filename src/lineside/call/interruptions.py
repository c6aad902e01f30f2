"""Does a sound over the agent's words claim the floor? Has it recognised, and posts the answer."""

from lineside.audio.frame import Utterance
from lineside.call.call_context import CallContext
from lineside.call.reply import Reply
from lineside.call.tasks import OneTask
from lineside.engines.timeouts import answer_within
from lineside.errors import EngineError
from lineside.turns.floor_events import CheckInterruption, InterruptionChecked
from lineside.turns.interruption import claims, overheard

CHECK_WITHIN = 2.0  # seconds for the words of a short sound; the agent has gone on long before

NEARLY = 20  # characters: a question is answered before its last word is over


class Interruptions:
    """Checks one sound at a time."""

    def __init__(self, context: CallContext) -> None:
        self._context = context
        self._checking = OneTask(context.tasks, "check interruption")

    def check(self, asked: CheckInterruption, sound: Utterance, reply: Reply | None) -> None:
        """Somebody makes a sound while the floor is ours: find out what was said over the reply."""
        self._checking.stop()  # there is more of the sound by now
        if not asked.over and reply is not None and not reply.sounding:
            self._post(asked, real=True)  # they go on: nothing has answered them yet
        else:
            self._checking.start(self._check(asked, sound, reply))

    async def _check(self, asked: CheckInterruption, sound: Utterance, reply: Reply | None) -> None:
        text = ""
        try:
            words = self._context.stt.transcribe(overheard(sound))
            heard = await answer_within(words, CHECK_WITHIN, "the recogniser")
            text = self._context.history.without_sensitive_numbers(heard.text)
            answers = bool(text.strip()) and reply is not None and _ends_with_question(reply)
            real = answers or claims(heard, over=asked.over)
        except EngineError:
            real = True  # whoever says something that nobody understands is not talked over
        self._post(asked, real=real, text=text)

    def _post(self, asked: CheckInterruption, *, real: bool, text: str = "") -> None:
        self._context.inbox.post(InterruptionChecked(self._context.clock.at, asked.number, real, text))


def _ends_with_question(reply: Reply) -> bool:
    """Whether the caller has heard a question to its end, or nearly: then "yes" is an answer."""
    heard, rest = reply.heard(), reply.rest()
    return heard.endswith("?") or (len(rest) < NEARLY and rest.endswith("?"))
