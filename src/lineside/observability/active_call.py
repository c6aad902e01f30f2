"""An active call, as operators see it."""

from typing import Literal

from msgspec import Struct

from lineside.transports.call_facts import Direction

CallState = Literal["connecting", "listening", "thinking", "speaking"]


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
