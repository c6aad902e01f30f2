"""Tools that the caller's own program runs: it is told of a call, and its answer is waited for."""

import asyncio
from collections.abc import Callable, Iterable

from lineside.agents.declared import Tool
from lineside.agents.tools.deadline import by_deadline
from lineside.agents.tools.outcome import Outcome, RunsTools, Use, broken_off
from lineside.agents.tools.projected import declared_values
from lineside.call.reply_events import Where
from lineside.client_tools import ClientToolCall, ToolResult
from lineside.errors import TransportError
from lineside.text.outside_text import outside_text

KNOWN = 200  # calls whose late or second result is still known as one


class ClientTools:
    """Runs the tools of one call: those of the caller's program through their line, all others as ever."""

    def __init__(
        self,
        answers: Iterable[str],
        others: RunsTools,
        tell: Callable[[ClientToolCall], None],
        where: Callable[[], Where],
    ) -> None:
        """`answers`: names of the tools that the program runs; `tell` tells it of a call; `where`: it happens."""
        self._answers, self._others, self._tell, self._where = frozenset(answers), others, tell, where
        self._waiting: dict[str, asyncio.Future[ToolResult]] = {}
        self._known: list[str] = []
        self._over = False

    async def run(self, use: Use, tool: Tool, key: str) -> Outcome:
        """See `RunsTools`."""
        if not tool.client:
            return await self._others.run(use, tool, key)
        if use.tool not in self._answers or self._over:
            return Outcome("refused", why="the caller's program does not run this tool")
        return await by_deadline(tool, self._asked(use, tool, key))

    async def _asked(self, use: Use, tool: Tool, key: str) -> Outcome:
        self._waiting[key] = result = asyncio.get_running_loop().create_future()
        self._known = [*self._known, key][-KNOWN:]
        try:
            self._tell(
                ClientToolCall(**self._where(), id=key, tool=use.tool, arguments=use.arguments, within_s=tool.within)
            )
            return _outcome(await result, tool)
        finally:
            del self._waiting[key]

    def answered(self, result: ToolResult) -> None:
        """The program has answered. Raises `TransportError` where it was not asked."""
        waiting = self._waiting.get(result.id)
        if waiting is not None and not waiting.done():
            waiting.set_result(result)
        elif result.id not in self._known:
            raise TransportError("bad_message", "tool_result: id: no tool_call has this id")

    def close(self) -> None:
        """The caller's program is gone: nothing more comes of what it was asked."""
        self._over = True
        for key, waiting in self._waiting.items():
            if not waiting.done():
                waiting.set_result(ToolResult(key, "unknown", why="the caller's program is gone"))


def _outcome(result: ToolResult, tool: Tool) -> Outcome:
    """What of a program's answer counts: the same door as for every other tool."""
    why = result.why[:200]
    if result.state == "failed":
        return Outcome("failed", why=tool.fails.get(result.why, why))
    if result.state == "unknown":
        return broken_off(tool, why)
    if not tool.gives and (text := outside_text(result.text).strip()):
        return Outcome("ok", {"text": text})
    return declared_values(dict(result.gives), tool)
