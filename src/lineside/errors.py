"""What can go wrong, and who can do something about it.

LinesideError
├── ConfigError          refuse to start: a setting or a model file is wrong
├── CallRefused          the house is full or the caller may not enter: the call never begins
├── TransportError       ends the call: its first message was wrong, or the line broke
└── EngineError          ends or re-routes the reply, never the call
    ├── EngineBusy
    ├── EngineTimeout
    ├── EngineUnreachable
    └── OnlyThoughts     asked again, without thinking
"""

from typing import Literal

# What a caller's program can act on: `code` of an `error` event. The first five end a call before it begins.
ErrorCode = Literal[
    "bad_first_message",
    "no_first_message",
    "unknown_engine",
    "unknown_choice",
    "line_lost",
    "bad_message",
    "too_many_messages",
    "too_many_turns",
    "frame_too_large",
    "odd_length",
    "too_fast",
    "caller_not_reading",
    "engine_error",
    "internal_error",
]


class LinesideError(Exception):
    """Anything lineside says no to, with a sentence that tells what to do about it."""


class ConfigError(LinesideError):
    """A setting, a file or a model is wrong; the program must not answer calls."""


class CallRefused(LinesideError):
    """The call may not begin."""


class TransportError(LinesideError):
    """The transport cannot go on; `code` is the short name that the caller's program can act on."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code


class EngineError(LinesideError):
    """An engine failed one request."""


class EngineBusy(EngineError):
    """The engine has no room for this request now."""


class EngineTimeout(EngineError):
    """The engine did not answer before its deadline."""


class EngineUnreachable(EngineError):
    """Nobody answers at the engine's address."""


class OnlyThoughts(EngineError):
    """A language model thought and then answered nothing: asked without thinking, it may answer."""
