"""What a caller says next: by their script, or by what they know when they are asked for it. Pure.

A caller who speaks may be misunderstood. What they would have been asked, had they been understood, is known from the
same scenario at text level (`CallerStep`); where the agent is somewhere else, they do what people do: say it again, say
no to a value that is wrong, and say which.
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from lineside.agents.agent import Agent
from lineside.agents.tasks.state import Question, TaskState
from lineside.agents.templates import shown
from lineside.rehearse.scenario import Scenario, SpokenOver

LONGEST = 25  # lines of a caller who is ruled by what they know; then they give up
REPAIRS_IN_A_ROW = 4  # lines said because something was misunderstood; then the caller goes on with their script
UNKNOWN = "I don't know."
USUAL = {
    "check": "Yes, that's right.",
    "write": "Yes, please.",
    "change": "Nothing, thank you.",
    "person": "No, thank you.",
    "more": "No, that's all, thank you.",
    "meant": "No.",
}

Line = str | SpokenOver


class CallerStep(Struct, frozen=True):
    """One line of a call in which everything was understood."""

    asked: Question | None  # what the agent had asked
    said: Line
    slots: dict[str, str]  # what the agent knew when it had answered


class RuledCaller:
    """One caller, line by line."""

    def __init__(self, scenario: Scenario, agent: Agent, understood: Sequence[CallerStep] = ()) -> None:
        """`understood`: the same call as it goes when all is understood; empty: this is that call."""
        self._scenario, self._agent, self._understood = scenario, agent, understood
        self._script = list(scenario.caller)  # all of it: a call that the agent ends has no step for the last line
        self._next = 0
        self._repaired = 0
        self._last: Line = ""
        self.lines = self.repairs = 0

    def next(self, state: TaskState) -> Line | None:
        """The next line; None: the caller has nothing more to say and hangs up."""
        if self._understood and self._repaired < REPAIRS_IN_A_ROW:
            self._skip(state)
            if (repair := self._repair(state)) is not None:
                self._repaired += 1
                self.repairs += 1
                return repair
        self._repaired = 0
        self._last = line = self._written(state) or ""
        if not line:
            return None
        self.lines += 1
        self._next += 1
        return line

    def misunderstood(self, slots: Mapping[str, str]) -> dict[str, str]:
        """Values that are not those that were meant, by slot."""
        meant = self._meant()
        return {name: value for name, value in slots.items() if name in meant and meant[name] != value}

    # ── by the script, or by what is known ─────────────────────────────────────────────────────────────────────────

    def _written(self, state: TaskState) -> Line | None:
        if self._scenario.caller:
            return self._script[self._next] if self._next < len(self._script) else None
        if not self.lines:
            return self._scenario.opens
        if state.asked is None or self.lines > LONGEST:
            return None
        return self._answer(state.asked)

    def _answer(self, asked: Question) -> str:
        if asked.kind == "slot" or self._asks_once_more(asked):
            return self._scenario.knows.get(asked.slot, UNKNOWN)
        return self._scenario.answers.get(asked.kind, USUAL[asked.kind])

    # ── where the agent has understood something else ──────────────────────────────────────────────────────────────

    def _skip(self, state: TaskState) -> None:
        """Leave out lines that answer questions which the agent need not ask any more."""
        if not self._scenario.caller or not self._next or _same(self._expected, state.asked):
            return
        for later in range(self._next + 1, len(self._understood)):
            left_out = self._understood[self._next : later]
            answered = all(
                step.asked is not None and step.asked.kind == "slot" and step.asked.slot in state.slots
                for step in left_out
            )
            if answered and _same(self._understood[later].asked, state.asked):
                self._next = later
                return

    @property
    def _expected(self) -> Question | None:
        return self._understood[self._next].asked if self._next < len(self._understood) else None

    def _repair(self, state: TaskState) -> Line | None:
        """What to say where the agent is not where it should be; None: it is, or nothing helps."""
        if not self.lines:
            return None
        asked = state.asked
        if asked is None:
            lost = self._expected is not None and self._next < len(self._understood)
            return self._last if lost and not self._repaired else None
        wrong = self.misunderstood(_asked_about(state, asked))
        match asked.kind:
            case "check" if self._asks_once_more(asked) and not _same(self._expected, asked):
                return self._said_for(asked.slot)
            case "check" if wrong:
                return f"No, it's {self._meant_again(next(iter(wrong)))}."
            case "write" if wrong:
                return f"No, {self._correction(wrong)}"
            case "check" if not _same(self._expected, asked):
                return USUAL["check"]
            case "change" if wrong := self.misunderstood({name: given.value for name, given in state.slots.items()}):
                return f"It's wrong, {self._correction(wrong)}"
            case "slot" if self._scenario.caller and not _same(self._expected, asked):
                return self._said_for(asked.slot)
        return None

    def _asks_once_more(self, asked: Question) -> bool:
        """Whether a yes or a no is checked: its own question is asked again."""
        return asked.kind == "check" and self._agent.slots[asked.slot].kind == "yes_no"

    def _said_for(self, slot: str) -> Line | None:
        """What was said for that slot, or how its value is said."""
        for step in reversed(self._understood[: self._next]):
            if step.asked is not None and step.asked.kind == "slot" and step.asked.slot == slot:
                return step.said.say if isinstance(step.said, SpokenOver) else step.said
        value = self._meant().get(slot)
        return None if value is None else shown(self._agent.slots[slot].kind, value)

    def _correction(self, wrong: Mapping[str, str]) -> str:
        """ "the order number is 1 2 3, 4 5"."""
        name = next(iter(wrong))
        return f"the {name.replace('_', ' ')} is {self._meant_again(name)}."

    def _meant_again(self, name: str) -> str:
        return _again(self._agent.slots[name].kind, self._meant()[name])

    def _meant(self) -> dict[str, str]:
        """What the values should be by now."""
        if not self._scenario.caller:
            return {name: value for step in self._understood for name, value in step.slots.items()}
        return self._understood[self._next - 1].slots if 0 < self._next <= len(self._understood) else {}


def _asked_about(state: TaskState, asked: Question) -> dict[str, str]:
    """The values that a question reads back."""
    if asked.use is not None:
        return asked.use.arguments
    return {asked.slot: state.slots[asked.slot].value} if asked.slot in state.slots else {}


def _again(kind: str, value: str) -> str:
    """A value that was misunderstood: an address is spelled."""
    local, at, domain = value.partition("@")
    if kind != "email" or not at:
        return shown(kind, value)
    signs = {".": "dot", "_": "underscore", "-": "dash", "+": "plus"}
    return f"{', '.join(signs.get(sign, sign.upper()) for sign in local)}, at {domain.replace('.', ' dot ')}"


def _same(one: Question | None, other: Question | None) -> bool:
    if one is None or other is None:
        return one is other
    return (one.kind, one.slot) == (other.kind, other.slot)
