"""The line that a worker's callers call over, by its name."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import aiohttp

from lineside.loadtest.audiosocket_call import hold_audiosocket_call
from lineside.loadtest.plan import Plan
from lineside.loadtest.realtime_call import hold_realtime_call
from lineside.loadtest.sip_line import hold_sip_call, load_phone
from lineside.loadtest.stream_line import hold_stream_call
from lineside.loadtest.telephone_call import CallOutcome, CallScript

HoldCall = Callable[[CallScript], Awaitable[CallOutcome]]


@asynccontextmanager
async def telephone_line(
    plan: Plan, http: aiohttp.ClientSession, intervals: list[int]
) -> AsyncGenerator[HoldCall, None]:
    """Holds one call after the other, while the block runs. Each is a test call: see `telephone_call`."""
    if plan.line == "sip":
        async with load_phone(plan) as phone:
            yield partial(hold_sip_call, phone, http, plan, intervals)
    elif plan.line == "audiosocket":
        yield partial(hold_audiosocket_call, http, plan, intervals)
    elif plan.line == "realtime":
        yield partial(hold_realtime_call, http, plan)
    else:
        yield partial(hold_stream_call, http, plan)
