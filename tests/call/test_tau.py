"""lineside as the agent of τ²-bench, in text mode: over a real WebSocket, with a scripted model and its types made up.

τ²-bench itself is not on PyPI, so its classes stand here by name, as its sources have them.
"""

import asyncio
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from bench.tau.agent import lineside_agent
from bench.tau.conversation import Said, TextConversation, ToolWanted

from lineside.engines.protocols import Message
from tests.call.native_calls import uses
from tests.records.fixtures import opened

TOOLS: list[dict[str, Any]] = [
    {
        "name": "get_user",
        "description": "Finds a user.",
        "parameters": {"type": "object", "properties": {"user_id": {"type": "string"}, "limit": {"type": "integer"}}},
    },
    {
        "name": "cancel_order",
        "description": "Cancels an order.",
        "parameters": {"type": "object", "properties": {"order_id": {"type": "string", "description": "Its id"}}},
        "writes": True,
    },
]
DOES: list[str | Message] = [
    uses("get_user", user_id="u_1", limit=3),
    "You have two orders.",
    uses("cancel_order", order_id="W1"),
    "Bye.",
]


@contextmanager
def gateway(folder: Path, answers: list[str | Message]) -> Iterator[str]:
    """Open in a thread, as beside a benchmark that waits."""
    ready, state = threading.Event(), dict[str, Any]()

    async def keep_open() -> None:
        state["loop"], state["over"] = asyncio.get_running_loop(), asyncio.Event()
        async with opened(folder, answers=answers) as server:  # type: ignore[arg-type]
            state["url"] = server.url
            ready.set()
            await state["over"].wait()

    thread = threading.Thread(target=lambda: asyncio.run(keep_open()), name="gateway")
    thread.start()
    assert ready.wait(60)
    try:
        yield state["url"]
    finally:
        state["loop"].call_soon_threadsafe(state["over"].set)
        thread.join(60)


def test_a_benchmark_speaks_to_lineside_and_runs_its_tools(tmp_path: Path) -> None:
    """What the user says is answered; a read runs at once, a write after lineside's own read-back and a yes."""
    with gateway(tmp_path, DOES) as url:
        call = TextConversation(url, {"system_prompt": "You help."}, TOOLS)
        wanted = call.say("I am user u_1, which orders do I have?")
        assert isinstance(wanted, ToolWanted)
        assert (wanted.name, wanted.arguments) == ("get_user", {"user_id": "u_1", "limit": 3})
        assert call.give(wanted.id, '{"orders": ["W1", "W2"]}' + " " * 9000) == Said("You have two orders.")
        read_back = call.say("Cancel W1 please")
        assert read_back == Said("Cancels an order. Order id: W1. Shall I do that?")
        wanted = call.say("Yes")
        assert isinstance(wanted, ToolWanted)
        assert (wanted.name, wanted.arguments) == ("cancel_order", {"order_id": "W1"})
        done = call.give(wanted.id, "cancelled")
        assert isinstance(done, Said)
        assert done.text.startswith("That's done.")
        call.close()


class _Message(SimpleNamespace):
    """As τ²-bench's messages: what they are given."""


def test_its_agent_class_is_made_of_the_benchmarks_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A factory for its registry: init, messages, tool calls, stop."""

    class HalfDuplexAgent:
        def __init__(self, tools: list[Any], domain_policy: str) -> None:
            self.tools, self.domain_policy = tools, domain_policy

    kinds = {name: type(name, (_Message,), {}) for name in ("AssistantMessage", "MultiToolMessage", "UserMessage")}
    kinds |= {"ToolMessage": type("ToolMessage", (_Message,), {}), "ToolCall": type("ToolCall", (_Message,), {})}
    base, message = ModuleType("tau2.agent.base_agent"), ModuleType("tau2.data_model.message")
    base.HalfDuplexAgent = HalfDuplexAgent  # type: ignore[attr-defined]
    for name, kind in kinds.items():
        setattr(message, name, kind)
    for name in ("tau2", "tau2.agent", "tau2.data_model"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, "tau2.agent.base_agent", base)
    monkeypatch.setitem(sys.modules, "tau2.data_model.message", message)
    with gateway(tmp_path, DOES) as url:
        monkeypatch.setenv("LINESIDE_URL", url)
        tools = [SimpleNamespace(openai_schema={"function": tool}, tool_type="read") for tool in TOOLS[:1]]
        agent = lineside_agent(tools, "You help.", llm="ignored")
        state = agent.get_init_state()
        asked, state = agent.generate_next_message(kinds["UserMessage"](content="I am u_1"), state)
        assert [(call.name, call.requestor) for call in asked.tool_calls] == [("get_user", "assistant")]
        result = kinds["ToolMessage"](id=asked.tool_calls[0].id, content="{}", error=False)
        said, state = agent.generate_next_message(result, state)
        assert (said.content, said.role) == ("You have two orders.", "assistant")
        agent.stop(None, state)
        with pytest.raises(ValueError, match="without a message history"):
            agent.get_init_state([said])
