"""What of a rehearsed call may be told: no number that nobody may keep, and no value of a secret slot. Pure."""

from msgspec.structs import replace

from lineside.agents.agent import Agent
from lineside.agents.sensitive_numbers import HIDDEN, without_sensitive_numbers
from lineside.rehearse.caller_words import aloud
from lineside.rehearse.results import HeldCall, Shortfall
from lineside.rehearse.scenario import Scenario


def reported(call: HeldCall, agent: Agent, scenario: Scenario) -> HeldCall:
    """The call as every report tells it; without its sound where such a number was heard or said in it."""
    secrets = _secret_values(agent, scenario)
    questions = ("", *(text for role, text in call.conversation if role == "assistant" and text.endswith("?")))

    def hidden(text: str, before: str = "") -> str:
        for value in secrets:
            text = text.replace(value, HIDDEN)
        for asked in questions:
            text = without_sensitive_numbers(text, before=before, asked=asked)
        return text

    said = tuple(hidden(line, before) for before, line in zip(("", *call.said), call.said, strict=False))
    conversation = tuple((role, hidden(text)) for role, text in call.conversation)
    silent = any(HIDDEN in text for text in (*said, *(text for _, text in conversation)))
    return replace(
        call,
        failures=tuple(Shortfall(failure.kind, hidden(failure.what)) for failure in call.failures),
        conversation=conversation,
        said=said,
        sound=b"" if silent else call.sound,
    )


def _secret_values(agent: Agent, scenario: Scenario) -> list[str]:
    """What the scenario has for slots that are secret, as it is written and as it is said; the longest first."""
    secret = {name for name, slot in agent.slots.items() if slot.secret}
    told = [scenario.knows, scenario.expect.slots, *(each.given for each in scenario.expect.tools)]
    values = {value for by_slot in told for name, value in by_slot.items() if name in secret and value}
    return sorted(values | {aloud(value) for value in values}, key=len, reverse=True)
