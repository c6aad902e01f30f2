"""What the control API says no to, with the status and the words of the answer."""

from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager

from lineside.errors import EngineBusy, EngineError, EngineTimeout, EngineUnreachable, LinesideError


class ApiError(LinesideError):
    """The answer is no: `status` is the HTTP one, `code` is for programs."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


def unknown(what: str, name: str, known: Iterable[str], notes: Iterable[str] = ()) -> ApiError:
    """404, with the names that there are, and why there may be others."""
    sentence = f"there is no {what} named {name!r}; known: {', '.join(known) or 'none'}"
    return ApiError(404, f"unknown_{what}", ". ".join([sentence, *notes]))


@asynccontextmanager
async def of_engines() -> AsyncGenerator[None, None]:
    """Turn an engine's error into an answer."""
    try:
        yield
    except EngineBusy as why:
        raise ApiError(409, "in_use", str(why)) from why
    except EngineTimeout as why:
        raise ApiError(504, "engine_too_slow", str(why)) from why
    except EngineUnreachable as why:
        raise ApiError(502, "engine_unreachable", str(why)) from why
    except EngineError as why:
        raise ApiError(502, "engine_failed", str(why)) from why
