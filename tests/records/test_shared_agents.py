"""An agent that is edited on one gateway's page answers on all that share a database and an agent's file."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from lineside.agents.agent import Agent
from lineside.agents.drafts import AgentDrafts
from lineside.agents.versions import AgentReplaced, AgentVersions, version_of
from lineside.errors import ConfigError
from lineside.gateway.agent_link import REFUSED_FOR, AgentLink
from lineside.records.database import Database
from tests.call.fixtures import settings
from tests.records.database_servers import PostgreSQL

FILE_S = Agent(name="Ann", prompt="You answer.", greeting="Hello.")
EDITED, LATER = (Agent(name=name, prompt="You answer.", greeting="Good day.") for name in ("Bob", "Cleo"))


class Store:
    """The agent of one gateway, in memory."""

    def __init__(self) -> None:
        self.drafts, self._agent, self.cannot = AgentDrafts(), FILE_S, ""
        self.changes = 0

    def agent(self) -> Agent:
        return self._agent

    def versions(self) -> AgentVersions:
        return AgentVersions(version_of(self._agent), ())

    def keep_draft(self, agent: Agent) -> str:
        return self.drafts.add(agent)

    async def change(self, agent: Agent, replaces: str = "") -> None:
        self.changes += 1
        if replaces and replaces != version_of(self._agent):
            raise AgentReplaced("another version was saved meanwhile")
        if agent.name == self.cannot:
            raise ConfigError("its voice is missing")
        self._agent = agent


class Box:
    """One gateway."""

    def __init__(self, url: str, folder: Path, file: Path) -> None:
        self.agents = Store()
        self.link = AgentLink(settings(records_url=url, data_dir=folder, agent_file=file), self.agents)
        self.store = Database(url, folder)

    async def look(self) -> str:
        await self.link.look(self.store)
        return self.agents.agent().name


@pytest.fixture
def story(postgresql: PostgreSQL, tmp_path: Path) -> Callable[[Callable[[Box, Box, Box], Awaitable[None]]], None]:
    """Runs a story of two gateways with one agent's file, and one with another."""
    ours, theirs = tmp_path / "ours.toml", tmp_path / "theirs.toml"
    ours.write_text("ours")
    theirs.write_text("theirs")

    def run(told: Callable[[Box, Box, Box], Awaitable[None]]) -> None:
        async def whole() -> None:
            url = postgresql.new()
            boxes = tuple(Box(url, tmp_path, file) for file in (ours, ours, theirs))
            try:
                await told(*boxes)
            finally:
                for box in boxes:
                    await box.store.close()

        asyncio.run(whole())

    return run


def test_what_is_saved_on_one_page_answers_on_all_with_that_file(story: Callable[..., None]) -> None:
    """At the next look of each, and back again when the other saves; one with another file goes on with its own."""

    async def told(one: Box, two: Box, other: Box) -> None:
        assert [await box.look() for box in (one, two, other)] == ["Ann"] * 3
        await one.agents.change(EDITED)
        assert [await box.look() for box in (one, two, other)] == ["Bob", "Bob", "Ann"]
        await two.agents.change(FILE_S)
        assert [await box.look() for box in (two, one)] == ["Ann", "Ann"]
        before = one.agents.changes
        await one.look()
        assert one.agents.changes == before, "what answers already is not taken over again"

    story(told)


def test_a_gateway_that_starts_later_takes_over_what_was_saved(story: Callable[..., None]) -> None:
    """It begins with the file's agent, as it was shipped."""

    async def told(one: Box, two: Box, other: Box) -> None:
        await one.agents.change(EDITED)
        await one.look()
        assert two.agents.agent() == FILE_S
        assert await two.look() == "Bob"

    story(told)


def test_of_two_that_save_at_once_the_last_answers_on_both(story: Callable[..., None]) -> None:
    """Each has saved before it heard of the other."""

    async def told(one: Box, two: Box, other: Box) -> None:
        await one.agents.change(EDITED)
        await two.agents.change(LATER)
        await one.look()
        await two.look()
        assert [await box.look() for box in (one, two)] == ["Cleo", "Cleo"]

    story(told)


def test_an_agent_that_cannot_answer_here_is_tried_again_a_minute_later(story: Callable[..., None]) -> None:
    """Not at every look: its phrases are synthesised each time."""

    async def told(one: Box, two: Box, other: Box) -> None:
        two.agents.cannot = "Bob"
        await one.agents.change(EDITED)
        await one.look()
        assert await two.look() == "Ann"
        assert await two.look() == "Ann"
        assert two.agents.changes == 1
        two.agents.cannot = ""
        two.link._refused_until -= REFUSED_FOR
        assert await two.look() == "Bob"

    story(told)


def test_without_the_database_a_gateway_keeps_its_agent_and_saves_it_later(
    postgresql: PostgreSQL, tmp_path: Path
) -> None:
    """What was edited meanwhile reaches the others when the database is back."""

    async def told() -> None:
        file = tmp_path / "agent.toml"
        file.write_text("ours")
        url = postgresql.new()
        one, two = Box(url, tmp_path, file), Box(url, tmp_path, file)
        away = Database("postgresql://lineside@127.0.0.1:9/none", tmp_path)
        await one.agents.change(EDITED)
        await one.link.look(away)
        assert [await box.look() for box in (one, two)] == ["Bob", "Bob"]
        for store in (one.store, two.store, away):
            await store.close()

    asyncio.run(told())
