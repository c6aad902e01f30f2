"""The caller's business as it is kept: tool calls, slots, tasks. Entries, answers, events made into entries. Pure."""

from collections.abc import Callable
from typing import Annotated, Literal

from msgspec import Meta, Struct
from msgspec.structs import replace

from lineside.protocol import ServerMessage
from lineside.task_events import SlotFilled, TaskMoved, ToolCalled

ToolCallState = Annotated[
    Literal["running", "ok", "refused", "failed", "timeout", "unknown"],
    Meta(description="running: it has begun, and is kept before it runs; unknown: it may have worked, nobody can tell"),
]


class ToolCallKept(Struct, frozen=True, tag="tool", kw_only=True):
    """A tool call as far as it is known; a later entry of the same number replaces this one."""

    call: str
    number: int
    at: float
    turn: int
    reply: int
    tool: str
    effect: Literal["reads", "writes"]
    state: ToolCallState
    arguments: dict[str, str]
    gives: dict[str, str]
    why: str
    key: str
    ms: float | None
    heard: bool


class SlotKept(Struct, frozen=True, tag="slot", kw_only=True):
    """A slot's value; a later entry of the same slot replaces this one."""

    call: str
    slot: str
    at: float
    turn: int
    value: str
    sure: bool
    filled_by: str


class TaskKept(Struct, frozen=True, tag="task", kw_only=True):
    """A task began, went on, or was over."""

    call: str
    number: int
    at: float
    turn: int
    task: str
    state: str


BusinessEntry = ToolCallKept | SlotKept | TaskKept


class KeptToolCall(Struct, frozen=True, kw_only=True):
    """A tool call, and what came of it."""

    number: int
    at: float
    turn: int
    reply: int
    tool: str
    effect: str
    state: ToolCallState
    arguments: Annotated[dict[str, str], Meta(description="secrets are masked")]
    gives: Annotated[dict[str, str], Meta(description="what of its answer was used")]
    why: Annotated[str, Meta(description="why it was refused or failed")]
    key: Annotated[str, Meta(description="its `Idempotency-Key`")]
    ms: float | None
    heard: Annotated[bool, Meta(description="of a tool that writes: the caller has heard what came of it")]


class KeptSlot(Struct, frozen=True, kw_only=True):
    """A slot and its last value."""

    slot: str
    at: float
    turn: int
    value: Annotated[str, Meta(description="secrets are masked")]
    sure: bool
    filled_by: Annotated[str, Meta(description="speech or keys")]


class KeptTask(Struct, frozen=True, kw_only=True):
    """A task began, went on, or was over."""

    at: float
    turn: int
    task: str
    state: str


class BusinessLog:
    """Turns events about the caller's business into entries."""

    def __init__(self, call: str, keep: Callable[[BusinessEntry], None]) -> None:
        self._call, self._keep = call, keep
        self._tools: dict[int, ToolCallKept] = {}  # as many as an agent's limit of tool calls
        self._moves = 0

    def on_event(self, event: ServerMessage) -> None:
        """Keep what this tells; events about something else are passed over."""
        match event:
            case ToolCalled():
                self._keep(self._tool(event))
            case SlotFilled():
                self._keep(
                    SlotKept(
                        call=self._call,
                        slot=event.slot,
                        at=event.at,
                        turn=event.turn,
                        value=event.value,
                        sure=event.sure,
                        filled_by=event.by,
                    )
                )
            case TaskMoved():
                self._moves += 1
                entry = TaskKept(
                    call=self._call,
                    number=self._moves,
                    at=event.at,
                    turn=event.turn,
                    task=event.task,
                    state=event.state,
                )
                self._keep(entry)

    def _tool(self, event: ToolCalled) -> ToolCallKept:
        known = self._tools.get(event.number)
        if known is None:
            known = ToolCallKept(
                call=self._call,
                number=event.number,
                at=event.at,
                turn=event.turn,
                reply=event.reply,
                tool=event.tool,
                effect=event.effect,
                state="running" if event.state == "told" else event.state,
                arguments=event.arguments,
                gives=event.gives,
                why=event.why,
                key=event.key,
                ms=event.ms,
                heard=False,
            )
        elif event.state == "told":
            known = replace(known, heard=True)
        else:
            known = replace(known, state=event.state, gives=event.gives, why=event.why, ms=event.ms)
        self._tools[event.number] = known
        return known
