"""The events of a stream, wherever the network cuts it."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from lineside.engines.chat_stream import NOTHING, EventReader, StreamPiece, read_event

STREAM = (
    b': awake\r\n\r\ndata: {"choices":[{"delta":{"content":"We "}}]}\r\n\r\n\n\n'
    b'event: x\ndata:{"choices":[{"delta":{"reasoning":"hm"}}]}\n\n   \n'
    b"data: null\n\ndata: [DONE]"
)
EVENTS = [
    b'{"choices":[{"delta":{"content":"We "}}]}',
    b'{"choices":[{"delta":{"reasoning":"hm"}}]}',
    b"null",
    b"[DONE]",
]


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_events_are_the_same_wherever_the_stream_is_cut(cuts: list[int]) -> None:
    """Between any two bytes."""
    reader, places = EventReader(), [0, *sorted(cuts), len(STREAM)]
    found = [data for a, b in itertools.pairwise(places) for data in reader.feed(STREAM[a:b])]
    assert [*found, *reader.end()] == EVENTS


def test_what_carries_nothing_is_nothing() -> None:
    """Null, numbers, lists, missing and odd fields."""
    for data in (b"null", b"5", b"[]", b"{}", b'{"choices":null}', b'{"choices":[null,{"delta":null},{"delta":[]}]}'):
        assert read_event(data) == NOTHING


def test_thoughts_and_text_are_kept_apart_in_parts_too() -> None:
    """As Mistral's reasoning models send them."""
    data = b'{"choices":[{"delta":{"content":[{"type":"thinking","thinking":"Hm."},{"type":"text","text":"Yes."}]}}]}'
    assert read_event(data) == StreamPiece("Hm.", "Yes.")


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["choices", "delta", "content", "error", "message", "text", "type", "thinking"]),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_no_json_breaks_the_reader(told: object) -> None:
    """Whatever a server sends, as long as it is JSON."""
    import msgspec

    assert isinstance(read_event(msgspec.json.encode(told)), StreamPiece)
