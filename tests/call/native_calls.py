"""Calls in which a language model calls the tools, for tests."""

import json
from typing import Any

import msgspec

from lineside.engines.protocols import Message, ToolCall
from lineside.engines.vendors.scripted import ScriptedLLM
from tests.call.fixtures import FinishedCall
from tests.call.test_dialog import DESK, call

NATIVE = msgspec.structs.replace(DESK, tool_calls="native", tasks={})
WITH_TASKS = msgspec.structs.replace(DESK, tool_calls="native")
READ_BACK = "An engineer for order 1 2 3, 4 5 on Friday, December 4. Shall I book it?"
DONE = "That's done. Reference: B, 4, 7. Is there anything else I can do for you?"


def uses(tool: str, words: str = "", **arguments: Any) -> Message:
    """The model says this, and calls a tool."""
    return Message("assistant", words, (ToolCall("", tool, json.dumps(arguments)),))


FINDS = uses("find_order", order_number="12345")
BOOKS = uses("book_visit", order_number="12345", day="2026-12-04")
WANTS = "Please send an engineer for order 12345 on Friday"


def native(*script: Any, does: list[Any], agent: Any = NATIVE, **given: Any) -> FinishedCall:
    """A call with a model that does this, one line a request."""
    return call(*script, agent=agent, llm=ScriptedLLM(answers=does), **given)


def results(held: FinishedCall, request: int = -1) -> list[Any]:
    """What the model was shown of its calls in one request, in order."""
    return [json.loads(message.content) for message in held.llm.asked[request] if message.role == "tool"]
