"""Back ends that are not there: each speaks its vendor's published protocol, and remembers what it was asked.

They are strict where the vendor is: what the vendor refuses is refused. What they say is made up.
"""

import math
from array import array
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from lineside.audio.wav import read_wav
from lineside.errors import ConfigError

HEARD = "where is my order"  # what the recognisers hear in anything that is not silent
ANSWERED = "Your order left us this morning."
WHAT_IT_THOUGHT = "The caller asks about an order. I should look."


@asynccontextmanager
async def serving(app: web.Application) -> AsyncGenerator[str, None]:
    """The application at an address of its own. Who leaves stops the work, as with every real server."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def called(tools: list[dict[str, Any]]) -> dict[str, Any]:
    """A call of the first tool that is offered, each argument a number of five digits."""
    function = tools[0]["function"]
    return {"name": function["name"], "arguments": dict.fromkeys(function["parameters"]["properties"], "12345")}


def speech(text: str, rate: int) -> bytes:
    """Something that sounds for as long as the words would take: 15 letters a second."""
    samples = round(rate * len(text) / 15)
    return array("h", (round(8000 * math.sin(2 * math.pi * 300 * n / rate)) for n in range(samples))).tobytes()


async def form_of(request: web.Request) -> dict[str, str | bytes]:
    """The fields of a form; files as bytes."""
    fields: dict[str, str | bytes] = {}
    for name, value in (await request.post()).items():
        if isinstance(value, web.FileField):
            with value.file as file:
                fields[name] = file.read()
        else:
            fields[name] = str(value)
    return fields


def heard_in(file: object) -> str | None:
    """The words in a WAV: none in silence, None where it is no WAV of 16 bits."""
    try:
        frame = read_wav(file) if isinstance(file, bytes) else None
    except ConfigError:
        return None
    if frame is None:
        return None
    return HEARD if any(frame.pcm) else ""
