"""What stands behind a call of every level: the stand-in of the back end, and nothing that could reach a real one."""

from collections.abc import Sequence

from lineside.agents.tasks.state import TaskState
from lineside.call.call_tools import CallTools
from lineside.protocol import EndReason, ServerMessage
from lineside.records.entries import Entry, ReplyKept
from lineside.rehearse.checks import WhatCame
from lineside.rehearse.scenario import RehearsalDesk, Scenario
from lineside.rehearse.stand_in import BackEndStandIn


async def _kept() -> bool:
    return True  # a rehearsal keeps no records, and touches nothing that would need one


class Backstage:
    """What stands behind one call of one scenario: its back end, and how far the caller's business has come."""

    def __init__(self, desk: RehearsalDesk, scenario: Scenario) -> None:
        self._desk = desk
        self.back_end = BackEndStandIn(desk.state, {**desk.tools, **scenario.tools})
        self.state = TaskState()
        self.entries: list[Entry] = []

    def tools(self, call: str) -> CallTools:
        """The tools of the call: the stand-in's, whatever the agent declares."""
        return CallTools(self.back_end, call, _kept, moved=self._moved, today=lambda: self._desk.today)

    def _moved(self, state: TaskState) -> None:
        self.state = state

    def came(
        self, events: Sequence[ServerMessage], reason: EndReason, *, lines: int, longest_silence: float
    ) -> WhatCame:
        """What came of the call."""
        return WhatCame(
            events,
            self.conversation(),
            self.back_end.used,
            self._desk.state,
            self.back_end.state,
            reason,
            lines,
            longest_silence,
        )

    def conversation(self) -> tuple[tuple[str, str], ...]:
        """What the agent heard, and the words of its own that reached the caller."""
        replies = {entry.reply: entry for entry in self.entries if isinstance(entry, ReplyKept)}  # the last on each
        said = [(("user", reply.heard), ("assistant", reply.reached)) for _, reply in sorted(replies.items())]
        return tuple(part for both in said for part in both if part[1])
