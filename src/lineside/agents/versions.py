"""The versions of an agent: what was saved on the page, and what its file says."""

import hashlib
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from lineside.agents.agent import Agent
from lineside.errors import ConfigError

VERSION_LENGTH = 12  # hexadecimal digits


class AgentReplaced(ConfigError):
    """An agent was to be saved over a version that is not the newest any more."""


class AgentVersion(Struct, frozen=True):
    """An agent as it was at some time."""

    id: Annotated[str, Meta(description="the same for the same content")]
    at: Annotated[float, Meta(description="when it was saved, in seconds since 1970")]
    source: Annotated[Literal["page", "file"], Meta(description="file: AGENT_FILE, as it is now")]
    agent: Agent


class AgentVersions(Struct, frozen=True):
    """The versions of the agent that are kept."""

    current: Annotated[str, Meta(description="the id of the agent that answers now")]
    versions: Annotated[tuple[AgentVersion, ...], Meta(description="the newest first; the last is the file's")]


def version_of(agent: Agent) -> str:
    """A short name for what an agent is told: the same for the same content."""
    return hashlib.sha256(msgspec.json.encode(agent)).hexdigest()[:VERSION_LENGTH]
