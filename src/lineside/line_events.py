"""Events of a telephone line. They are part of `protocol`, and stand here since that file is long."""

from lineside.event_base import Event
from lineside.reasons import AnsweredAs


class CallTaken(Event, frozen=True, tag="call_taken"):
    """It is known who or what has taken a call of lineside's own; told again where a person comes after a machine."""

    by: AnsweredAs
    beep: bool = False  # a tone was heard after which a message may be left
