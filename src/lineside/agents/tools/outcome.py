"""A tool call, what came of it, and who runs it. Values and one protocol."""

import hashlib
from typing import Literal, Protocol

import msgspec
from msgspec import Struct

from lineside.agents.declared import Tool

OutcomeKind = Literal["ok", "refused", "failed", "timeout", "unknown"]


class Use(Struct, frozen=True):
    """A tool is to be called with these arguments."""

    tool: str
    arguments: dict[str, str]

    @property
    def fingerprint(self) -> str:
        """The same for the same tool and arguments: what a read-back and its yes belong to."""
        content = msgspec.json.encode([self.tool, sorted(self.arguments.items())])
        return hashlib.sha256(content).hexdigest()[:32]


class Outcome(Struct, frozen=True):
    """What came of a tool call.

    `refused`: it was never tried, or the other side declined, for the reason `why`. `failed`: it did not work and
    changed nothing. `timeout`: a reading tool took too long. `unknown`: a writing tool may have worked, and nobody can
    tell.
    """

    kind: OutcomeKind
    gives: dict[str, str] = {}
    why: str = ""  # the name of a failure, such as "not_found", or a sentence for operators
    ms: float = 0.0


def broken_off(tool: Tool, why: str) -> Outcome:
    """It broke off at some moment: what writes may have been done by then."""
    return Outcome("unknown" if tool.writes else "failed", why=why)


class RunsTools(Protocol):
    """Runs tools: over HTTP, in a process of the operator's own, or as a stand-in that touches nothing."""

    async def run(self, use: Use, tool: Tool, key: str) -> Outcome:
        """Call it once.

        Args:
            use: the tool and its arguments, all of which it takes.
            tool: its declaration.
            key: the same for every attempt at the same thing (`Idempotency-Key`).

        Returns:
            What came of it, within `tool.within` seconds. Raises nothing.
        """
        ...


class NoTools:
    """Runs nothing and says so: what a call has that must not touch anything outside."""

    async def run(self, use: Use, tool: Tool, key: str) -> Outcome:
        """See `RunsTools`."""
        return Outcome("refused", why="no tools here")


NOTHING_RUNS = NoTools()


class StandIn:
    """Answers from what is known beforehand, and remembers what it was asked. Touches nothing."""

    def __init__(self, answers: dict[str, Outcome] | None = None) -> None:
        """`answers`: tool, or fingerprint of a use → outcome; what is not among them is refused."""
        self._answers = answers or {}
        self.used: list[tuple[Use, str]] = []

    async def run(self, use: Use, tool: Tool, key: str) -> Outcome:
        """See `RunsTools`."""
        self.used.append((use, key))
        known = self._answers.get(use.fingerprint) or self._answers.get(use.tool)
        return known or Outcome("refused", why="this stand-in does not know the tool")
