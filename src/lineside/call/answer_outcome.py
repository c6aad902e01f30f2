"""What is told of an answer besides its words: who gave it, that it is none, that a person is wanted."""

from lineside.agents.promises import promises_person, says_not_known
from lineside.call.answerers import Answerers
from lineside.call.call_context import CallContext
from lineside.call.reply_events import ReplyEvents
from lineside.call.reply_player import ReplyProgress
from lineside.protocol import TransferRequested, Unanswered
from lineside.reasons import TransferAskedBy


class AnswerOutcome:
    """Tells it for one reply, once that is allowed."""

    def __init__(self, context: CallContext, events: ReplyEvents, progress: ReplyProgress) -> None:
        self._context, self._events, self._progress = context, events, progress
        self.by = Answerers(context.usual)

    def answered(self, text: str) -> None:
        """The question was answered with this, by rule or by the model."""
        if says_not_known(text, (self._context.agent.unknown,)):
            self._events.emit(Unanswered(**self._events.where(), why="not_known"))
        if promises_person(text):
            self.person_wanted("agent")

    def person_wanted(self, by: TransferAskedBy) -> None:
        """The caller is to speak to a person. Where the line cannot transfer, the call may end after the sentence."""
        self._events.emit(TransferRequested(**self._events.where(), by=by))
        if not self._context.can_transfer and self._context.agent.on_transfer == "hang_up":
            self._progress.ends = "asked_for_person"

    def failed(self) -> None:
        """An engine failed; the question has no answer if nothing of one was written."""
        if self._progress.question and not self._progress.text:
            self._events.emit(Unanswered(**self._events.where(), why="engine_failed"))
