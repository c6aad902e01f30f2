"""A kept call as a scenario: its caller says the same again, its tools answer what they answered then. Pure.

What was done outside, and how the call ended, is what is expected of the agent from now on; the words it said are not.
"""

import json
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from lineside.agents.agent import Agent
from lineside.errors import LinesideError
from lineside.records.business_entries import KeptToolCall
from lineside.records.entries import WholeCall
from lineside.rehearse.scenario import Effect, Expect, RehearsalDesk, Row, Scenario, State, Tools

MASKED = "•••"  # a secret value, which nothing keeps
NEVER = 60.0  # seconds: longer than any tool may take
UNFINISHED = ("timeout", "unknown", "running")


def desk_of(whole: WholeCall, agent: Agent) -> RehearsalDesk:
    """The call as a desk with one scenario, tried on this agent.

    Raises:
        LinesideError: the caller said nothing, or pressed a secret; or the agent has not got a tool that was used.
    """
    said = {turn.turn: turn.heard for turn in whole.turns if turn.turn > 0 and turn.heard}
    if not said:
        raise LinesideError(f"call {whole.call.id} cannot be rehearsed: its caller said nothing")
    used = [call for call in whole.tool_calls if call.state != "refused"]
    if missing := sorted({call.tool for call in used} - agent.tools.keys()):
        raise LinesideError(f"call {whole.call.id} cannot be rehearsed: the agent has no tool {', '.join(missing)}")
    if any(MASKED in call.arguments.values() for call in used):
        raise LinesideError(f"call {whole.call.id} cannot be rehearsed: a secret was keyed in it, which is not kept")
    state, after = _state(used, agent)
    times_used = Counter((call.tool, tuple(sorted(call.arguments.items()))) for call in used)
    expect = Expect(
        tools=tuple(Tools(tool, dict(given), times) for (tool, given), times in times_used.items()),
        slots={slot.slot: slot.value for slot in whole.slots if slot.value != MASKED and slot.slot in agent.slots},
        state=after,
        ends="agent_said_goodbye" if whole.call.reason == "agent_said_goodbye" else None,
    )
    scenario = Scenario(f"call {whole.call.id}", tags=("kept",), caller=tuple(said.values()), expect=expect)
    today = datetime.fromtimestamp(whole.call.began, UTC).date()
    return RehearsalDesk(agent, today, state, _effects(used, agent), (scenario,))


def _by(call: KeptToolCall, agent: Agent) -> str:
    """The argument that is a row's key: the first that the tool takes."""
    return next((name for name in agent.tools[call.tool].takes if name in call.arguments), "")


def _state(used: list[KeptToolCall], agent: Agent) -> tuple[State, State]:
    """The tables before the call, and those that its writes made."""
    before: dict[str, dict[str, Row]] = {call.tool: {} for call in used}
    after: dict[str, dict[str, Row]] = {}
    for call in used:
        by = _by(call, agent)
        key = call.arguments.get(by, "")
        if call.effect == "reads" and call.state == "ok":
            before[call.tool][key] = dict(call.gives)
        elif call.effect == "writes" and call.state == "ok":
            row = {name: value for name, value in call.arguments.items() if name != by}
            after.setdefault(call.tool, {})[key] = row
    return before, after


def _effects(used: list[KeptToolCall], agent: Agent) -> dict[str, Effect]:
    """What each tool does: a read finds what it found, a write adds what it added, a failure comes again."""
    effects: dict[str, Effect] = {}
    for call in used:
        by, failed = _by(call, agent), call.state == "failed"
        known = effects.get(call.tool, Effect(by))
        refuses = dict(known.refuses) | ({call.arguments.get(by, ""): call.why} if failed else {})
        writes = call.effect == "writes"
        effects[call.tool] = Effect(
            by,
            reads="" if writes else call.tool,
            adds=call.tool if writes else "",
            gives=dict(call.gives) if writes and call.gives else known.gives,
            takes=NEVER if call.state in UNFINISHED else (call.ms or 200.0) / 1000,
            refuses=refuses,
        )
    return effects


def as_toml(desk: RehearsalDesk, agent_file: str) -> str:
    """The desk as a file of scenarios; `agent_file` is written as the agent's."""
    scenarios = [msgspec.to_builtins(each) for each in desk.scenarios]
    content: dict[str, Any] = {
        "agent": agent_file,
        "today": desk.today.isoformat(),
        "state": desk.state,
        "tools": {name: _told(msgspec.to_builtins(effect)) for name, effect in desk.tools.items()},
        "scenario": [_told(each) | {"expect": _told(each["expect"])} for each in scenarios],
    }
    lines = [f"{name} = {_value(content[name])}" for name in ("agent", "today")]
    for name in ("state", "tools"):
        lines += [f"{name} = {_value(content[name])}"] if content[name] else []
    for scenario in content["scenario"]:
        lines += ["", "[[scenario]]", *(f"{_key(name)} = {_value(value)}" for name, value in scenario.items())]
    return "\n".join(lines) + "\n"


def _told(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is empty anyway."""
    return {name: value for name, value in fields.items() if value not in ("", [], {}, (), None)}


def _value(value: object) -> str:
    """An inline value of TOML 1.0; its basic strings are JSON's, but for one escape that is not used here."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(name)} = {_value(each)}" for name, each in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _key(name: object) -> str:
    return json.dumps(str(name), ensure_ascii=False)
