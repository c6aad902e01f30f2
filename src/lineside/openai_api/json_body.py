"""Bodies of JSON, checked; what is wrong names its field as OpenAI does."""

import re
from typing import TypeVar

import msgspec
from aiohttp import web

from lineside.errors import UNREADABLE
from lineside.openai_api.errors import OpenAiError

T = TypeVar("T")


async def json_body(request: web.Request, kind: type[T]) -> T:
    """The body as what it should be. Raises `OpenAiError`."""
    try:
        return msgspec.json.decode(await request.read(), type=kind)
    except web.HTTPRequestEntityTooLarge:
        raise OpenAiError(413, "the body is larger than the 1 MiB that is read") from None
    except UNREADABLE as no:
        raise OpenAiError(400, str(no), _field(str(no)), code="invalid_value") from None


def _field(complaint: str) -> str | None:
    """The field that msgspec complains about: "… missing required field `input`", "… - at `$.messages[0].role`"."""
    places = re.findall(r"at `\$\.?(.*?)`", complaint) + re.findall(r"field `(\w+)`", complaint)
    return ".".join(filter(None, places)) or None
