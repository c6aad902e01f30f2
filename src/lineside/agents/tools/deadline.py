"""What every kind of tool has in common: its deadline, secrets without which it is refused, and how long it took."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from msgspec.structs import replace

from lineside.agents.declared import Tool
from lineside.agents.tools.environment import NotSet
from lineside.agents.tools.outcome import Outcome


async def by_deadline(tool: Tool, call: Coroutine[Any, Any, Outcome]) -> Outcome:
    """What came of the call within `tool.within` seconds, and how long it took."""
    now = asyncio.get_running_loop().time
    began = now()
    try:
        async with asyncio.timeout(tool.within):
            outcome = await call
    except NotSet as missing:
        outcome = Outcome("refused", why=str(missing))
    except TimeoutError:
        outcome = Outcome("timeout", why=f"no answer within {tool.within:g} s")
    return replace(outcome, ms=round((now() - began) * 1000, 1))
