"""The tool ledger of one call: what may run now, what has run, what the caller is still to be told. Pure.

It decides for itself, whoever proposes a call, a rule or a model. A write runs once, in a turn that is committed, after
a yes to a read-back of these very arguments that the caller has heard, and its outcome is owed until they have heard
that too.
"""

from uuid import NAMESPACE_URL, uuid5

from msgspec import Struct

from lineside.agents.declared import Limits, Tool
from lineside.agents.templates import reached
from lineside.agents.tools.outcome import Outcome, Use

CONFIRMATION_SECONDS = 60.0  # a yes that comes later belongs to nothing


class ReadBack(Struct, frozen=True):
    """A use was read to the caller, who was asked whether it is to be done."""

    fingerprint: str
    must_hear: str  # the words that hold all values
    at: float  # seconds, when it was asked


class RunTool(Struct, frozen=True):
    """Call it now, under this key."""

    key: str


class Again(Struct, frozen=True):
    """The same thing has been done already: this came of it."""

    outcome: Outcome


class UnderWay(Struct, frozen=True):
    """The same thing, or another write, runs now."""


class Wait(Struct, frozen=True):
    """Not before the caller's turn is over."""


class Refuse(Struct, frozen=True):
    """Not at all, and why."""

    why: str


Verdict = RunTool | Again | UnderWay | Wait | Refuse


class Owed(Struct, frozen=True):
    """What the caller is still to hear."""

    key: str
    text: str
    heard: str = ""  # what they have heard since it is owed


class ToolLedger:
    """What the tools of one call have done."""

    def __init__(self, call: str, limits: Limits) -> None:
        """`call`: its id, which makes the keys of its writes its own."""
        self._call, self._limits = call, limits
        self._uses: dict[str, Use] = {}  # key → use
        self._outcomes: dict[str, Outcome] = {}
        self._writes: set[str] = set()  # keys of writes
        self._yes: set[tuple[str, float]] = set()  # read-backs whose yes has been spent
        self._owed: list[Owed] = []

    @property
    def writing(self) -> bool:
        """Whether a write is under way."""
        return bool(self._writes - self._outcomes.keys())

    def ask(
        self, use: Use, tool: Tool, *, committed: bool, read_back: ReadBack | None, heard: str, yes: bool, now: float
    ) -> Verdict:
        """May this run now?

        Args:
            use: the tool and its arguments.
            tool: its declaration.
            committed: the caller's turn is over.
            read_back: the last one, if the caller has said nothing else since.
            heard: what the caller heard since it began.
            yes: what the caller said in this turn is a clear yes.
            now: seconds, on the clock of `read_back.at`.
        """
        if not tool.writes:
            return self._reading(use, tool)
        if self.writing:
            return UnderWay()
        if not committed:
            return Wait()
        if tool.confirm or read_back is not None:  # what a model proposes is read back always
            if read_back is None or read_back.fingerprint != use.fingerprint:
                return Refuse("not confirmed")
            if (read_back.fingerprint, read_back.at) in self._yes:
                return Again(self._last(use))
            if not yes or now - read_back.at > CONFIRMATION_SECONDS or not reached(read_back.must_hear, heard):
                return Refuse("not confirmed")
        if self._too_many(use.tool, tool):
            return Refuse("too many calls")
        if read_back is not None:
            self._yes.add((read_back.fingerprint, read_back.at))
        return RunTool(self._key(use))

    def began(self, key: str, use: Use, *, writes: bool) -> None:
        """It runs from here on."""
        self._uses[key] = use
        if writes:
            self._writes.add(key)

    def ended(self, key: str, outcome: Outcome) -> None:
        """This came of it; the first outcome counts."""
        self._outcomes.setdefault(key, outcome)

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """All that came of calls so far, in order."""
        return tuple(self._outcomes.values())

    def owe(self, key: str, text: str) -> None:
        """The caller is to be told this."""
        self._owed.append(Owed(key, text))

    @property
    def owed(self) -> str:
        """What the caller is still to hear, in order; empty: nothing."""
        return " ".join(each.text for each in self._owed)

    @property
    def owed_keys(self) -> tuple[str, ...]:
        """Of what they are still to hear."""
        return tuple(each.key for each in self._owed)

    def caller_heard(self, words: str) -> tuple[str, ...]:
        """The caller has heard these words of a reply; answer the keys of what they have been told with that."""
        self._owed = [Owed(each.key, each.text, f"{each.heard} {words}") for each in self._owed]
        heard_keys = tuple(each.key for each in self._owed if reached(each.text, each.heard))
        self._owed = [each for each in self._owed if each.key not in heard_keys]
        return heard_keys

    def succeeded(self, tool: str) -> bool:
        """Whether a call of this tool was a success: what it `claims` may be said."""
        return any(self._uses[key].tool == tool and out.kind == "ok" for key, out in self._outcomes.items())

    def _reading(self, use: Use, tool: Tool) -> Verdict:
        if self._too_many(use.tool, tool):
            return Refuse("too many calls")
        return RunTool(self._key(use))

    def _too_many(self, name: str, tool: Tool) -> bool:
        of_tool = sum(use.tool == name for use in self._uses.values())
        return len(self._uses) >= self._limits.tools_a_call or of_tool >= tool.most

    def _key(self, use: Use) -> str:
        """The same for the same thing asked for the n-th time."""
        times = sum(earlier.fingerprint == use.fingerprint for earlier in self._uses.values())
        return str(uuid5(NAMESPACE_URL, f"lineside:{self._call}:{use.fingerprint}:{times}"))

    def _last(self, use: Use) -> Outcome:
        found = [key for key, earlier in self._uses.items() if earlier.fingerprint == use.fingerprint]
        return self._outcomes.get(found[-1], Outcome("unknown")) if found else Outcome("unknown")
