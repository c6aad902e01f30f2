"""What the control API answers of engines."""

from typing import Annotated

from msgspec import Meta, Struct

from lineside.answered_by import AnsweredBy
from lineside.engines.recent_fallbacks import Fallback
from lineside.reasons import EngineState


class EngineStatus(Struct, frozen=True):
    """An engine that a call may name."""

    name: str
    choices: Annotated[tuple[str, ...], Meta(description="models or voices a call may name; none: any")]
    default_choice: Annotated[str, Meta(description="the one that answers a call which names none")]
    embedded: Annotated[bool, Meta(description="lives in the engine server that lineside starts itself")]
    up: Annotated[bool | None, Meta(description="the last check, at most 10 s old; null: it cannot be checked")]
    why: Annotated[str, Meta(description="what is wrong with it and what to do; empty when nothing is")]
    model: Annotated[str, Meta(description="the model or voice that answers where a call names none")] = ""
    state: Annotated[
        EngineState, Meta(description="by the last check; an engine that is up can lack its own model and use another")
    ] = "unchecked"
    answers: (
        Annotated[AnsweredBy, Meta(description="who answers a call that names this engine, as things stand")] | None
    ) = None
    download: Annotated[str, Meta(description="the model to download; empty: none")] = ""
    fallback: (
        Annotated[Fallback, Meta(description="the last time another answered for it, within ten minutes")] | None
    ) = None


class UnavailableEngine(Struct, frozen=True):
    """An engine that a call may not name, because it lacks a key, a setting or a program."""

    name: str
    state: EngineState
    why: Annotated[str, Meta(description="what to do")]


class RoleEngines(Struct, frozen=True):
    """The engines of one role."""

    default: str
    engines: tuple[EngineStatus, ...]
    unavailable: tuple[UnavailableEngine, ...] = ()


class EnginesStatus(Struct, frozen=True):
    """All engines, by role."""

    stt: RoleEngines
    llm: RoleEngines
    tts: RoleEngines
