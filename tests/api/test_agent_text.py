"""An agent is written as the text of its file and checked line by line, over the API."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lineside.agents.agent import load_agent
from tests.api.fixtures import ControlClient, at_home

ROOT = Path(__file__).parents[2]


def checked(text: str, folder: Path) -> dict[str, Any]:
    """What the API answers about this text."""
    told: dict[str, Any] = {}

    async def story(control: ControlClient) -> None:
        status, answer = await control.ask("POST", "/api/agent/check", {"text": text})
        assert status == 200
        told.update(answer)

    at_home(story, folder)
    return told


def test_an_agent_comes_back_whole(tmp_path: Path) -> None:
    """Its tasks, slots, tools, answers and hours, through the text of its file."""
    agent = json.loads(msgspec.json.encode(load_agent(ROOT / "bench" / "desk" / "agent.toml")))

    async def story(control: ControlClient) -> None:
        _, written = await control.ask("POST", "/api/agent/text", agent)
        assert "[tools.book_visit]" in written["text"]
        _, read = await control.ask("POST", "/api/agent/check", written)
        assert read["agent"] == agent
        assert [each for each in read["remarks"] if each["kind"] == "mistake"] == []

    at_home(story, tmp_path)


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ('name = "A"\nprompt = "B', 2, "this is no TOML"),
        ('name = "A"\nprompt = "B"\ngreetign = "C"', 3, "greetign: there is no such key; did you mean greeting?"),
        ('name = "A"\nprompt = "B"\n\n[tasks.visit]\nwhen = ["a visit"]\nneeds = ["day"]', 6, "there is no slot day"),
        ('name = "A"\nprompt = "B"\n[hours]\nmonn = "9-5"', 3, 'hours: monn = "9-5"'),
        ('prompt = "B"', 0, "name is missing"),
        ('[tools.a]\nheaders = "x"', 2, "tools.a.headers: Expected a table, got text"),
    ],
)
def test_each_mistake_stands_at_its_line(tmp_path: Path, text: str, line: int, what: str) -> None:
    """And there is no agent to be had."""
    answer = checked(text, tmp_path)
    assert answer["agent"] is None
    assert any(each["line"] == line and what in each["what"] for each in answer["remarks"]), answer["remarks"]


def test_advice_does_not_stand_in_the_way(tmp_path: Path) -> None:
    """A greeting that does not say that a machine answers."""
    answer = checked('name = "A"\nprompt = "B"\ngreeting = "Good morning."', tmp_path)
    assert answer["agent"]["greeting"] == "Good morning."
    assert [each["kind"] for each in answer["remarks"]] == ["advice"]
