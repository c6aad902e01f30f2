"""Asking a lineside that runs, from the command line."""

import json
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

from lineside.errors import UNREADABLE, ConfigError

PATIENCE = 700.0  # seconds; loading a big model from a slow disk may take ten minutes
MAX_ANSWER_BYTES = 1 << 20  # bytes of an answer

_opener = build_opener(ProxyHandler({}))  # a lineside is ours, and near: no proxy stands before it


class GatewayUnreachable(ConfigError):
    """No lineside answers at the address."""


def ask(method: str, url: str, body: object, key: str) -> dict[str, Any]:
    """The answer of the control API. Raises `ConfigError` with its message, `GatewayUnreachable` without one."""
    if not url.startswith(("http://", "https://")):
        raise ConfigError(f"{url!r} is no address; it begins with http:// or https://")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    data = None
    if body is not None:
        data, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
    try:
        with _opener.open(Request(url, data, headers, method=method), timeout=PATIENCE) as answer:  # noqa: S310
            decoded: dict[str, Any] = json.loads(answer.read(MAX_ANSWER_BYTES))
            return decoded
    except HTTPError as no:
        with no:
            raise ConfigError(_message(no)) from None
    except (URLError, HTTPException, OSError) as cause:
        reason = getattr(cause, "reason", cause)
        raise GatewayUnreachable(f"no lineside answers at {url} ({reason}); start it with: lineside serve") from None
    except UNREADABLE:
        raise ConfigError(f"what answers at {url} is no lineside") from None


def _message(no: HTTPError) -> str:
    try:
        return str(json.loads(no.read(MAX_ANSWER_BYTES))["error"]["message"])
    except (*UNREADABLE, KeyError, TypeError):
        return f"{no.url} answered {no.code}: that is no lineside, or another version of it"
