"""What a call is given to reach the world outside with. By itself it has nothing: replay, load test and doctor."""

from collections.abc import Awaitable, Callable
from datetime import date

from msgspec import Struct

from lineside.agents.declared import Tool
from lineside.agents.tasks.state import TaskState
from lineside.agents.tools.outcome import NoTools, RunsTools


async def nothing_kept() -> bool:
    """Nobody keeps what tools are about to do."""
    return False


async def no_limits(name: str, tool: Tool) -> bool:
    """Nothing limits how often tools are used over all calls."""
    return False


class CallTools(Struct, frozen=True):
    """Who runs the tools of one call, and who has to know of it first."""

    runs: RunsTools = NoTools()
    call: str = ""  # its id
    kept: Callable[[], Awaitable[bool]] = nothing_kept  # whether all events so far are on the disk; waits for it
    over: Callable[[str, Tool], Awaitable[bool]] = no_limits  # a tool has been used as often as it may be
    refusal: str = ""  # what a caller hears who has called too often, before the line is hung up
    moved: Callable[[TaskState], None] = lambda state: None  # hears how far the caller's business has come
    today: Callable[[], date] | None = None  # None: by the agent's time zone


NO_TOOLS = CallTools()
