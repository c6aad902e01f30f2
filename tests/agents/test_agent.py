"""The agent: its file, and what it says by rule."""

from pathlib import Path

import pytest

from lineside.agents.agent import load_agent, wants_person
from lineside.errors import ConfigError
from lineside.settings import DATA

ASKS = """
Can I speak to a person?
Let me speak to a human.
I want to talk to a real person please
I'd like to speak with somebody
Can you put me through to an agent?
Transfer me to customer service.
please transfer me
Could I talk to someone?
Representative!
operator, please
A human, please.
I need a human agent
Get me your manager.
I would like to speak to your supervisor
Is there a real person I can talk to?
can you connect me with an advisor
Can I speak to one of your colleagues
Put me through please
I'd prefer a real human
Give me a person
Let me talk to a member of staff.
Agent
Can you transfer this call?
I’d rather speak to a human being.
""".strip().splitlines()

DOES_NOT = """
What are your hours?
I'd like to check my order status please
Can you help me with something?
Hello
Are you a person?
I am a real estate agent and I need internet.
My agent told me to call you.
I don't want to speak to a person, just tell me the price.
Do not transfer me.
Someone was here yesterday and left the box open.
How many people can use it at once?
Can I pay by bank transfer?
My wife is a manager at the bank.
I was talking to my neighbour and he has the Pro plan.
""".strip().splitlines()


@pytest.mark.parametrize("said", ASKS)
def test_a_caller_who_asks_for_a_person_is_understood(said: str) -> None:
    """By rule, not by luck."""
    assert wants_person(said)


@pytest.mark.parametrize("said", DOES_NOT)
def test_a_caller_who_only_mentions_one_is_not_sent_away(said: str) -> None:
    """Words like agent, person or transfer do not make a wish."""
    assert not wants_person(said)


def test_the_demonstration_agent_holds_its_facts() -> None:
    """The sample reads, and its facts stand in the prompt."""
    agent = load_agent(DATA / "broadband.toml")
    system, *rest = agent.opening()
    call, greeting, *examples = rest
    assert (call.content, greeting.content) == ("Hello?", agent.greeting)
    assert "55 dollars" in system.content
    assert [m.role for m in examples] == ["user", "assistant"]
    assert [m.content for m in agent.opening("Mine.")] == ["Mine."]
    assert agent.by_rule("Let me talk to a human") == agent.transfer
    assert agent.by_rule("What does Pro cost?") is None


def test_a_missing_agent_file_is_named() -> None:
    """The error says which file, and what to name instead."""
    with pytest.raises(ConfigError, match=r"AGENT_FILE=nowhere\.toml.*demonstration agent"):
        load_agent(Path("nowhere.toml"))


def test_a_wrong_agent_file_says_where(tmp_path: Path) -> None:
    """A misspelt field is named."""
    wrong = tmp_path / "agent.toml"
    wrong.write_text('name = "x"\nprompt = "y"\ngreting = "z"\n')
    with pytest.raises(ConfigError, match="greting"):
        load_agent(wrong)
