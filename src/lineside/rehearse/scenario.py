"""Scenarios as they lie on the disk: a desk with its back end, callers, and what should come of each call."""

from codecs import BOM_UTF8
from datetime import date
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct, field

from lineside.agents.agent import Agent, load_agent
from lineside.errors import UNREADABLE, ConfigError
from lineside.protocol import EndReason

Row = dict[str, Any]
State = dict[str, dict[str, Row]]  # table → key → row


class Effect(Struct, frozen=True, forbid_unknown_fields=True):
    """What a tool does to the stand-in's state. Exactly one of `reads`, `adds` and `sets` names a table."""

    by: str  # the argument that is a row's key
    reads: str = ""
    adds: str = ""
    sets: str = ""
    needs: str = ""  # a table that must have the key
    otherwise: str = "not_found"  # the failure where the key is not there
    fields: tuple[str, ...] = ()  # of the arguments: what is set
    gives: dict[str, str] = {}  # what it answers besides the row
    takes: float = 0.2  # seconds
    refuses: dict[str, str] = {}  # value of any argument → failure


class Tools(Struct, frozen=True):
    """A tool was used with these arguments, so many times."""

    tool: str
    given: dict[str, str] = field(default={}, name="with")
    times: int = 1


class SpokenOver(Struct, frozen=True, forbid_unknown_fields=True):
    """Something that a caller says out of turn: so many seconds into the agent's reply."""

    say: str
    after: float


class Expect(Struct, frozen=True, forbid_unknown_fields=True):
    """What should come of a call. Tables that `state` does not name must be as they were."""

    tools: tuple[Tools, ...] = ()
    no_tools: tuple[str, ...] = ()
    slots: dict[str, str] = {}
    heard: tuple[str, ...] = ()  # patterns of what the caller heard
    never_said: tuple[str, ...] = ()
    state: State = {}
    turns_most: int = 30
    silence_most: float = 2.0  # seconds
    ends: EndReason | None = None


class Scenario(Struct, frozen=True, forbid_unknown_fields=True):
    """One caller."""

    name: str
    tags: tuple[str, ...] = ()
    caller: tuple[str | SpokenOver, ...] = ()  # said one after the other, each when the reply to the last was heard
    opens: str = ""  # of a caller who is ruled by what they know: their first words
    knows: dict[str, str] = {}  # slot → what they say when asked for it
    answers: dict[Literal["check", "write", "change", "person", "more", "meant"], str] = {}  # to other questions
    tools: dict[str, Effect] = {}  # in place of the desk's
    expect: Expect = Expect()


class DeskFile(Struct, frozen=True, forbid_unknown_fields=True):
    """A file of scenarios."""

    agent: str  # an agent's file, beside this one
    today: str = "2026-12-01"
    state: State = {}
    tools: dict[str, Effect] = {}
    scenario: tuple[Scenario, ...] = ()


class RehearsalDesk(Struct, frozen=True):
    """An agent, the stand-in of its back end, and the callers who try it."""

    agent: Agent
    today: date
    state: State
    tools: dict[str, Effect]
    scenarios: tuple[Scenario, ...]


def load_desk(path: Path) -> RehearsalDesk:
    """Read a file of scenarios, or the files of a folder. Raises `ConfigError` naming the file and what is wrong."""
    files = sorted(path.glob("*.toml")) if path.is_dir() else [path]
    found: list[tuple[Path, DeskFile]] = []
    for file in files:
        raw = _read(file)
        if "scenario" not in raw:
            continue  # an agent's file
        try:
            found.append((file, msgspec.convert(raw, DeskFile)))
        except msgspec.ValidationError as wrong:
            raise ConfigError(f"{file}: {wrong}") from None
    if not found:
        raise ConfigError(f"{path}: no file with a [[scenario]] is there")
    first, desk = found[0]
    if any(other.agent != desk.agent for _, other in found):
        raise ConfigError(f"{path}: all files of a folder must name the same agent")
    scenarios = tuple(each for _, other in found for each in other.scenario)
    agent = load_agent(first.parent / desk.agent)
    for scenario in scenarios:
        if unknown := undeclared(agent, scenario):
            raise ConfigError(f"{first}: {scenario.name}: the agent has no {', '.join(sorted(unknown))}")
        if bool(scenario.caller) == bool(scenario.opens):
            raise ConfigError(f"{first}: {scenario.name}: give either caller or opens")
    return RehearsalDesk(agent, date.fromisoformat(desk.today), desk.state, desk.tools, scenarios)


def undeclared(agent: Agent, scenario: Scenario) -> set[str]:
    """Tools and slots that a scenario names and the agent does not have."""
    unknown = {*scenario.tools, *(each.tool for each in scenario.expect.tools)} - agent.tools.keys()
    return unknown | (scenario.knows.keys() - agent.slots.keys())


def _read(file: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = msgspec.toml.decode(file.read_bytes().removeprefix(BOM_UTF8))
    except (OSError, *UNREADABLE) as wrong:
        raise ConfigError(f"{file}: {wrong}") from None
    return found
