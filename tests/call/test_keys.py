"""Keys of a telephone: one turn for all of them, and the agent is silent from the first one on."""

from lineside.protocol import BargeIn, Dtmf
from lineside.transports.call_facts import CallFacts
from lineside.transports.scripted import CallerSends, CallerSilent, Doing
from tests.call.fixtures import AGENT, FinishedCall, run_call


def pressed(*keys: str, line: str, gap: float = 0.3, greeting: str = "") -> FinishedCall:
    doing: list[Doing] = [CallerSilent(0.5)]
    for key in keys:
        doing += [CallerSends(Dtmf(key)), CallerSilent(gap)]
    agent = AGENT if not greeting else type(AGENT)(name="Test", prompt="You answer.", greeting=greeting)
    return run_call(*doing, CallerSilent(6.0), facts=CallFacts(line=line), agent=agent)


def told(call: FinishedCall) -> list[str]:
    return [content for role, content in call.conversation if role == "user"]


def test_keys_of_a_telephone_are_one_turn() -> None:
    """They come one by one; a pause or # ends them, the same key twice counts twice."""
    assert told(pressed(*"1550", line="twilio")) == ["[keys pressed: 1550]"]
    assert told(pressed(*"42#", line="sip")) == ["[keys pressed: 42]"]
    assert told(pressed("12*34#", line="asterisk")) == ["[keys pressed: 34]"]


def test_a_programs_keys_are_a_turn_as_they_come() -> None:
    """A page sends what was typed as one message."""
    assert told(pressed("12", "34", line="browser", gap=2.5)) == ["[keys pressed: 12]", "[keys pressed: 34]"]


def test_a_key_silences_the_agent_at_once() -> None:
    """Within a frame, long before it is known what the keys mean."""
    greeting = "Hello, this is a greeting that goes on for quite some time, and on, and on, and on, and on."
    call = pressed("5", line="audiosocket", greeting=greeting)
    cut = call.one(BargeIn)
    assert greeting.startswith(cut.heard.strip())
    assert len(cut.heard) < len(greeting) / 2
    assert call.transport.cleared
    assert call.transport.cleared[0] <= 0.55
    assert told(call) == ["[keys pressed: 5]"]
