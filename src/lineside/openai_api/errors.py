"""Errors as OpenAI words them: their clients make classes of the status, and tell people the message."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from aiohttp import web

from lineside.errors import EngineBusy, EngineError, EngineTimeout, EngineUnreachable

AGAIN_AFTER = "2"  # seconds; clients try 429 and 5xx again by themselves, and keep to this


class OpenAiError(Exception):
    """A request that cannot be served."""

    def __init__(self, status: int, message: str, param: str | None = None, code: str | None = None) -> None:
        """
        Args:
            status: of HTTP.
            message: what was wrong, and what to do.
            param: the field of the request that was wrong.
            code: short and fixed, for programs.
        """
        super().__init__(message)
        self.status, self.message, self.param, self.code = status, message, param, code


def openai_error(status: int, message: str, param: str | None = None, code: str | None = None) -> web.Response:
    """An answer in OpenAI's error shape."""
    kind = {401: "invalid_request_error", 429: "rate_limit_error"}.get(status)
    kind = kind or ("invalid_request_error" if status < 500 else "server_error")
    headers = {"Retry-After": AGAIN_AFTER} if status in (429, 503) else {}
    error = {"message": message, "type": kind, "param": param, "code": code}
    return web.json_response({"error": error}, status=status, headers=headers)


def key_needed() -> web.Response:
    """The answer to a request without a key, or with a wrong one."""
    return openai_error(401, "give a key of API_KEYS as 'Authorization: Bearer KEY'", code="invalid_api_key")


@asynccontextmanager
async def engines_fail_as_openai() -> AsyncGenerator[None, None]:
    """Turn an engine's error into an answer of OpenAI's shape."""
    try:
        yield
    except EngineBusy as why:
        raise OpenAiError(503, str(why), code="engine_busy") from why
    except EngineTimeout as why:
        raise OpenAiError(504, str(why), code="engine_timeout") from why
    except EngineUnreachable as why:
        raise OpenAiError(502, str(why), code="engine_unreachable") from why
    except EngineError as why:
        raise OpenAiError(502, str(why), code="engine_failed") from why
