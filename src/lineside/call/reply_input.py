"""What a reply answers, and what is left of one that was prepared for nothing. Pure values."""

from msgspec import Struct

from lineside.audio.frame import Utterance
from lineside.protocol import AnsweredBy, EndReason


class AgentLine(Struct, frozen=True):
    """Something to be said as it stands: a greeting, the rest of an interrupted reply."""

    text: str
    ends: EndReason | None = None  # why the call ends when it has been said


class TypedInput(Struct, frozen=True):
    """A question that came as text."""

    text: str
    keys: bool = False  # pressed on a telephone's keypad, in answer to a question that takes keys
    instead: str = ""  # what is told, kept and shown to a model in its place; empty: the text

    @property
    def shown(self) -> str:
        """What others may see of it."""
        return self.instead or self.text


class ResponseInput(Struct, frozen=True):
    """An answer that the leading program wants, from the conversation as it stands."""

    number: int  # of what it wants: `CallProgram.prompt` tells what that is


ReplyInput = Utterance | TypedInput | AgentLine | ResponseInput


class DroppedPreparation(Struct, frozen=True):
    """Answers prepared in pauses of one turn, and dropped because the caller went on."""

    many: int = 0
    seconds: float = 0.0  # spent on them
    began: float = 0.0  # the last of them, on the loop's clock


NOTHING_DROPPED = DroppedPreparation()


class Draft(Struct, frozen=True):
    """What was written of an answer that was prepared for nothing, and to which question."""

    question: str
    text: str
    whole: bool  # the model had come to its end
    by: AnsweredBy | None = None  # who wrote it
