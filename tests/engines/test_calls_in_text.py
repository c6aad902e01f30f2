"""Calls that a model writes into its text, and fragments of calls: nothing that a server sends breaks the reader."""

import itertools
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lineside.engines.protocols import Message, ToolCall, ToolSpec
from lineside.engines.tool_calls import CallReader, CallsInText, without_tool_calls
from lineside.testing import FIND_ORDER

ASKED = (Message("system", "You look orders up."), Message("user", "Where is order 12345?"))
TEXTS = (
    'Let me look. <tool_call>{"name": "find_order", "arguments": {"order_number": "12345"}}</tool_call>',
    '{"name": "find_order", "arguments": {"order_number": "12345"}}',
    "We open at nine <b>sharp</b>, [really] {so}.",
    "{not a call} at all",
    'Yes.\n```json\n{"name": "find_order", "arguments": {}}\n```',
)


@given(st.sampled_from(TEXTS), st.lists(st.integers(0, 90), max_size=20))
def test_text_is_the_same_wherever_it_is_cut(text: str, cuts: list[int]) -> None:
    """Between any two letters."""
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    results = []
    for parts in ([text], [text[a:b] for a, b in itertools.pairwise(places)]):
        reader = CallsInText((FIND_ORDER,))
        out = "".join(reader.feed(part) for part in parts)
        rest, found = reader.end()
        results.append((out + rest, found))
    assert results[0] == results[1]


def test_a_call_of_no_offered_tool_stays_text() -> None:
    """What is no tool here is left to the filter before the voice."""
    reader = CallsInText((ToolSpec("other", "", {}),))
    assert reader.feed(TEXTS[1]) == ""
    assert reader.end() == (TEXTS[1], [])


@given(
    st.lists(
        st.recursive(
            st.none() | st.integers(-2, 2) | st.text(max_size=4),
            lambda inner: st.dictionaries(
                st.sampled_from(["index", "id", "function", "name", "arguments"]), inner, max_size=4
            ),
            max_leaves=8,
        ),
        max_size=6,
    )
)
def test_no_json_breaks_the_reader(fragments: list[Any]) -> None:
    """Whatever a server sends as calls."""
    reader = CallReader()
    reader.feed(fragments)
    assert all(isinstance(found.arguments, str) for found in reader.end())


def test_a_conversation_without_its_calls_keeps_what_was_said() -> None:
    """For a model that cannot call tools."""
    said = (
        *ASKED,
        Message("assistant", "One moment.", (ToolCall("a", "x", "{}"),)),
        Message("tool", "{}", answers="a"),
    )
    assert without_tool_calls(said) == [*ASKED, Message("assistant", "One moment.")]
