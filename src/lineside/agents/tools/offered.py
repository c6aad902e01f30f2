"""The agent of one call: with the tools that the caller's program offers and runs itself. Pure.

A program may do so because it holds the key of the call, as it may bring a prompt. What it offers is judged as what the
agent's file declares is: arguments that were said, a read-back and a yes before a write, one outcome that is owed.
"""

from collections.abc import Sequence

from msgspec.structs import replace

from lineside.agents.agent import Agent
from lineside.agents.consistency import mistakes
from lineside.agents.declared import Limits, Slot, Takes, Tool
from lineside.agents.templates import plain_read_back
from lineside.client_tools import ClientTool, ClientToolArgument
from lineside.errors import TransportError
from lineside.protocol import FirstMessage


def agent_of_call(agent: Agent, hello: FirstMessage) -> Agent:
    """The agent as it answers a call that begins with this message.

    Raises `TransportError` (`bad_first_message`) naming the tool that cannot be offered so.
    """
    if hello.system_prompt is not None:
        agent = replace(agent, tasks={}, tools={}, farewell="")  # the caller's program says what is to be done
    if not hello.client_tools:
        return agent
    _check_names(agent, hello.client_tools)
    offered = [one for one in hello.client_tools if one.about]
    if not offered:
        return agent
    slots = {name: slot for one in offered for name, slot in _slots(agent, one)}
    tools = {one.name: _tool(one) for one in offered}
    if wrong := next(mistakes(agent.slots | slots, tools, {}, Limits()), None):
        raise _refused(f"{'.'.join(wrong.where[1:])}: {wrong.what}")
    return replace(agent, slots=agent.slots | slots, tools=agent.tools | tools, tool_calls="native")


def _check_names(agent: Agent, offered: Sequence[ClientTool]) -> None:
    seen = set[str]()
    for one in offered:
        if one.name in seen:
            raise _refused(f"{one.name} is there twice")
        seen.add(one.name)
        known = agent.tools.get(one.name)
        if one.about and known is not None:
            raise _refused(f"{one.name}: the agent has a tool of this name; choose another")
        if not one.about and (known is None or not known.client):
            raise _refused(f"{one.name}: say about what it is; the agent's file has no such tool with client = true")


def _slots(agent: Agent, tool: ClientTool) -> list[tuple[str, Slot]]:
    """Slots that the arguments of a tool need and the agent does not have."""
    made = []
    for name, argument in tool.takes.items():
        known = agent.slots.get(name)
        plain = argument.kind == "text" and not argument.asks
        if known is not None and not plain and known.kind != argument.kind:
            raise _refused(f"{tool.name}.takes.{name}: the agent has a slot of this name, whose kind is {known.kind}")
        if known is None and not plain:
            made.append((name, _slot(name, argument)))
    return made


def _slot(name: str, argument: ClientToolArgument) -> Slot:
    asks = argument.asks or f"May I have the {name.replace('_', ' ')}?"
    return Slot(argument.kind, asks, length=argument.length, options=argument.options)


def _tool(offered: ClientTool) -> Tool:
    takes = {
        name: Takes(argument.about or name.replace("_", " "), argument.source)
        for name, argument in offered.takes.items()
    }
    read_back = "" if offered.effect == "reads" else offered.confirm or plain_read_back(offered.about, offered.takes)
    return Tool(
        offered.about,
        client=True,
        effect=offered.effect,
        takes=takes,
        gives=offered.gives,
        fails=offered.fails,
        within=offered.within,
        says=offered.says,
        confirm=read_back,
        claims=offered.claims,
        most=offered.most,
    )


def _refused(what: str) -> TransportError:
    return TransportError("bad_first_message", f"first message: client_tools: {what}")
