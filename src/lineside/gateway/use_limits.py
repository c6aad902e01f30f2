"""How often callers may call and tools may be used, over all calls: by what is kept of them."""

import time

import structlog

from lineside.agents.agent import Agent
from lineside.agents.declared import Tool
from lineside.records.archive import Archive
from lineside.records.database import Unavailable
from lineside.records.use_counts import calls_by, tool_uses
from lineside.transports.call_facts import CallFacts

log = structlog.get_logger()


class UseLimits:
    """The limits of one call. Where nobody can count, a tool that has a limit is not used, and a call is answered."""

    def __init__(self, records: Archive | None, facts: CallFacts) -> None:
        """`facts`: as they are kept, so that a masked number counts for its last digits."""
        self._records, self._facts = records, facts

    async def tool_over(self, name: str, tool: Tool) -> bool:
        """Whether a tool has been used as often as it may be; the use that is asked for is among what is kept."""
        most = (tool.most_an_hour, tool.most_a_day, tool.most_a_day_by_caller)
        if all(limit is None for limit in most):
            return False
        if self._records is None:
            return True
        try:
            counts = await self._records.ask(lambda db: tool_uses(db, name, self._facts.caller, time.time()))
        except Unavailable:
            log.warning("a tool with a limit is not used: the records cannot be asked", tool=name)
            return True
        used = (counts.hour, counts.day, counts.day_by_caller)
        return any(limit is not None and count > limit for limit, count in zip(most, used, strict=True))

    async def refusal(self, agent: Agent) -> str:
        """What a caller hears who has called too often; empty: they have not, or nobody knows who they are."""
        limits, facts = agent.limits, self._facts
        most = (limits.calls_by_caller_an_hour, limits.calls_by_caller_a_day)
        known = self._records is not None and facts.caller and facts.direction == "inbound"
        if not known or self._records is None or all(limit is None for limit in most):
            return ""
        try:
            counts = await self._records.ask(lambda db: calls_by(db, facts.caller, time.time()))
        except Unavailable:
            return ""
        over = any(limit is not None and n > limit for limit, n in zip(most, (counts.hour, counts.day), strict=True))
        return limits.too_often if over else ""
