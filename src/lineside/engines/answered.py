"""Who really answers a request: a chain of engines tells whoever listens in the task that asks.

The names travel beside the request, not in its answer: an engine's own answer stays what its protocol says, and calls
that share a synthesis each hear of their own.
"""

from collections.abc import Callable
from contextvars import ContextVar
from typing import TypeGuard

from lineside.engines.protocols import Engine, ResolvesChoice
from lineside.errors import (
    EngineBusy,
    EngineError,
    EngineRefused,
    EngineTimeout,
    EngineUnreachable,
    ModelMissing,
)
from lineside.protocol import AnsweredBy
from lineside.reasons import FallbackReason

_listening: ContextVar[Callable[[str, AnsweredBy], None] | None] = ContextVar("who_answers", default=None)


def listen(hears: Callable[[str, AnsweredBy], None]) -> None:
    """Have `hears` told the role and who answers it, of all that this task asks from here on, and tasks it starts."""
    _listening.set(hears)


def tell(role: str, by: AnsweredBy) -> None:
    """This one answers."""
    if (hears := _listening.get()) is not None:
        hears(role, by)


def model_of(engine: Engine, choice: str = "") -> str:
    """The model or voice that answers when this one is asked for; empty where nobody can tell."""
    if _resolves(engine):
        return engine.resolved(choice)
    return choice or next(iter(engine.info.choices), "")


def _resolves(engine: Engine) -> TypeGuard[ResolvesChoice]:
    """`isinstance` of a protocol takes some twenty microseconds, and this is asked eight times a turn."""
    return hasattr(type(engine), "resolved")


def answered_by(name: str, engine: Engine, choice: str = "") -> AnsweredBy:
    """Who answers when this engine, registered under that name, is asked for this model or voice."""
    return AnsweredBy(engine.info.preset_of or name, model_of(engine, choice))


def reason(why: EngineError) -> FallbackReason:
    """A failure, as an operator is told it."""
    match why:
        case EngineTimeout():
            return "too slow"
        case EngineBusy():
            return "busy"
        case EngineUnreachable():
            return "not running"
        case ModelMissing():
            return "not downloaded"
        case EngineRefused(status=401 | 403):
            return "no key"
        case _:
            return "failed"
