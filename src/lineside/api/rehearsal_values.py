"""What a rehearsal from the page is told, and what it tells."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from lineside.agents.agent import Agent

Title = Annotated[str, Meta(min_length=1, max_length=200)]
MOST_RUNS = 8


class ScenarioName(Struct, frozen=True):
    """A caller that can be rehearsed."""

    name: Title
    tags: tuple[str, ...] = ()


class StartRehearsal(Struct, frozen=True, forbid_unknown_fields=True):
    """What shall be rehearsed."""

    agent: Annotated[Agent | None, Meta(description="who is tried; null: the agent that answers now")] = None
    only: Annotated[tuple[Title, ...], Meta(max_length=500, description="names of scenarios; none: all")] = ()
    runs: Annotated[
        int, Meta(ge=1, le=MOST_RUNS, description="calls of each scenario, each in slightly other words")
    ] = 1


class RehearsalOrder(Struct, frozen=True):
    """What the process that rehearses is told."""

    agent: Agent
    only: tuple[str, ...]
    runs: int


class RehearsalFault(Struct, frozen=True):
    """Something that should have come of a call, and did not."""

    kind: str
    what: str


class RehearsedLine(Struct, frozen=True):
    """Something that was said in a rehearsed call."""

    who: Literal["caller", "agent"]
    text: str


class RehearsedScenario(Struct, frozen=True):
    """A scenario and what came of its calls."""

    name: str
    passed: int
    runs: int
    faults: Annotated[tuple[RehearsalFault, ...], Meta(description="of the first call that went wrong")] = ()
    conversation: Annotated[
        tuple[RehearsedLine, ...], Meta(description="of the first call that went wrong, or of the first")
    ] = ()
    seconds: Annotated[float, Meta(description="of that call")] = 0.0


class RehearsalStatus(Struct, frozen=True):
    """The rehearsal under way or the last one, and what can be rehearsed."""

    state: Literal["idle", "running", "done", "cancelled", "failed"]
    why: Annotated[str, Meta(description="why it failed, or why nothing can be rehearsed; else empty")] = ""
    file: Annotated[str, Meta(description="the file of scenarios beside AGENT_FILE")] = ""
    scenarios: tuple[ScenarioName, ...] = ()
    total: Annotated[int, Meta(description="scenarios that are rehearsed")] = 0
    runs: int = 1
    began: Annotated[float, Meta(description="seconds since 1970; 0: none was held")] = 0.0
    agent: Annotated[str, Meta(description="the version that is tried")] = ""
    saved: Annotated[bool, Meta(description="false: a draft is tried")] = True
    results: Annotated[tuple[RehearsedScenario, ...], Meta(description="of the scenarios so far")] = ()
