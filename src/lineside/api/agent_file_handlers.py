"""Operations on an agent as the text of its file: written from an agent, checked line by line, read back."""

import asyncio
import os
from typing import Annotated

from msgspec import Meta, Struct

from lineside.agents.agent import Agent
from lineside.agents.file_check import Remark, check_agent_file
from lineside.agents.file_text import LONGEST_TEXT, agent_text, read_agent_text
from lineside.api.api_services import ApiServices
from lineside.api.call_handlers import AGENT
from lineside.api.operation import operation
from lineside.errors import ConfigError


class AgentText(Struct, frozen=True, forbid_unknown_fields=True):
    """An agent as the text of its file."""

    text: Annotated[str, Meta(max_length=LONGEST_TEXT, description="TOML; comments are allowed and not kept")]


class CheckedAgent(Struct, frozen=True):
    """What is in the text of an agent's file."""

    agent: Annotated[Agent | None, Meta(description="null: there are mistakes")]
    remarks: Annotated[tuple[Remark, ...], Meta(description="the mistakes by line, then advice")]


@operation(
    "POST", "/api/agent/text", group=AGENT, example={"name": "Bakery", "prompt": "You answer the phone of a bakery."}
)
async def agent_as_text(api: ApiServices, body: Agent) -> AgentText:
    """Write an agent as the text of its file. Defaults are left out."""
    return AgentText(await asyncio.to_thread(agent_text, body))


@operation(
    "POST",
    "/api/agent/check",
    group=AGENT,
    example={"text": 'name = "Bakery"\nprompt = "You answer the phone of a bakery."'},
)
async def check_agent_text(api: ApiServices, body: AgentText) -> CheckedAgent:
    """Check the text of an agent's file, as `lineside check` does. Nothing is saved."""
    return await asyncio.to_thread(_checked, body.text)  # up to a tenth of a second, which calls would hear


def _checked(text: str) -> CheckedAgent:
    remarks = check_agent_file(text, os.environ)  # only whether a variable is set, as a tool will find it
    if any(remark.kind == "mistake" for remark in remarks):
        return CheckedAgent(None, tuple(remarks))
    try:
        return CheckedAgent(read_agent_text(text), tuple(remarks))
    except ConfigError as wrong:
        return CheckedAgent(None, (Remark(0, str(wrong)), *remarks))
