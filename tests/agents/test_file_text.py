"""An agent's file is written from an agent, and read as the same agent."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some
from msgspec.structs import replace

from lineside.agents.agent import Agent, Example, VerbatimAnswer, load_agent
from lineside.agents.file_text import agent_text, read_agent_text
from lineside.errors import ConfigError

ROOT = Path(__file__).parents[2]
AGENTS = ("src/lineside/data/broadband.toml", "bench/desk/agent.toml", "examples/agent.toml")


@pytest.mark.parametrize("file", AGENTS)
def test_every_agent_of_the_project_is_written_and_read_as_itself(file: str) -> None:
    """With its tasks, slots, tools, answers and hours."""
    agent = load_agent(ROOT / file)
    assert read_agent_text(agent_text(agent)) == agent


def test_defaults_are_left_out() -> None:
    """A small agent is a small file."""
    assert agent_text(Agent("Bakery", "You answer.")) == 'name = "Bakery"\nprompt = "You answer."\n'


words = some.text(some.characters(codec="utf-8"), max_size=40)


@given(prompt=words, fact=words, asks=words, says=words)
def test_whatever_is_written_is_read_again(prompt: str, fact: str, asks: str, says: str) -> None:
    """Quotes, backslashes, line ends of every kind, control characters."""
    agent = Agent("Bakery", prompt, facts=(fact, "a\r\nb"), examples=(Example(asks, says),))
    agent = replace(agent, answers=(VerbatimAnswer("a", says or "b", asks=(asks,)),))
    assert read_agent_text(agent_text(agent)) == agent


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("name = ", "Invalid value"),
        ('name = "A"', "missing required field `prompt`"),
        ('name = "A"\nprompt = "B"\ntimezone = "Mars"', 'timezone = "Mars" is not known'),
    ],
)
def test_what_is_no_agent_is_refused(text: str, why: str) -> None:
    """With what is wrong in it."""
    with pytest.raises(ConfigError, match=why):
        read_agent_text(text)
