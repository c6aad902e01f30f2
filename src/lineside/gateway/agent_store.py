"""Which agent answers: its file, what was changed on the page since, and who else has to know of a change."""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import msgspec
import structlog
from msgspec import Struct

from lineside.agents.agent import Agent, check_python_tools, load_agent
from lineside.agents.drafts import AgentDrafts
from lineside.agents.versions import AgentReplaced, AgentVersion, AgentVersions, version_of
from lineside.engines.registry import EngineRegistry
from lineside.errors import UNREADABLE, ConfigError
from lineside.gateway.runtime import prepare_agent
from lineside.whole_files import sweep_drafts, sync_folder, write_whole

log = structlog.get_logger()

KEPT_VERSIONS = 50  # older ones are forgotten


class AgentStore:
    """The agent that answers now, and the way to change it."""

    def __init__(
        self,
        agent: Agent,
        file: "AgentFile",
        registry: EngineRegistry,
        set_in_workers: Callable[[Agent], Awaitable[None]] | None = None,
        keep_in_workers: Callable[[str, Agent], None] | None = None,
    ) -> None:
        """`set_in_workers` hands a new agent to the processes that hold the calls, where there are any.

        `keep_in_workers` hands them a draft and its id.
        """
        self._agent, self._file, self._registry, self._set_in_workers = agent, file, registry, set_in_workers
        self._keep_in_workers, self.drafts = keep_in_workers, AgentDrafts()
        self._changing = asyncio.Lock()  # one change at a time

    def agent(self) -> Agent:
        """The agent that answers now."""
        return self._agent

    def versions(self) -> AgentVersions:
        """The agents that were saved on the page, the newest first, then the one of the file."""
        return AgentVersions(version_of(self._agent), self._file.versions())

    def keep_draft(self, agent: Agent) -> str:
        """Keep an agent for calls that name the answered id. Raises `ConfigError` where it cannot be used."""
        self._file.check(agent)
        draft = self.drafts.add(agent)
        if self._keep_in_workers is not None:
            self._keep_in_workers(draft, agent)
        return draft

    async def change(self, agent: Agent, replaces: str = "") -> None:
        """Let this agent answer from the next call on, once its phrases are synthesised.

        The workers are asked first and the disk is written last; where one of them refuses, the old agent answers on.

        Args:
            agent: who answers.
            replaces: the version that this one was written from; empty: whichever there is.

        Raises:
            AgentReplaced: somebody else has saved another version meanwhile.
            ConfigError: the agent cannot be used, or cannot be written.
        """
        self._file.check(agent)
        async with self._changing:
            if replaces and replaces != version_of(self._agent):
                raise AgentReplaced("another version was saved meanwhile; look at it, then save again")
            await prepare_agent(self._registry, agent)
            if self._set_in_workers is not None:
                await self._set_in_workers(agent)  # which undoes it where one of them cannot
            try:
                self._file.write(agent)
            except ConfigError:
                if self._set_in_workers is not None:
                    await self._set_in_workers(self._agent)
                raise
            self._agent = agent


class _Edit(Struct, frozen=True):
    """A change of the agent, as it lies on the disk."""

    of: str  # SHA-256 of the agent file that was changed
    agent: Agent


class _Saved(Struct, frozen=True):
    """An agent that was saved on the page."""

    at: float  # seconds since 1970
    agent: Agent


class AgentFile:
    """The agent's file, and the change made on the page since: the file itself is never written.

    A change belongs to the file as it was. Once the file is edited, the file counts again and the change does not.
    """

    def __init__(self, file: Path, folder: Path) -> None:
        """`folder` is DATA_DIR."""
        self._file, self._override = file, folder / "agents" / f"{file.stem}.json"
        self._history = self._override.with_suffix(".versions.json")

    def read(self) -> Agent:
        """The agent as it stands. Raises `ConfigError` as `load_agent` does."""
        agent = load_agent(self._file)
        try:
            edit = msgspec.json.decode(self._override.read_bytes(), type=_Edit)
        except FileNotFoundError:
            return agent
        except OSError as cause:
            log.warning(
                "cannot read the agent override, using the agent file", kept=str(self._override), why=cause.strerror
            )
            return agent
        except UNREADABLE as cause:
            self._set_aside(str(cause))
            return agent
        if edit.of != self._digest():
            log.warning("agent file edited, ignoring the older override", kept=str(self._override))
            return agent
        try:
            self.check(edit.agent)
        except ConfigError as cause:
            self._set_aside(str(cause))
            return agent
        return edit.agent

    def check(self, agent: Agent) -> None:
        """Raises `ConfigError` where an agent cannot stand in this file's place."""
        agent.check()
        check_python_tools(agent, self._file.parent)

    def tidy(self) -> None:
        """Delete what a killed process left behind when it wrote a change. At the start."""
        sweep_drafts(self._override.parent)

    def _set_aside(self, why: str) -> None:
        """A change that cannot be used keeps nobody from starting: the file counts, and the change can be looked at."""
        aside = self._override.with_suffix(".unusable")
        with suppress(OSError):
            self._override.replace(aside)
        log.warning("the change of the agent cannot be used, using its file", set_aside=str(aside), why=why)

    def write(self, agent: Agent) -> None:
        """Write a change to the disk, whole or not at all. Raises `ConfigError` when that fails.

        The file's own agent is no change: the file counts again.
        """
        saved = [_Saved(time.time(), agent), *self._saved()][:KEPT_VERSIONS]
        self._write(self._history, saved)
        if agent == load_agent(self._file):
            self._take_back()
        else:
            self._write(self._override, _Edit(self._digest(), agent))

    def versions(self) -> tuple[AgentVersion, ...]:
        """What was saved on the page, the newest first, then the file's agent. Raises `ConfigError` as `read` does."""
        saved = (AgentVersion(version_of(one.agent), one.at, "page", one.agent) for one in self._saved())
        own = load_agent(self._file)
        return (*saved, AgentVersion(version_of(own), self._file.stat().st_mtime, "file", own))

    def _saved(self) -> "list[_Saved]":
        try:
            return msgspec.json.decode(self._history.read_bytes(), type=list[_Saved])
        except FileNotFoundError:
            return []
        except (OSError, *UNREADABLE) as cause:
            log.warning("cannot read the agent's versions", kept=str(self._history), why=str(cause))
            return []

    def _take_back(self) -> None:
        try:
            self._override.unlink(missing_ok=True)
            sync_folder(self._override.parent)
        except OSError as cause:
            raise _not_saved(self._override, cause) from None

    def _write(self, path: Path, content: object) -> None:
        try:
            write_whole(path, msgspec.json.format(msgspec.json.encode(content)))
        except OSError as cause:
            raise _not_saved(path, cause) from None

    def _digest(self) -> str:
        return hashlib.sha256(self._file.read_bytes()).hexdigest()


def _not_saved(path: Path, cause: OSError) -> ConfigError:
    return ConfigError(f"cannot save the change: {path}: {cause.strerror}. DATA_DIR must be a writable folder.")
