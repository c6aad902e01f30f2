"""An active call, as operators see it."""

from typing import Literal

from msgspec import Struct

from lineside.answered_by import AnsweredBy
from lineside.reasons import AnsweredAs
from lineside.transports.call_facts import Direction

CallState = Literal["connecting", "dialling", "listening", "thinking", "speaking"]


class ActiveCall(Struct, frozen=True):
    """A call that is up."""

    id: str
    line: str
    codec: str
    state: CallState
    seconds: float  # since it was answered
    turns: int
    engines: dict[str, str]  # role → engine
    last_e2e_ms: float | None  # end of speech → first audio, of the last reply
    direction: Direction = "inbound"
    caller: str = ""  # a number, as the line knows it; empty: not known
    called: str = ""
    asked_for_person: bool = False
    unanswered: int = 0  # questions without an answer
    fallbacks: int = 0  # replies of another engine than should have answered
    taken_over: bool = False  # by an operator, who types; the agent is silent
    answered: dict[str, AnsweredBy] = {}  # role → who really answered last
    listeners: int = 0  # operators who hear its sound
    answered_as: AnsweredAs | None = None  # who or what took a call of ours; null: not known, or they called us
