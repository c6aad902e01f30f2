"""How many requests wait because every connection to their engine is taken, and for how long."""

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import aiohttp


def queue_trace(on_queue: Callable[[int, float | None], None]) -> aiohttp.TraceConfig:
    """For a client with a limited pool: `on_queue` hears +1 when a wait begins, −1 and its seconds at the end.

    A request that is given up while it waits is at its end too.
    """

    async def begins(session: aiohttp.ClientSession, about: SimpleNamespace, details: Any) -> None:
        about.waits_since = time.monotonic()
        on_queue(+1, None)

    async def ends(session: aiohttp.ClientSession, about: SimpleNamespace, details: Any) -> None:
        since = about.__dict__.pop("waits_since", None)
        if since is not None:
            on_queue(-1, time.monotonic() - since)

    trace = aiohttp.TraceConfig()
    trace.on_connection_queued_start.append(begins)
    trace.on_connection_queued_end.append(ends)
    trace.on_request_exception.append(ends)
    return trace
