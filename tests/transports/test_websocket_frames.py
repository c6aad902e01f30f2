"""WebSocket frames: what is read, however the bytes are cut, and what is refused. RFC 6455."""

import itertools
import os
from itertools import pairwise

import pytest
from aiohttp._websocket.helpers import websocket_mask
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import PayloadTooBig, ProtocolError
from websockets.frames import Frame as TheirFrame
from websockets.frames import Opcode
from websockets.protocol import OPEN, Protocol, Side

from lineside.transports.websocket_frames import (
    BINARY,
    CLOSE,
    CONTINUED,
    PARTS,
    PING,
    PONG,
    STEP,
    TEXT,
    Frame,
    FrameReader,
    ProtocolViolation,
    framed,
)

LARGEST = 70_000


def sent(kind: int, payload: bytes, *, final: bool = True, mask: bytes | None = None, flags: int = 0) -> bytes:
    """A frame as a client sends it."""
    mask = os.urandom(4) if mask is None else mask
    size = len(payload)
    if size <= 125:
        length = bytes([128 | size])
    elif size < 1 << 16:
        length = bytes([128 | 126]) + size.to_bytes(2, "big")
    else:
        length = bytes([128 | 127]) + size.to_bytes(8, "big")
    head = bytes([(128 if final else 0) | flags | kind])
    return head + length + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


def read(reader: FrameReader, data: bytes) -> list[Frame]:
    """All that is complete. Raises what the reader finds fault with, after that."""
    found, step = list[Frame](), reader.feed(data)
    while True:
        found += step.found
        if step.fault is not None:
            raise step.fault
        if not step.more:
            return found
        step = reader.feed(b"")


sizes = st.one_of(st.integers(0, 200), st.sampled_from([125, 126, 127, 640, 65_535, 65_536]))
messages = st.tuples(st.sampled_from([TEXT, BINARY, PING]), sizes, st.integers(1, 3))


@given(st.lists(messages, max_size=6), st.lists(st.integers(0, 2000), max_size=20))
def test_messages_are_the_same_however_the_bytes_are_cut(
    sent_ones: list[tuple[int, int, int]], cuts: list[int]
) -> None:
    """Short, long and very long ones, in pieces with a ping between them, cut anywhere."""
    stream, expected = b"", []
    for kind, size, pieces in sent_ones:
        payload = bytes(n % 251 for n in range(min(size, 125) if kind == PING else size))
        expected.append(Frame(kind, payload))
        if kind == PING or pieces == 1:
            stream += sent(kind, payload)
            continue
        step = len(payload) // pieces
        for piece in range(pieces):
            last = piece == pieces - 1
            part = payload[piece * step :] if last else payload[piece * step : (piece + 1) * step]
            stream += sent(CONTINUED if piece else kind, part, final=last)
            if not last:
                stream += sent(PONG, b"between")
                expected.insert(-1, Frame(PONG, b"between"))
    reader, found = FrameReader(LARGEST), list[Frame]()
    for begin, end in pairwise(sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})):
        found += read(reader, stream[begin:end])
    assert found == expected


@given(st.integers(0, 700), st.binary(min_size=4, max_size=4))
def test_the_short_way_and_the_long_way_read_the_same(size: int, mask: bytes) -> None:
    """Where nothing but ordinary sound comes it is read in one step; what else there is goes the long way."""
    payload = os.urandom(size)
    frame = sent(BINARY, payload, mask=mask)
    assert FrameReader(LARGEST).sounds(frame) == ([payload] if size > 125 else None)
    assert read(FrameReader(LARGEST), frame) == [Frame(BINARY, payload)]
    after = sent(BINARY, bytes(200))
    assert FrameReader(LARGEST).sounds(frame + after) == ([payload, bytes(200)] if size > 125 else None)
    for other in (frame[:-1], frame + b"\0", frame + after[:100], sent(TEXT, payload), frame + sent(TEXT, b"a")):
        assert FrameReader(LARGEST).sounds(other) is None
    assert FrameReader(LARGEST).sounds(sent(BINARY, payload, final=False)) is None
    assert FrameReader(150).sounds(sent(BINARY, bytes(151))) is None, "that is refused, by the long way"
    begun = FrameReader(LARGEST)
    begun.feed(sent(TEXT, b"a", final=False))
    assert begun.sounds(frame) is None


def test_a_block_like_the_last_one_is_read_without_a_second_look() -> None:
    """Sound of the same length, with a mask of its own; anything else, and all behind half a frame, is looked at."""
    first, second = bytes(range(200)), bytes(reversed(range(200)))
    reader = FrameReader(LARGEST)
    assert reader.same(sent(BINARY, first)) is None
    assert reader.sounds(sent(BINARY, first)) == [first]
    assert reader.same(sent(BINARY, second)) == second
    for other in (
        sent(TEXT, first),
        sent(BINARY, first, final=False),
        sent(BINARY, bytes(201)),
        sent(BINARY, first)[1:],
    ):
        assert reader.same(other) is None
    assert not reader.feed(sent(TEXT, b"half")[:3]).found
    assert reader.same(sent(BINARY, second)) is None, "half a frame waits, and these bytes are its rest"
    reader = FrameReader(LARGEST)
    assert reader.sounds(sent(BINARY, first)) == [first]
    assert not reader.feed(sent(TEXT, b"a part", final=False)).found
    assert reader.same(sent(BINARY, second)) is None, "a message has begun, and another inside of it is a fault"


def test_masks_are_taken_off_by_compiled_code() -> None:
    """aiohttp's, which has a slow one for machines without: nobody would notice but for what a call costs."""
    assert websocket_mask.__class__.__name__ == "cython_function_or_method"


@pytest.mark.parametrize(
    ("stream", "status"),
    [
        (sent(BINARY, b"ab", flags=0x40), 1002),  # an extension
        (framed(BINARY, b"ab"), 1002),  # not masked
        (sent(3, b""), 1002),
        (sent(11, b""), 1002),
        (sent(PING, bytes(126)), 1002),
        (sent(PING, b"", final=False), 1002),
        (sent(CONTINUED, b"ab"), 1002),
        (sent(TEXT, b"a", final=False) + sent(TEXT, b"b"), 1002),
        (sent(BINARY, bytes(LARGEST + 1)), 1009),
        (b"\x82\xff" + (1 << 62).to_bytes(8, "big"), 1009),  # refused before a byte of it is kept
        (sent(BINARY, bytes(LARGEST), final=False) + sent(CONTINUED, b"a"), 1009),
        (sent(BINARY, b"", final=False) + sent(CONTINUED, b"", final=False) * PARTS, 1009),
        (sent(CLOSE, b"\x03"), 1002),  # half a code
        *[(sent(CLOSE, code.to_bytes(2, "big")), 1002) for code in (0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65535)],
        (sent(CLOSE, b"\x03\xe8\xff"), 1007),  # a reason that is no text
    ],
    ids=itertools.count(),  # the masks are random; names of tests are the same in every process
)
def test_what_breaks_the_protocol_is_refused(stream: bytes, status: int) -> None:
    """With the code that the RFC has for it."""
    with pytest.raises(ProtocolViolation) as fault:
        read(FrameReader(LARGEST), stream)
    assert fault.value.status == status


def test_codes_of_a_goodbye_that_may_be_sent_are_taken() -> None:
    """Those that the RFC and its registry define, and those for libraries and programs."""
    for code in (1000, 1001, 1003, 1007, 1011, 1014, 3000, 4999):
        payload = code.to_bytes(2, "big") + "grüß Gott".encode()
        assert read(FrameReader(LARGEST), sent(CLOSE, payload)) == [Frame(CLOSE, payload)]


def test_what_came_before_a_fault_counts() -> None:
    """A message that was whole is heard, also where the same bytes go on with nonsense."""
    step = FrameReader(LARGEST).feed(sent(TEXT, b"goodbye") + sent(3, b""))
    assert step.found == [Frame(TEXT, b"goodbye")]
    assert step.fault is not None


def test_a_step_reads_some_frames_and_keeps_the_rest() -> None:
    """However many come in one piece; pieces of messages and control frames count as well."""
    reader = FrameReader(LARGEST)
    pieces = sent(TEXT, b"a", final=False) + sent(CONTINUED, b"", final=False) * 700 + sent(CONTINUED, b"z")
    step, frames, steps = reader.feed(sent(PING, b"") * 300 + pieces), 0, 0
    while True:
        frames, steps = frames + step.frames, steps + 1
        assert step.frames <= STEP
        if not step.more:
            break
        step = reader.feed(b"")
    assert (frames, steps) == (1002, 4)
    assert step.found == [Frame(TEXT, b"az")]


def test_a_message_that_drips_in_is_not_copied_for_every_byte() -> None:
    """64 kB a byte at a time: what waits is joined once, when it is whole."""
    reader, stream, joined = FrameReader(LARGEST), sent(BINARY, bytes(65_000)), 0
    for at in range(len(stream) - 1):
        before = len(reader._held)
        assert reader.feed(stream[at : at + 1]).found == []
        joined += len(reader._held) <= before
    assert joined < 10
    assert reader.feed(stream[-1:]).found == [Frame(BINARY, bytes(65_000))]


odd_frames = st.builds(
    lambda kind, payload, final, flags: sent(kind, payload, final=final, flags=flags, mask=b"mask"),
    st.sampled_from([TEXT, BINARY, CONTINUED, CONTINUED, CLOSE, PING, PONG, 3, 11]),
    st.one_of(
        st.binary(max_size=8),
        st.sampled_from([b"\x03\xe8", b"\x03\xed", b"\x0b\xb8ok", b"\x03\xe8\xff", bytes(125), bytes(126), bytes(300)]),
    ),
    st.booleans(),
    st.sampled_from([0, 0, 0, 0, 0, 0x40]),
)


@given(st.lists(st.one_of(odd_frames, odd_frames, st.binary(max_size=12)), max_size=8))
def test_it_reads_what_another_library_reads_and_refuses_what_it_refuses(parts: list[bytes]) -> None:
    """The library `websockets` as the judge: the same messages in the same order, and the same code at a fault."""
    stream, ours = b"".join(parts), list[Frame]()
    step = FrameReader(LARGEST).feed(stream)
    for frame in step.found:
        ours.append(frame)
        if frame.kind == CLOSE:
            break  # whatever comes after it is not looked at
    closed = bool(ours) and ours[-1].kind == CLOSE
    theirs, fault = judged(stream)
    if step.fault is not None and fault is None:  # we say so as soon as the head is there, they when the frame is
        theirs, fault = judged(stream + bytes(LARGEST))
    assert ours == theirs
    assert (None if closed or step.fault is None else step.fault.status) == fault


def judged(stream: bytes) -> tuple[list[Frame], int | None]:
    """Messages and control frames as `websockets` reads them, and the code that it closes with at a fault."""
    judge = Protocol(Side.SERVER, state=OPEN, max_size=LARGEST)
    judge.receive_data(stream)
    found, kind, pieces = list[Frame](), 0, list[bytes]()
    for frame in judge.events_received():
        assert isinstance(frame, TheirFrame)
        opcode, payload = int(frame.opcode), bytes(frame.data)
        if opcode >= CLOSE:
            found.append(Frame(opcode, payload))
            continue
        kind = kind if frame.opcode is Opcode.CONT else opcode
        pieces.append(payload)
        if frame.fin:
            found.append(Frame(kind, b"".join(pieces)))
            pieces.clear()
    match judge.parser_exc:
        case ProtocolError():
            return found, 1002
        case PayloadTooBig():
            return found, 1009
        case UnicodeDecodeError():
            return found, 1007
        case _:
            return found, None
