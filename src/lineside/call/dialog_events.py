"""What is told of a caller's business: tools, slots, tasks. Secrets are masked here, before anybody hears of them."""

from collections.abc import Callable

from lineside.agents.agent import Agent
from lineside.agents.declared import Tool
from lineside.agents.tasks.state import TaskState
from lineside.agents.tools.outcome import Outcome, Use
from lineside.call.reply_events import Where
from lineside.protocol import ServerMessage, Unanswered
from lineside.task_events import SlotFilled, TaskMoved, ToolCalled, ToolState

MASK = "•••"


class DialogEvents:
    """Tells the observers of a call. Knows the numbers of the turn and the reply that things happen in."""

    def __init__(self, tell: Callable[[ServerMessage], None], at: Callable[[], float]) -> None:
        """`at`: seconds of caller audio now."""
        self._tell, self._at = tell, at
        self._calls = 0
        self._by_key: dict[str, tuple[int, Use, Tool]] = {}
        self._secret: frozenset[str] = frozenset()
        self.turn = self.reply = 0  # of the reply that was allowed last
        self._asked_back = (0, 0)  # the turn and the reply of the question that was asked back last

    def moved(self, before: TaskState, after: TaskState, agent: Agent) -> None:
        """The state of the business has changed."""
        self._secret = frozenset(name for name, slot in agent.slots.items() if slot.secret)
        self._meant(before, after)
        if before.task != after.task:
            if before.task and all(name != before.task for name, _ in after.suspended):
                self._tell(TaskMoved(**self.where(), task=before.task, state="over"))
            if after.task:
                resumed = any(name == after.task for name, _ in before.suspended)
                self._tell(TaskMoved(**self.where(), task=after.task, state="resumed" if resumed else "begun"))
        for name, given in after.slots.items():
            if before.slots.get(name) != given and given.by != "skipped":
                value = MASK if name in self._secret else given.value
                event = SlotFilled(**self.where(), slot=name, value=value, sure=given.sure, by=given.by)
                self._tell(event)

    def _meant(self, before: TaskState, after: TaskState) -> None:
        """A question that was asked back has no answer unless the caller said yes. It is told in its own turn."""
        was, is_now = (state.asked is not None and state.asked.kind == "meant" for state in (before, after))
        if is_now and not was:
            self._asked_back = (self.turn, self.reply)
        elif was and not is_now and after.understood == before.understood:
            turn, reply = self._asked_back
            self._tell(Unanswered(at=self._at(), turn=turn, reply=reply, why="not_known"))

    def over(self, state: TaskState) -> None:
        """The call ends with the business so far."""
        self._meant(state, TaskState(understood=state.understood))

    def began(self, use: Use, tool: Tool, key: str) -> int:
        """A tool runs from here on. Answers its number in the call."""
        self._calls += 1
        self._by_key[key] = (self._calls, use, tool)
        self._call(self._calls, use, tool, "running", key=key)
        return self._calls

    def ended(self, number: int, use: Use, tool: Tool, outcome: Outcome, ms: float) -> None:
        """This came of it."""
        self._call(number, use, tool, outcome.kind, why=outcome.why, gives=outcome.gives, ms=round(ms, 1))

    def refused(self, use: Use, tool: Tool, why: str) -> None:
        """The ledger did not let it run."""
        self._calls += 1
        self._call(self._calls, use, tool, "refused", why=why)

    def outcome_heard(self, key: str) -> None:
        """The caller has heard what came of it."""
        number, use, tool = self._by_key[key]
        self._call(number, use, tool, "told")

    def _call(
        self,
        number: int,
        use: Use,
        tool: Tool,
        state: ToolState,
        *,
        why: str = "",
        key: str = "",
        gives: dict[str, str] | None = None,
        ms: float | None = None,
    ) -> None:
        self._tell(
            ToolCalled(
                **self.where(),
                number=number,
                tool=use.tool,
                effect="writes" if tool.writes else "reads",
                state=state,
                arguments={name: MASK if name in self._secret else value for name, value in use.arguments.items()},
                gives=gives or {},
                why=why,
                key=key,
                ms=ms,
            )
        )

    def where(self) -> Where:
        """In which turn and reply things happen now."""
        return Where(at=self._at(), turn=self.turn, reply=self.reply)
