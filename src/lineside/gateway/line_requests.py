"""What requests to lines bring and what they are answered: bodies, refusals."""

from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from lineside.http_front import error_response

LARGEST_BODY = 64 * 1024  # bytes of a webhook


def form_of(content_type: str, body: bytes) -> dict[str, str]:
    """A form, or flat JSON; empty for all else."""
    try:
        if content_type == "application/json":
            given = msgspec.json.decode(body, type=dict[str, object])
            return {name: str(value) for name, value in given.items() if isinstance(value, str | int | float)}
        if content_type == "application/x-www-form-urlencoded":
            return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=200))
    except (msgspec.DecodeError, ValueError, RecursionError):
        return {}
    return {}


def forbidden() -> web.Response:
    """No more is said than that."""
    return error_response(
        403, "not_allowed", "the signature, or the ticket in the address, is not right or used already"
    )
