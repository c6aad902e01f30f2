"""What came of a rehearsal: calls, and what fell short in them."""

from math import comb
from typing import Literal

from msgspec import Struct

from lineside.rehearse.scenario import Scenario

Level = Literal["text", "sound", "line"]
FailureKind = Literal[
    "no_tool", "twice", "forbidden_tool", "wrong_slot", "not_heard", "forbidden_words", "state", "silence", "loop",
    "end", "misheard", "no_answer", "hung_up", "too_long", "not_run",
]  # fmt: skip


class Shortfall(Struct, frozen=True):
    """Something that should have come of a call, and did not."""

    kind: FailureKind
    what: str


class HeldCall(Struct, frozen=True):
    """One call of one scenario."""

    failures: tuple[Shortfall, ...]
    conversation: tuple[tuple[str, str], ...]  # "user" or "assistant", and what was heard of them
    seconds: float  # of the call
    said: tuple[str, ...] = ()  # what the caller really said, where that was spoken
    voice: str = ""  # that the caller spoke with
    repairs: int = 0  # lines that the caller said besides, because they were not understood
    sound: bytes = b""  # Ogg of both sides, the caller left


class ScenarioResult(Struct, frozen=True):
    """A scenario and its runs."""

    scenario: Scenario
    runs: tuple[HeldCall, ...]

    @property
    def passed(self) -> int:
        """Runs without a failure."""
        return sum(not run.failures for run in self.runs)

    def pass_all(self, k: int) -> float:
        """The chance that k runs in a row pass, from these: C(passed, k) / C(runs, k)."""
        return comb(self.passed, k) / comb(len(self.runs), k) if len(self.runs) >= k else 0.0


def summary(results: list[ScenarioResult], level: Level) -> str:
    """One line: how many calls went as meant, pass^1, and pass^4 where there are runs enough."""
    passed, calls = sum(result.passed for result in results), sum(len(result.runs) for result in results)
    said = f"{passed} of {calls} calls went as meant (pass^1 {passed / max(1, calls):.0%}"
    if results and min(len(result.runs) for result in results) >= 4:
        said += f", pass^4 {sum(result.pass_all(4) for result in results) / len(results):.0%}"
    return f"{said}), {len(results)} scenarios, at {level} level"
