"""What an agent's file declares besides its words: slots to fill, tools to call, tasks that bring the two together.

All of it is data. `agents.consistency` checks that the parts fit; nothing here runs anything.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from lineside.client_tools import ArgumentSource, Effect, SlotKind, ValueKind

TurnProfile = Literal["", "fast", "balanced", "patient", "digits"]

Words = Annotated[str, Meta(max_length=1000)]
Uses = Annotated[int, Meta(ge=1, le=1_000_000)] | None
LIMIT = "limit"  # why a use is refused that would be one too many; tasks can answer it as a failure of this name
EnvironmentName = Annotated[str, Meta(pattern=r"^[A-Z][A-Z0-9_]{0,99}$")]
Name = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


class Slot(Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that is asked of the caller."""

    kind: SlotKind  # what is said for it, and how it is written
    asks: Words  # the question
    again: tuple[Words, ...] = ()  # the question the second time, the third time …
    length: Annotated[int, Meta(ge=1, le=40)] | None = None  # of digits and spelled codes
    pattern: Annotated[str, Meta(max_length=200)] = ""  # a regular expression that the whole value must match
    options: dict[str, tuple[str, ...]] = {}  # of a choice: option → other words for it
    check: Literal["", "luhn", "mod97"] = ""  # the checksum of digits
    least: float | None = None  # of a number or an amount
    most: float | None = None  # the same
    confirm: Literal["never", "unsure", "always"] = "unsure"  # when the value is read back
    secret: bool = False  # by keys only: never shown to a model, logged or kept
    tries: Annotated[int, Meta(ge=1, le=9)] = 3  # questions that were heard and not answered
    otherwise: Literal["person", "skip", "end"] = "person"  # what happens after so many tries
    profile: TurnProfile = ""  # of end-of-turn detection while it is asked; empty: the call's own, digits for codes


class Takes(Struct, frozen=True, forbid_unknown_fields=True):
    """An argument of a tool. Its value is that of the slot of this name, or an earlier tool's result."""

    about: Words = ""  # needed where there is no slot of this name
    source: ArgumentSource = field(default="caller", name="from")  # model: its own words, such as a summary


class Tool(Struct, frozen=True, forbid_unknown_fields=True):
    """Something outside that an agent may use: over HTTP, in Python, of an MCP server, of the caller's program."""

    about: Words  # what it does, as a language model is told it
    http: Annotated[str, Meta(max_length=500)] = ""  # "GET https://erp.internal/orders/{order_number}"
    python: Annotated[str, Meta(max_length=200)] = ""  # in place of `http`: "tools/quotes.py:quote"
    mcp: str | tuple[Words, ...] = ""  # in place of both: an MCP server's address, or the command that starts it
    client: bool = False  # in place of all three: the caller's own program runs it
    remote: Annotated[str, Meta(max_length=200)] = ""  # what the MCP server calls the tool; empty: the same as here
    schema: Annotated[str, Meta(max_length=64)] = ""  # of that tool, as it was looked at; another one is refused
    effect: Effect | None = None  # None: GET reads, everything else writes
    headers: dict[str, Annotated[str, Meta(max_length=500)]] = {}  # ${NAME} is taken from the environment
    environment: Annotated[
        tuple[EnvironmentName, ...], Meta(max_length=20)
    ] = ()  # names that a Python tool or an MCP server's command may read
    private: bool = False  # the host may be in this network: loopback and private addresses
    takes: dict[Name, Takes] = {}  # its arguments; `{}` is the slot of that name
    gives: dict[Name, ValueKind] = {}  # what of the answer is used; everything else is dropped
    fails: dict[
        str, Name
    ] = {}  # HTTP status, kind of exception, "error" of MCP → the name of a failure that tasks can deal with
    within: Annotated[float, Meta(gt=0, le=30)] = 8.0  # seconds
    early: bool = True  # a reading tool may begin while the caller may still go on
    says: tuple[Words, ...] = ()  # while it runs
    confirm: Words = ""  # of a writing tool: the read-back, a question to be answered with yes
    claims: tuple[Annotated[str, Meta(max_length=200)], ...] = ()  # words that may be said only after its success
    most: Annotated[int, Meta(ge=1, le=100)] = 3  # calls of it in one call
    most_an_hour: Uses = None  # in all calls together; what is kept of them is counted
    most_a_day: Uses = None  # within 24 hours
    most_a_day_by_caller: Uses = None  # of one caller's calls, where their number is known

    @property
    def writes(self) -> bool:
        """Whether it changes something."""
        if self.effect is not None:
            return self.effect == "writes"
        return not self.http.upper().startswith("GET ")


class Condition(Struct, frozen=True, forbid_unknown_fields=True):
    """Something about one slot or result. Exactly one of `is`, `one_of` and `missing` is given."""

    of: Name  # a slot, or what a tool gave
    equals: str | None = field(default=None, name="is")  # its value is this
    one_of: tuple[str, ...] = ()  # its value is one of these
    missing: bool = False  # it has no value


class TaskStep(Struct, frozen=True, forbid_unknown_fields=True):
    """A part of a task: slots to fill, then a tool, then words."""

    needs: tuple[Name, ...] = ()  # slots, asked for in this order
    does: str = ""  # a tool
    says: Words = ""  # after the tool; {name} is a slot or what a tool gave
    when: Condition | None = field(default=None, name="if")  # else the step is passed over
    end: bool = False  # the task is over after it


class Failure(Struct, frozen=True, forbid_unknown_fields=True):
    """What follows when a task's tool fails in a way that has a name."""

    says: Words  # to the caller
    again: str = ""  # a slot that is asked for once more
    person: bool = False  # the caller is put through


class Task(Struct, frozen=True, forbid_unknown_fields=True):
    """A job for callers: what they say when they want it, what is needed for it, what does it."""

    when: Annotated[tuple[Words, ...], Meta(min_length=1, max_length=100)]  # what callers say who want it
    needs: tuple[Name, ...] = ()  # slots, asked for in this order
    does: str = ""  # a tool
    says: Words = ""  # after the tool; {name} is a slot or what a tool gave
    steps: Annotated[tuple[TaskStep, ...], Meta(max_length=20)] = ()  # instead of the three above
    fails: dict[str, Failure] = field(default={}, name="if")  # the failure's name → what follows
    then: Words = "Is there anything else I can do for you?"  # said at its end; empty: nothing is
    about: Words = ""  # what it is called, as in "Back to your visit."

    @property
    def all_steps(self) -> tuple[TaskStep, ...]:
        """Its steps; a form is one step."""
        return self.steps or (TaskStep(needs=self.needs, does=self.does, says=self.says),)


class Limits(Struct, frozen=True, forbid_unknown_fields=True):
    """How much one call may do, and how often one caller may call."""

    tools_a_call: Annotated[int, Meta(ge=1, le=100)] = 12  # tools that one call may run
    rounds_a_turn: Annotated[int, Meta(ge=1, le=20)] = 4  # times that a model is asked for one answer
    calls_by_caller_an_hour: Uses = None  # calls of one caller that are answered, where their number is known
    calls_by_caller_a_day: Uses = None  # within 24 hours
    too_often: Words = "You have called very often today. Please call again later. Goodbye."  # then the call is over
    never_say: tuple[Annotated[str, Meta(max_length=200)], ...] = ()  # patterns of what the model's words may not hold
