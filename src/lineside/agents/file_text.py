"""An agent as the text of its file, and back. Pure."""

from typing import Any

import msgspec
import tomli_w
from msgspec import NODEFAULT, Struct
from msgspec.structs import fields

from lineside.agents.agent import Agent
from lineside.errors import UNREADABLE, ConfigError

LONGEST_TEXT = 256 * 1024  # characters; an agent has at most 96 KiB, and a file may have comments besides


def agent_text(agent: Agent) -> str:
    """The TOML that `read_agent_text` reads as this agent. What has its default is left out."""
    told = _told(agent)
    # A carriage return does not survive in TOML's multi-line strings (TOML 1.0, String).
    return tomli_w.dumps(told, multiline_strings="\\r" not in msgspec.json.encode(told).decode())


def read_agent_text(text: str) -> Agent:
    """The agent of the text of a file. Raises `ConfigError` with what is wrong."""
    try:
        agent = msgspec.toml.decode(text, type=Agent)
    except UNREADABLE as wrong:
        raise ConfigError(str(wrong)) from None
    agent.check()
    return agent


def _told(value: Any) -> Any:
    """Plain values for TOML, which has no null and needs no defaults."""
    if isinstance(value, Struct):
        return {
            field.encode_name: _told(getattr(value, field.name))
            for field in fields(value)
            if getattr(value, field.name) != _default(field)
        }
    if isinstance(value, dict):
        return {name: _told(each) for name, each in value.items()}
    return [_told(each) for each in value] if isinstance(value, tuple | list) else value


def _default(field: Any) -> Any:
    return field.default_factory() if field.default_factory is not NODEFAULT else field.default
