"""Who answers: an engine's own name, not that of the choice behind which it stands."""

from msgspec import Struct

from lineside.reasons import FallbackReason


class AnsweredBy(Struct, frozen=True):
    """The engine that really answered, and with which model or voice."""

    engine: str
    model: str = ""  # empty: the engine does not say
    instead_of: str = ""  # the engine that should have answered; empty: this one should
    why: FallbackReason = ""  # what kept that one from it
