"""Tools that the caller's own program offers and answers: what it says of them, its messages. Part of `protocol`."""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from lineside.event_base import InTurn

SlotKind = Literal[
    "yes_no", "digits", "spelled", "email", "phone", "date", "time", "choice", "amount", "number", "name", "text"
]
ValueKind = Literal["text", "digits", "spelled", "date", "time", "amount", "number"]
Effect = Literal["reads", "writes"]
AnswerState = Literal["ok", "failed", "unknown"]
ArgumentSource = Literal["caller", "model"]

ToolName = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Sentence = Annotated[str, Meta(max_length=1000)]
Pattern = Annotated[str, Meta(max_length=200)]
FreeText = Annotated[str, Meta(max_length=4000)]
Reason = Annotated[str, Meta(max_length=200)]
GivenValues = Annotated[dict[Annotated[str, Meta(max_length=40)], str | float | bool | None], Meta(max_length=50)]
Sentences = Annotated[tuple[Sentence, ...], Meta(max_length=10)]
Patterns = Annotated[tuple[Pattern, ...], Meta(max_length=20)]
ResultKinds = Annotated[dict[ToolName, ValueKind], Meta(max_length=20)]
Seconds = Annotated[float, Meta(gt=0, le=30)]
Count = Annotated[int, Meta(ge=1, le=100)]


class ClientToolArgument(Struct, frozen=True, forbid_unknown_fields=True):
    """An argument of a tool that a program offers."""

    about: Sentence = ""
    kind: SlotKind = "text"  # another kind is understood as a slot of the agent's file is: "next Tuesday" is a date
    asks: Sentence = ""  # the question when nobody has said it; empty: one is made of the name
    options: dict[str, tuple[str, ...]] = {}  # of a choice: option → other words for it
    length: Count | None = None  # of digits and spelled codes
    source: ArgumentSource = field(default="caller", name="from")  # model: its own words, such as a summary


Arguments = Annotated[dict[ToolName, ClientToolArgument], Meta(max_length=20)]


class ClientTool(Struct, frozen=True, forbid_unknown_fields=True):
    """A tool that the caller's program runs. Without `about`: the agent's file declares it, with `client = true`."""

    name: ToolName
    about: Sentence = ""  # what it does, for the language model
    effect: Effect = "writes"
    takes: Arguments = {}
    gives: ResultKinds = {}  # what of the result is used; everything else is dropped
    fails: dict[str, ToolName] = {}  # `why` of a result → the failure's name
    within: Seconds = 8.0  # seconds for the result
    says: Sentences = ()  # while it runs
    confirm: Sentence = ""  # the read-back of a tool that writes; empty: one is made of `about` and the values
    claims: Patterns = ()  # words that may be said only after its success
    most: Count = 3  # calls of it in one call


class ClientToolCall(InTurn, frozen=True, kw_only=True, tag="tool_call"):
    """A tool of the caller's program is to run now; it answers with `tool_result`. Told to that program alone."""

    id: str  # of this call of the tool; the same id is never to be done twice
    tool: str
    arguments: dict[str, str]
    within_s: float  # seconds for the result; after that it counts as unknown where the tool writes, else as failed


class ToolResult(Struct, frozen=True, tag="tool_result", forbid_unknown_fields=True):
    """What came of a `tool_call`. The first result counts; one that comes too late is passed over."""

    id: Annotated[str, Meta(max_length=64)]
    state: AnswerState = "ok"  # failed: nothing was changed; unknown: it may have been done
    gives: GivenValues = {}
    text: FreeText = ""  # of a tool without `gives`: what the language model is told came of it, and nobody else
    why: Reason = ""  # of `failed`: a name that the tool's `fails` knows, or words for operators


ClientToolList = Annotated[tuple[ClientTool, ...], Meta(max_length=50)]
