"""What calls of simulated telephones have in common: a ticket that makes each a test call, and how one is held.

A telephone line carries no `tools: false`, as a browser's first message does. So no call is made without a ticket of
the gateway's: a call that brings one reaches nothing outside, and a gateway that issues none is not called.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, NamedTuple

import aiohttp
import msgspec
from msgspec import Struct

from lineside.loadtest.plan import Plan
from lineside.loadtest.simulated_caller import SimulatedCaller

TICKET_WITHIN = 10.0  # seconds
GATEWAY_LINES = {"sip": "sip", "audiosocket": "audiosocket", "asterisk-ws": "asterisk", "twilio": "twilio"}

Send = Callable[[bytes], Awaitable[None]]  # twenty milliseconds of what the caller says


class NoTicket(Exception):
    """The gateway issues no ticket for a test call; says why."""


class _Issued(Struct, frozen=True):
    ticket: str


class CallScript(NamedTuple):
    """What a line needs to hold one call."""

    new_caller: Callable[[], SimulatedCaller]  # made when the call is up
    # Says what the caller says, until they are done.
    speak: Callable[[SimulatedCaller, Send], Coroutine[Any, Any, None]]


class CallOutcome(NamedTuple):
    """What became of one call."""

    caller: SimulatedCaller | None  # if the call came up
    reason: str


async def until_over(
    caller: SimulatedCaller, reading: Coroutine[Any, Any, None], speaking: Coroutine[Any, Any, None]
) -> CallOutcome:
    """The call goes on until its caller is done or its line is gone; nothing of it is left behind."""
    tasks = [asyncio.create_task(reading, name="far end"), asyncio.create_task(speaking, name="caller")]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        done = tasks[1].done() and not tasks[1].cancelled() and tasks[1].exception() is None
        return CallOutcome(caller, "caller_hung_up" if done else "line_lost")
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def test_ticket(http: aiohttp.ClientSession, plan: Plan) -> str:
    """A ticket for one test call. Raises `NoTicket`."""
    try:
        async with http.post(
            f"{plan.url}/api/test-tickets",
            json={"line": GATEWAY_LINES[plan.line]},
            timeout=aiohttp.ClientTimeout(total=TICKET_WITHIN),
        ) as answer:
            body = await answer.read()
            if answer.status == 404:
                raise NoTicket("this lineside issues no tickets for test calls; upgrade it")
            if answer.status != 200:
                raise NoTicket(f"HTTP {answer.status}: {body[:300].decode(errors='replace')}")
            return msgspec.json.decode(body, type=_Issued).ticket
    except (aiohttp.ClientError, TimeoutError, OSError, msgspec.DecodeError) as why:
        raise NoTicket(f"{type(why).__name__}: {why}") from None
