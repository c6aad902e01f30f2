"""A language model's tool call, judged: what it names, what it gives, where that comes from. Pure.

The model proposes and this decides. Nothing that a model writes has run when this has answered.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from lineside.agents.agent import Agent
from lineside.agents.declared import Slot, Tool
from lineside.agents.slots.extract import Place
from lineside.agents.tasks.phrases import BYE, is_question
from lineside.agents.templates import places, plain_read_back, render, shown
from lineside.agents.tools.grounding import CallerEvidence, canonical, grounded
from lineside.agents.tools.ledger import ReadBack
from lineside.agents.tools.outcome import Outcome, Use
from lineside.engines.protocols import ToolCall, ToolSpec
from lineside.text.outside_text import outside_text

LONGEST_RESULT = 4000  # characters of one value that came of a tool; most kinds of tools give far shorter ones
LONGEST_VALUE = 300  # characters of an argument that the model itself writes
END_CALL = ToolSpec(
    "end_call",
    "Ends the call when the caller has heard you. Only after they said goodbye, or want nothing more after something "
    "was done; say goodbye in the same answer.",
    {"type": "object", "properties": {}, "additionalProperties": False},
)
UNREADABLE_ARGUMENTS = (msgspec.DecodeError, RecursionError, UnicodeError)

_TYPES: dict[str, dict[str, Any]] = {
    "yes_no": {"type": "string", "enum": ["yes", "no"]},
    "date": {"type": "string", "description": "as YYYY-MM-DD"},
    "time": {"type": "string", "description": "as HH:MM"},
    "amount": {"type": "number"},
    "number": {"type": "number"},
}


class AcceptedCall(Struct, frozen=True):
    """The tool may be used so, as far as its arguments go; the ledger says when."""

    use: Use


class ArgumentWanted(Struct, frozen=True):
    """The caller has to be asked for a slot first."""

    slot: str
    why: str  # for the model
    use: Use | None = None  # what is to be done once a secret slot has been keyed in


class RejectedCall(Struct, frozen=True):
    """The call is none, and why, for the model."""

    why: str


class EndWanted(Struct, frozen=True):
    """The call of the caller may end, once they have heard a goodbye."""


JudgedCall = AcceptedCall | ArgumentWanted | RejectedCall | EndWanted


def tool_specs(agent: Agent) -> tuple[ToolSpec, ...]:
    """The agent's tools, as a model is shown them. Secret arguments are not: callers key them in.

    An agent that has a `farewell` ends calls, and its model may wish so.
    """
    declared = tuple(_spec(name, tool, agent.slots) for name, tool in agent.tools.items())
    return (*declared, END_CALL) if _may_end_calls(agent) else declared


def _may_end_calls(agent: Agent) -> bool:
    return bool(agent.farewell) and END_CALL.name not in agent.tools


def _spec(name: str, tool: Tool, slots: Mapping[str, Slot]) -> ToolSpec:
    shown_to_model = {
        argument: takes for argument, takes in tool.takes.items() if argument not in slots or not slots[argument].secret
    }
    properties = {argument: _property(slots.get(argument), takes.about) for argument, takes in shown_to_model.items()}
    required = [argument for argument in properties if argument not in slots or slots[argument].otherwise != "skip"]
    schema = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return ToolSpec(name, tool.about, schema)


def _property(slot: Slot | None, about: str) -> dict[str, Any]:
    if slot is None:
        return {"type": "string", "description": about}
    if slot.kind == "choice":
        kind: dict[str, Any] = {"type": "string", "enum": list(slot.options)}
    else:
        kind = dict(_TYPES.get(slot.kind, {"type": "string"}))
    length = f"{slot.length} {'digits' if slot.kind == 'digits' else 'letters or digits'}" if slot.length else ""
    description = "; ".join(filter(None, (about, length, kind.get("description", ""))))
    return kind | ({"description": description} if description else {})


def judge(call: ToolCall, agent: Agent, evidence: CallerEvidence, place: Place) -> JudgedCall:
    """What a model's call comes to."""
    if call.name == END_CALL.name and _may_end_calls(agent):
        return _end(evidence)
    tool = agent.tools.get(call.name)
    if tool is None:
        there = ", ".join(spec.name for spec in tool_specs(agent))
        return RejectedCall(f"there is no tool of this name; there are {there}")
    try:
        given = msgspec.json.decode(call.arguments or "{}")
    except UNREADABLE_ARGUMENTS:
        return RejectedCall("the arguments are no JSON; call it again with an object")
    if not isinstance(given, dict):
        return RejectedCall("the arguments must be one JSON object")
    if unknown := sorted(str(name) for name in given if name not in tool.takes):
        return RejectedCall(f"it takes no {', '.join(unknown)[:100]}; it takes {', '.join(tool.takes) or 'nothing'}")
    return _arguments(call.name, tool, given, agent, evidence, place)


def _end(evidence: CallerEvidence) -> EndWanted | RejectedCall:
    """The caller said goodbye; or something was done for them, and what they said last asks nothing."""
    last = evidence.turns[-1] if evidence.turns else ""
    if BYE.search(last.strip()) or (evidence.given and not is_question(last)):
        return EndWanted()
    return RejectedCall("the caller has not said goodbye; ask whether there is anything else you can do for them")


def _arguments(
    name: str, tool: Tool, given: dict[str, Any], agent: Agent, evidence: CallerEvidence, place: Place
) -> JudgedCall:
    accepted: dict[str, str] = {}
    secret = ""
    for argument, takes in tool.takes.items():
        slot = agent.slots.get(argument)
        if slot is not None and slot.secret:
            if argument in evidence.slots:
                accepted[argument] = evidence.slots[argument]
            else:
                secret = secret or argument
            continue
        raw = _plain(given.get(argument))
        if raw is None:
            return RejectedCall(f"{argument} must be a string or a number")
        if not raw:
            if slot is not None and slot.otherwise == "skip":
                continue
            return _missing(argument, slot, "is missing")
        value = canonical(slot, outside_text(raw, LONGEST_VALUE), place)
        if value is None:
            return _missing(argument, slot, f"is no {slot.kind.replace('_', ' ') if slot is not None else 'text'}")
        if takes.source == "caller" and not grounded(argument, slot, value, evidence, place):
            return _missing(argument, slot, "was not said by the caller")
        accepted[argument] = value
    use = Use(name, accepted)
    return ArgumentWanted(secret, "the caller is asked to key it in", use) if secret else AcceptedCall(use)


def _plain(value: object) -> str | None:
    """A scalar as text; None: it is none."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}" if value == int(value) else repr(value)
    return str(value).strip() if isinstance(value, str | int) else None


def _missing(argument: str, slot: Slot | None, why: str) -> JudgedCall:
    if slot is None:
        return RejectedCall(f"{argument} {why}; ask the caller for it")
    return ArgumentWanted(argument, f"{argument} {why}; the caller is asked for it now")


def read_back(use: Use, tool: Tool, slots: Mapping[str, Slot], now: float) -> tuple[str, ReadBack]:
    """The question before a write, and what of it has to be heard. A tool without one of its own gets a plain one."""
    values = {
        name: shown(slots[name].kind if name in slots else "text", value)
        for name, value in use.arguments.items()
        if name not in slots or not slots[name].secret
    }
    whole = tool.confirm and places(tool.confirm) <= values.keys()  # else a sentence would be left out
    filled = render(tool.confirm if whole else plain_read_back(tool.about, values), values)
    return filled.text, ReadBack(use.fingerprint, filled.up_to_last_value or filled.text, now)


def result_text(outcome: Outcome) -> str:
    """What came of a call, for the model: data, in JSON."""
    told = {"status": outcome.kind, **({"why": outside_text(outcome.why, 200)} if outcome.why else {})}
    given = {name: outside_text(value, LONGEST_RESULT) for name, value in outcome.gives.items()}
    return msgspec.json.encode(told | ({"result": given} if given else {})).decode()


def note_text(status: str, why: str) -> str:
    """Why a call did not run, for the model."""
    return msgspec.json.encode({"status": status, "why": why}).decode()


def known_from(outcomes: Iterable[Outcome]) -> dict[str, str]:
    """What tools have given, by its name; the latest counts."""
    return {name: value for outcome in outcomes if outcome.kind == "ok" for name, value in outcome.gives.items()}
