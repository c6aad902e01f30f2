"""A change of the agent lasts until its file is edited, and a start of the runtime loads no server."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import cast

import pytest

from lineside.agents.agent import Agent
from lineside.agents.drafts import MOST
from lineside.agents.versions import AgentReplaced
from lineside.engines.registry import EngineRegistry
from lineside.errors import ConfigError, TransportError
from lineside.gateway.agent_store import KEPT_VERSIONS, AgentFile, AgentStore
from tests.call.fixtures import settings
from tests.virtual_time import run

SCRIPTED = {f"default_{role}_engine": "scripted" for role in ("stt", "llm", "tts")}


def test_a_change_on_the_page_is_kept_until_the_file_itself_changes(tmp_path: Path) -> None:
    """The next start has the change; whoever edits the file afterwards gets what the file says."""
    file = tmp_path / "agent.toml"
    file.write_text('name = "Agent"\nprompt = "Be brief."\n')
    kept = AgentFile(file, tmp_path / "kept")
    changed = Agent(name="Agent", prompt="Be kind.", facts=("We open at nine.",))
    kept.write(changed)
    assert AgentFile(file, tmp_path / "kept").read() == changed
    assert "Be brief" in file.read_text()
    file.write_text('name = "Agent"\nprompt = "Be quick."\n')
    assert kept.read().prompt == "Be quick."


def test_a_change_that_cannot_be_kept_says_so_and_leaves_the_old_one(tmp_path: Path) -> None:
    """A damaged or unwritable place costs the change, never the agent."""
    file = tmp_path / "agent.toml"
    file.write_text('name = "Agent"\nprompt = "Be brief."\n')
    (tmp_path / "no-folder").write_text("")
    with pytest.raises(ConfigError, match=r"cannot save the change.*DATA_DIR"):
        AgentFile(file, tmp_path / "no-folder").write(Agent(name="Agent", prompt="Be kind."))
    kept = AgentFile(file, tmp_path)
    kept.write(Agent(name="Agent", prompt="Be kind."))
    (tmp_path / "agents" / "agent.json").write_text("{")
    assert kept.read().prompt == "Be brief."


def test_versions_are_kept_and_the_files_own_agent_lets_the_file_count_again(tmp_path: Path) -> None:
    """The newest first, the file's last; to save what the file says takes the change back."""
    file = tmp_path / "agent.toml"
    file.write_text('name = "Agent"\nprompt = "Be brief."\n')
    kept = AgentFile(file, tmp_path)
    first, second = (Agent(name="Agent", prompt=prompt) for prompt in ("Be kind.", "Be quick."))
    kept.write(first)
    kept.write(second)
    assert [(one.source, one.agent.prompt) for one in kept.versions()] == [
        ("page", "Be quick."),
        ("page", "Be kind."),
        ("file", "Be brief."),
    ]
    kept.write(kept.versions()[-1].agent)
    file.write_text('name = "Agent"\nprompt = "Be calm."\n')
    assert kept.read().prompt == "Be calm."
    (tmp_path / "agents" / "agent.versions.json").write_text("{")
    assert [one.source for one in kept.versions()] == ["file"]


def test_what_a_killed_process_left_when_it_wrote_is_gone_at_the_next_start(tmp_path: Path) -> None:
    """Half a change and half a list of versions, under a number that the next process may have."""
    (tmp_path / "agent.toml").write_text('name = "Agent"\nprompt = "Be brief."\n')
    kept = AgentFile(tmp_path / "agent.toml", tmp_path)
    kept.tidy()
    kept.write(Agent(name="Agent", prompt="Be kind."))
    for name in ("agent", "agent.versions"):
        (tmp_path / "agents" / f"{name}.{os.getpid()}.draft").write_text('{"of":')
    kept.tidy()
    assert {path.name for path in (tmp_path / "agents").iterdir()} == {"agent.json", "agent.versions.json"}
    assert kept.read().prompt == "Be kind."


def test_no_more_than_fifty_versions_are_kept(tmp_path: Path) -> None:
    """The oldest is forgotten."""
    file = tmp_path / "agent.toml"
    file.write_text('name = "Agent"\nprompt = "Be brief."\n')
    kept = AgentFile(file, tmp_path)
    for number in range(KEPT_VERSIONS + 2):
        kept.write(Agent(name="Agent", prompt=f"{number}"))
    saved = [one.agent.prompt for one in kept.versions() if one.source == "page"]
    assert (len(saved), saved[-1]) == (KEPT_VERSIONS, "2")


def test_a_version_written_from_an_older_one_is_refused(tmp_path: Path) -> None:
    """Two people edit one agent: the second is told, and nothing of the first is lost."""
    file = tmp_path / "agent.toml"
    file.write_text('name = "Agent"\nprompt = "Be brief."\n')
    kept = AgentFile(file, tmp_path)

    async def story() -> None:
        registry = EngineRegistry(settings(**SCRIPTED))
        store = AgentStore(kept.read(), kept, registry)
        before = store.versions().current
        await store.change(Agent(name="Agent", prompt="Mine."), before)
        with pytest.raises(AgentReplaced):
            await store.change(Agent(name="Agent", prompt="Yours."), before)
        await registry.close()

    asyncio.run(story())
    assert kept.read().prompt == "Mine."


def test_a_worker_loads_neither_control_api_nor_host_agent() -> None:
    """A process that only holds calls loads neither server nor control API nor command line."""
    barred = (
        "lineside.api",
        "lineside.gateway.app",
        "lineside.gateway.startup",
        "lineside.host.client",
        "lineside.cli.",
    )
    script = "import sys, lineside.gateway.worker; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert [name for name in loaded if name.startswith(barred)] == []


def test_a_kept_change_that_cannot_be_used_is_put_aside_at_the_start(tmp_path: Path) -> None:
    """Too long, nested without end, of another version or no JSON: the agent's own file answers."""
    file = tmp_path / "agent.toml"
    file.write_text('name = "Agent"\nprompt = "Be brief."\n')
    kept = AgentFile(file, tmp_path)
    good = Agent(name="Agent", prompt="Be kind.")
    too_long = [
        Agent(name="x" * 170_000, prompt="a"),
        Agent(name="a", prompt="x" * 20_001),
        Agent(name="a", prompt="a", greeting="Hello. " * 300),
        Agent(name="a", prompt="a", facts=("y" * 2000,) * 60),
    ]
    for agent in too_long:
        with pytest.raises(ConfigError, match="agent"):
            agent.check()
        kept.write(agent)
        assert kept.read().prompt == "Be brief."
        assert not (tmp_path / "agents" / "agent.json").exists()
        assert (tmp_path / "agents" / "agent.unusable").exists()
    kept.write(good)
    whole = (tmp_path / "agents" / "agent.json").read_bytes()
    for odd in (b"\x80", whole[:-5], whole.replace(b'"agent"', b'"agents"'), b"[" * 100_000, b"\xff\xfe"):
        (tmp_path / "agents" / "agent.json").write_bytes(odd)
        assert kept.read().prompt == "Be brief."
    kept.write(good)
    assert kept.read() == good


class Registry:
    """Engines that synthesise at once; the last agent whose prompt was read."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def llm(self) -> object:
        return object()

    def cached_tts(self) -> "Registry":
        return self

    async def keep(self, phrase: str, *, pinned: bool = False) -> None:
        self.said.append(phrase)


def test_a_change_that_a_worker_refuses_is_no_change(tmp_path: Path) -> None:
    """Nothing is written and the old agent answers on; so it does when the disk refuses, and the workers hear of it."""

    async def story() -> None:
        file = tmp_path / "agent.toml"
        file.write_text('name = "Agent"\nprompt = "Be brief."\n')
        told = list[str]()

        async def tell(agent: Agent) -> None:
            told.append(agent.prompt)
            if agent.prompt == "refused":
                raise ConfigError("a worker could not learn the agent's lines")

        kept = AgentFile(file, tmp_path)
        store = AgentStore(kept.read(), kept, cast("EngineRegistry", Registry()), tell)
        with pytest.raises(ConfigError, match="a worker"):
            await store.change(Agent(name="a", prompt="refused"))
        assert (store.agent().prompt, kept.read().prompt) == ("Be brief.", "Be brief.")
        assert not (tmp_path / "agents").exists()
        with pytest.raises(ConfigError, match="the agent"):
            await store.change(Agent(name="x" * 170_000, prompt="a"))
        (tmp_path / "agents").write_text("no folder")
        with pytest.raises(ConfigError, match="cannot save the change"):
            await store.change(Agent(name="a", prompt="fine"))
        assert (store.agent().prompt, told) == ("Be brief.", ["refused", "fine", "Be brief."])
        (tmp_path / "agents").unlink()
        await store.change(Agent(name="a", prompt="fine"))
        assert (store.agent().prompt, kept.read().prompt) == ("fine", "fine")

    run(story())


def test_a_draft_is_kept_for_test_calls_and_answers_nobody_else(tmp_path: Path) -> None:
    """The workers hear of it; nothing is written; one that cannot be used is refused; old ones are forgotten."""
    file = tmp_path / "agent.toml"
    file.write_text('name = "Agent"\nprompt = "Be brief."\n')
    told: list[tuple[str, Agent]] = []
    kept = AgentFile(file, tmp_path)
    registry = cast("EngineRegistry", Registry())
    store = AgentStore(kept.read(), kept, registry, keep_in_workers=lambda *draft: told.append(draft))
    first = store.keep_draft(Agent(name="Agent", prompt="Be kind."))
    assert store.drafts.agent(first).prompt == "Be kind."
    assert store.agent().prompt == "Be brief."
    assert told == [(first, Agent(name="Agent", prompt="Be kind."))]
    assert not (tmp_path / "agents").exists()
    with pytest.raises(ConfigError, match="language"):
        store.keep_draft(Agent(name="Agent", prompt="Be kind.", language="?"))
    ids = {store.keep_draft(Agent(name="Agent", prompt=str(number))) for number in range(MOST)}
    assert len(ids) == MOST
    with pytest.raises(TransportError, match="start the test call again"):
        store.drafts.agent(first)
