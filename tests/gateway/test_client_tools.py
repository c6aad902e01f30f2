"""A program that runs tools of its own, over a real WebSocket: the one that the documentation shows."""

import re
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from lineside.agents.agent import Agent
from lineside.client_tools import ClientToolCall
from lineside.protocol import Error, FirstMessage, ReplyText
from tests.gateway import test_app
from tests.gateway.test_app import ServedGateway, event, events, with_served_gateway

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "client.md"
RESTAURANT = msgspec.toml.decode(
    b"""
name = "Restaurant"
prompt = "You answer."
[tools.find_table]
about = "Looks for a free table."
client = true
effect = "reads"
takes = { day = {} }
gives = { time = "time" }
fails = { "no table" = "full" }
[slots.day]
kind = "date"
asks = "Which day?"
[tasks.table]
when = ["is there a free table"]
needs = ["day"]
does = "find_table"
says = "There is one at {time}."
if.full = { says = "There is none that day." }
""",
    type=Agent,
)


@pytest.mark.parametrize(
    ("day", "answer"), [("the 4th of December 2026", "There is one at 7:30 PM."), ("today", "none")]
)
def test_the_program_of_the_documentation_answers_a_call(
    monkeypatch: pytest.MonkeyPatch, day: str, answer: str
) -> None:
    """Its function is run as it stands there."""
    (block,) = [code for code in re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.S) if "TOOLS" in code]
    shown: dict[str, Any] = {"aiohttp": aiohttp, "Any": Any}
    exec(compile(block, str(PAGE), "exec"), shown)  # noqa: S102 - a program of ours
    monkeypatch.setattr(test_app, "AGENT", RESTAURANT)

    async def story(gateway: ServedGateway) -> None:
        line = await gateway.call('{"codec":"pcm","greeting":"","client_tools":[{"name":"find_table"}]}')
        await line.send_json({"type": "text", "text": f"Is there a free table on {day}?"})
        while not isinstance(happened := await event(line), ReplyText):
            if isinstance(happened, ClientToolCall):
                await shown["answer"](line, msgspec.to_builtins(happened))
        assert answer in happened.text
        await line.send_json({"type": "hangup"})
        assert not [one for one in await events(line) if isinstance(one, Error)]

    with_served_gateway(story)
    msgspec.convert({"codec": "pcm", "client_tools": shown["TOOLS"]}, FirstMessage)


def test_an_offer_that_cannot_be_meant_is_answered_before_the_call_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    """One error, which names the tool, and the end."""
    monkeypatch.setattr(test_app, "AGENT", RESTAURANT)

    async def story(gateway: ServedGateway) -> None:
        line = await gateway.call('{"codec":"pcm","client_tools":[{"name":"find_table","about":"x"}]}')
        (wrong,) = await events(line)
        assert isinstance(wrong, Error)
        assert (wrong.code, wrong.fatal) == ("bad_first_message", True)
        assert "find_table: the agent has a tool of this name" in wrong.message
        assert line.close_code == 1008

    with_served_gateway(story)
