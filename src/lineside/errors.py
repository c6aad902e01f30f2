"""What can go wrong, and who can do something about it.

LinesideError
├── ConfigError          refuse to start: a setting or a model file is wrong
├── CallRefused          all call slots are in use or the caller may not enter: the call never begins
│   ├── CallBlocked      a gate is shut for a call of ours
│   └── KeyUsedBefore    the program that asked for one must use a key of its own
├── TransportError       ends the call: its first message was wrong, or the line broke
└── EngineError          ends or re-routes the reply, never the call
    ├── EngineBusy
    ├── EngineTimeout
    ├── EngineRefused    asked again in the way that the server wants
    │   └── ModelMissing named as such where another engine answers
    ├── EngineUnreachable
    │   └── EngineDisconnected asked once more, at once: another replica may answer
    └── OnlyThoughts     asked again, without thinking
"""

import re
from collections.abc import Iterator
from typing import Literal

import msgspec

# What a caller's program can act on: `code` of an `error` event. The first six end a call before it begins.
ErrorCode = Literal[
    "bad_first_message",
    "no_first_message",
    "unknown_engine",
    "unknown_choice",
    "unknown_draft",
    "resume_refused",
    "line_lost",
    "line_deaf",
    "line_silent",
    "line_mute",
    "bad_message",
    "tools_not_called",
    "too_many_messages",
    "too_many_turns",
    "frame_too_large",
    "odd_length",
    "too_fast",
    "caller_not_reading",
    "engine_error",
    "internal_error",
]


# What decoders raise for JSON or TOML from outside: broken, of the wrong shape, no text, or nested without end.
UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)

_USER = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)[^/\s@'\"]*@")  # http://user:password@
_QUERY = re.compile(r"(https?://[^\s?'\"]+)\?[^\s'\"]*")


def without_secrets(text: str) -> str:
    """A text with addresses in it, as it may be shown: a password or a key in one of them is masked."""
    return _QUERY.sub(r"\1?***", _USER.sub(r"\1***@", text)) if "://" in text else text


class LinesideError(Exception):
    """Anything lineside says no to, with a sentence that tells what to do about it, and no secret in it."""

    def __init__(self, *given: object) -> None:
        super().__init__(*(without_secrets(one) if isinstance(one, str) else one for one in given))


class ConfigError(LinesideError):
    """A setting, a file or a model is wrong; the program must not answer calls."""


class CallRefused(LinesideError):
    """The call may not begin."""


class CallBlocked(CallRefused):
    """A call of ours is not made: a gate is shut. Nothing was dialled."""

    def __init__(self, by: str, why: str, retry_after: float = 0.0) -> None:
        """`by`: `reasons.BlockedBy`; `retry_after`: seconds after which it may pass; 0: not by waiting."""
        super().__init__(why)
        self.by, self.retry_after = by, retry_after


class KeyUsedBefore(CallRefused):
    """The same idempotency key came with another request."""


class TransportError(LinesideError):
    """The transport cannot go on; `code` is the short name that the caller's program can act on."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code


class EngineError(LinesideError):
    """An engine failed one request."""


class EngineBusy(EngineError):
    """The engine has no room for this request now. `again`: seconds until it is to be asked again; 0: unsaid."""

    def __init__(self, message: str, again: float = 0.0) -> None:
        super().__init__(message)
        self.again = again


class EngineTimeout(EngineError):
    """The engine did not answer before its deadline."""


class EngineUnreachable(EngineError):
    """Nobody answers at the engine's address."""


class EngineRefused(EngineError):
    """A server refused a request. What it said may tell how it wants to be asked."""

    def __init__(self, message: str, status: int, said: str = "", param: str = "") -> None:
        super().__init__(message)
        self.status, self.said, self.param = status, said, param


class ModelMissing(EngineRefused):
    """The model or voice is not there; the message says how to fetch it."""

    def __init__(self, message: str, status: int = 404, said: str = "", param: str = "", *, model: str = "") -> None:
        """`model`: the one to download; empty: nobody knows its name."""
        super().__init__(message, status, said, param)
        self.model = model


class EngineDisconnected(EngineUnreachable):
    """The engine's connection broke under a request: it, or the replica of it that was asked, has died."""


class OnlyThoughts(EngineError):
    """A language model thought and then answered nothing: asked without thinking, it may answer."""


def leaves(fault: BaseException) -> Iterator[BaseException]:
    """The fault, or those that a group of them holds, however deep."""
    if isinstance(fault, BaseExceptionGroup):
        for each in fault.exceptions:
            yield from leaves(each)
    else:
        yield fault
