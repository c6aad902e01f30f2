"""Events about the caller's business: tools, slots, tasks. Part of `protocol`."""

from typing import Literal

from msgspec import field

from lineside.event_base import InTurn

ToolState = Literal["running", "ok", "refused", "failed", "timeout", "unknown", "told"]


class ToolCalled(InTurn, frozen=True, kw_only=True, tag="tool"):
    """A tool of the agent's: it runs, what came of it, and that the caller has heard so. Secrets are masked.

    `unknown`: it may have worked. `told`: the caller has heard what came of a tool that writes.
    """

    number: int  # of the tool call in this call; later events of the same call have the same number
    tool: str
    effect: Literal["reads", "writes"]
    state: ToolState
    arguments: dict[str, str] = field(default_factory=dict)
    gives: dict[str, str] = field(default_factory=dict)  # what of the answer is used
    why: str = ""  # of `refused` and `failed`
    key: str = ""  # what the tool got as `Idempotency-Key`
    ms: float | None = None  # how long it ran


class SlotFilled(InTurn, frozen=True, kw_only=True, tag="slot"):
    """A slot has a value now, or another one. Secret values are masked."""

    slot: str
    value: str
    sure: bool  # false: it is to be read back
    by: Literal["speech", "keys", "skipped"]


class TaskMoved(InTurn, frozen=True, kw_only=True, tag="task"):
    """A task begins, goes on after an interruption, or is over."""

    task: str
    state: Literal["begun", "resumed", "over"]
