"""Carriers' media streams: their quirks, and whatever may come instead of what is documented."""

import asyncio
import random
from collections.abc import Awaitable, Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineside.audio import g711
from lineside.audio.frame import SpokenAudio
from lineside.call.clock import LineClock
from lineside.call.playout import Playout
from lineside.call.playout_marks import LEAD, PlayoutMarks
from lineside.errors import TransportError
from lineside.transports.base import AudioMeter
from lineside.transports.line_control import LINE_ENDS
from lineside.transports.media_streams.dialect import StreamAudio, StreamShape, from_codec, silence, to_codec
from lineside.transports.media_streams.pieces import SoundPieces
from lineside.transports.media_streams.reorder import WINDOW, Reorder
from lineside.transports.media_streams.stream import FAULTS, START_WITHIN, MediaStream, started
from tests.transports.carriers import Asterisk, Carrier, Exotel, Plivo, SignalWire, StreamRig, Telnyx, Twilio, Vonage
from tests.transports.conformance import Listening
from tests.transports.contact_centres import FreeSwitch, Genesys, Jambonz
from tests.virtual_time import run

CARRIERS: dict[str, Callable[[], Carrier]] = {
    "twilio": Twilio,
    "signalwire": SignalWire,
    "telnyx": Telnyx,
    "telnyx A-law": lambda: Telnyx("PCMA"),
    "plivo": Plivo,
    "plivo linear": lambda: Plivo("audio/x-l16", 16_000),
    "exotel": Exotel,
    "vonage": Vonage,
    "genesys": Genesys,
    "jambonz": Jambonz,
    "freeswitch": FreeSwitch,
    "asterisk": Asterisk,
    "asterisk plain": lambda: Asterisk(json=False, slin=False),
}
TONE = 1000.0  # Hz
each_carrier = pytest.mark.parametrize("new", CARRIERS.values(), ids=CARRIERS)


def on_stream(new: Callable[[], Carrier], story: Callable[[StreamRig, Listening], Awaitable[None]]) -> None:
    """Run a story on a stream that is up."""

    async def main() -> None:
        rig = StreamRig(new())
        await rig.open()
        listener = Listening()
        watching = asyncio.create_task(rig.watch())
        running = asyncio.create_task(rig.leg.transport.run(listener))
        try:
            await asyncio.sleep(0.1)
            await story(rig, listener)
        finally:
            for task in (watching, running):
                task.cancel()
            await asyncio.wait([watching, running])
            rig.wire.abort()
            await asyncio.sleep(0)

    run(main())


def tone(rate: int, seconds: float = 1.0) -> bytes:
    at = np.arange(round(rate * seconds)) / rate
    return (12_000 * np.sin(2 * np.pi * TONE * at)).astype("<i2").tobytes()


def share_of_tone(pcm: bytes, rate: int) -> float:
    """How much of the energy lies within 20 Hz of the tone."""
    samples = np.frombuffer(pcm, "<i2").astype(float)
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    where = np.fft.rfftfreq(len(samples), 1 / rate)
    return float(power[np.abs(where - TONE) < 20].sum() / power.sum())


def written_by(carrier: Carrier, pcm: bytes) -> bytes:
    """Linear sound as this carrier writes the caller's."""
    if isinstance(carrier, Telnyx) or type(carrier) is Twilio or (isinstance(carrier, Plivo) and carrier.rate == 8000):
        law = "g711_alaw" if isinstance(carrier, Telnyx) and carrier.encoding == "PCMA" else "g711_ulaw"
        return g711.encode(pcm, law)  # type: ignore[arg-type]
    ulaw = isinstance(carrier, Genesys) or (isinstance(carrier, Asterisk) and not carrier.slin)
    return g711.encode(pcm, "g711_ulaw") if ulaw else pcm


@each_carrier
def test_a_tone_is_a_tone_both_ways(new: Callable[[], Carrier]) -> None:
    """Bytes the wrong way round, or A-law read as mu-law, are noise or distortion: the energy lies elsewhere."""

    async def story(rig: StreamRig, listener: Listening) -> None:
        transport, carrier = rig.leg.transport, rig.carrier
        said = written_by(carrier, tone(transport.rate))
        step = len(said) // 50
        for at in range(0, len(said), step):
            await rig.say(said[at : at + step])
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.2)
        heard = listener.sound if transport.codec == "pcm" else g711.decode(listener.sound, transport.codec)
        assert share_of_tone(heard, transport.rate) > 0.9
        assert len(heard) == 2 * transport.rate
        sound = tone(transport.rate)
        transport.send(sound if transport.codec == "pcm" else g711.encode(sound, transport.codec))
        await asyncio.sleep(1.5)
        out = rig.heard()
        one_byte = len(out) < 1.5 * transport.rate
        assert share_of_tone(g711.decode(out, "g711_ulaw") if one_byte else out, transport.rate) > 0.9

    on_stream(new, story)


def test_linear_sound_is_turned_round_where_the_high_byte_comes_first() -> None:
    """Telnyx's L16, and back."""
    pcm = tone(8000, 0.1)
    big = np.frombuffer(pcm, "<i2").astype(">i2").tobytes()
    assert to_codec(big, "l16_be", "pcm") == pcm
    assert from_codec(pcm, "pcm", "l16_be") == big
    assert to_codec(big + b"x", "l16_be", "pcm") == pcm, "half a sample is dropped"


@each_carrier
def test_a_minute_of_speech_is_never_more_than_the_lead_ahead(new: Callable[[], Carrier]) -> None:
    """Buffers at carriers end: 10 minutes at Twilio, 40 s at Plivo, 3072 messages at Vonage."""

    async def story(rig: StreamRig, listener: Listening) -> None:
        playout = Playout(rig.leg.transport, LineClock(asyncio.get_running_loop().time, 0.0), lambda gap: None)
        rate = rig.leg.transport.rate
        await playout.play(SpokenAudio(bytes(2 * 60 * rate), rate))
        assert rig.most_queued <= LEAD + 0.12

    on_stream(new, story)


@settings(max_examples=25)
@given(at=st.floats(0.0, 4.0), name=st.sampled_from(sorted(CARRIERS)))
def test_whenever_the_caller_interrupts_no_unheard_word_is_remembered(at: float, name: str) -> None:
    """And the sound stops within a tick, on every carrier, whatever comes back on clear."""

    async def story(rig: StreamRig, listener: Listening) -> None:
        transport, now = rig.leg.transport, asyncio.get_running_loop().time
        marks = PlayoutMarks(transport.mark)
        listener.on_mark = lambda name: marks.back(name, now())  # type: ignore[method-assign]
        playout = Playout(transport, LineClock(now, 0.0), lambda gap: None, marks=marks)
        rate = transport.rate
        word = rate // 4
        sound = b"\x11\x22" * word * 14
        spoken = SpokenAudio(sound, rate, tuple(((n + 1) * word, f"w{n} ") for n in range(14)))
        playing = asyncio.create_task(playout.play(spoken))
        await asyncio.sleep(at)
        playout.cut()
        heard = len(playout.heard().split())
        await asyncio.sleep(0.03)
        played = len(rig.heard()) / rig.carrier.second()
        assert heard * 0.25 <= played + 0.021, "a frame is played whole"
        assert heard * 0.25 >= played - 1.0, "hardly a word is forgotten that was heard"
        await asyncio.sleep(3)
        assert len(rig.heard()) / rig.carrier.second() <= played + 0.001, "nothing is played after the clear"
        assert len(playout.heard().split()) == heard
        playing.cancel()
        await asyncio.wait([playing])

    on_stream(CARRIERS[name], story)


def test_sound_that_comes_out_of_order_is_put_in_order() -> None:
    """Within a window; what is missing is a gap of its own length, what comes later than that is dropped."""
    order = Reorder()
    heard = [piece for number in (1, 3, 2, 4, 7, 5, 6, 8) for piece in order.put(number, bytes([number]))]
    assert heard == [bytes([number]) for number in range(1, 9)]
    heard = [piece for number in (9, 11, 12, 13, 10, 14) for piece in order.put(number, bytes([number]))]
    assert heard == [b"\x09", None, b"\x0b", b"\x0c", b"\x0d", b"\x0e"]
    assert (order.missing, order.late) == (1, 1)


@given(st.lists(st.integers(0, 400), max_size=80))
def test_no_order_of_numbers_makes_more_sound_than_came(numbers: list[int]) -> None:
    """Or holds back more than the window, however they jump."""
    order, out = Reorder(), 0
    for number in numbers:
        out += len([piece for piece in order.put(number, b"x") if piece is not None])
    assert out + order.late + len(order._held) <= len(numbers)
    assert len(order._held) <= WINDOW + 1


@given(
    sizes=st.lists(st.integers(1, 5000), max_size=20),
    shape=st.sampled_from([StreamShape(), StreamShape(320, 3200, 100_000), StreamShape(640, 640, 640)]),
)
def test_pieces_are_what_was_said_however_it_was_cut(sizes: list[int], shape: StreamShape) -> None:
    """Whole, in order, each of a size that the carrier takes; only the end is filled up."""
    pieces, said, out = SoundPieces(shape, b"\0\0"), b"", list[bytes]()
    for number, size in enumerate(sizes):
        sound = bytes([number + 1]) * size
        said += sound
        out += pieces.put(sound)
    out += pieces.flush()
    joined = b"".join(out)
    assert joined[: len(said)] == said
    assert joined[len(said) :].strip(b"\0") == b""
    assert all(len(piece) % shape.multiple == 0 and shape.least <= len(piece) <= shape.most for piece in out)


async def opened_with(carrier: Carrier, messages: list[str | bytes]) -> str:
    """The code that a stream which begins like this ends with; `started` where it begins."""
    rig = StreamRig(carrier)
    opening = asyncio.create_task(started(rig.ws, rig._dialect))
    await asyncio.sleep(0.01)
    for message in messages:
        rig.receive(message)
    try:
        await opening
    except TransportError as fault:
        return fault.code
    else:
        return "started"
    finally:
        rig.wire.abort()
        await asyncio.sleep(0)


@each_carrier
def test_a_stream_that_does_not_begin_is_named(new: Callable[[], Carrier]) -> None:
    """No start, another event first, garbage first; sound that comes before the start is kept."""
    carrier = new()

    async def story() -> None:
        began = asyncio.get_running_loop().time()
        assert await opened_with(carrier, []) == "no_first_message"
        assert asyncio.get_running_loop().time() - began == pytest.approx(START_WITHIN, abs=0.1)
        assert await opened_with(carrier, [carrier.digit("5")]) == "bad_first_message"
        assert await opened_with(carrier, ["{"]) == "bad_message"
        early = [carrier.media(written_by(carrier, bytes(320)), 1)]
        assert await opened_with(carrier, [*early, *carrier.opening()]) == "started"

    run(story())


def test_sound_before_the_start_is_heard_first() -> None:
    """Asterisk and others have been seen to send a frame too early."""

    async def story() -> None:
        carrier = Twilio()
        rig = StreamRig(carrier)
        rig.receive(carrier.media(b"a" * 160, 1))
        for message in carrier.opening():
            rig.receive(message)
        begun, early = await started(rig.ws, rig._dialect)
        assert early == [StreamAudio(b"a" * 160)]
        stream, listener = MediaStream(rig.ws, rig._dialect, begun, AudioMeter(), early), Listening()
        running = asyncio.create_task(stream.run(listener))
        await asyncio.sleep(0.1)
        await rig.say(b"b" * 160)
        await asyncio.sleep(0.1)
        assert listener.sound == b"a" * 160 + b"b" * 160
        running.cancel()
        await asyncio.wait([running])
        rig.wire.abort()
        await asyncio.sleep(0)

    run(story())


@each_carrier
def test_a_second_start_ends_the_call(new: Callable[[], Carrier]) -> None:
    """One socket is one call."""

    async def story() -> None:
        rig = StreamRig(new())
        await rig.open()
        running = asyncio.create_task(rig.leg.transport.run(Listening()))
        await asyncio.sleep(0.1)
        for message in rig.carrier.opening():
            rig.receive(message)
        with pytest.raises(TransportError, match="second start"):
            await running
        rig.wire.abort()
        await asyncio.sleep(0)

    run(story())


@settings(max_examples=300)
@given(
    st.sampled_from(sorted(CARRIERS)),
    st.lists(st.binary(max_size=200) | st.integers(0, 2**32), min_size=1, max_size=30),
)
def test_garbage_ends_nothing_but_its_own_call(name: str, garbage: list[bytes | int]) -> None:
    """Random bytes, and documented messages with bytes changed: told, passed over, and after some the call ends."""

    async def story() -> None:
        rig = StreamRig(CARRIERS[name]())
        await rig.open()
        listener = Listening()
        running = asyncio.create_task(rig.leg.transport.run(listener))
        await asyncio.sleep(0.01)
        examples = [*rig.carrier.opening(), rig.carrier.digit("5"), rig.carrier.marked("e0-1")]
        for item in garbage:
            if isinstance(item, bytes):
                text = item.decode("utf-8", "replace")
            else:
                chance = random.Random(item)  # noqa: S311
                letters = list(chance.choice(examples))
                for _ in range(chance.randint(1, 4)):
                    letters[chance.randrange(len(letters))] = chr(chance.choice([0, 34, 44, 48, 123, 125, 0xFFFD]))
                text = "".join(letters)
            rig.receive(text)
        await asyncio.sleep(0.1)
        assert len(listener.faults) <= FAULTS
        if not running.done():
            await rig.say(written_by(rig.carrier, b"\x11" * 640))
            await asyncio.sleep(0.1)
            assert listener.sound or isinstance(rig.carrier, Telnyx)
        running.cancel()
        await asyncio.wait([running])
        assert running.cancelled() or isinstance(running.exception(), TransportError | None)
        rig.wire.abort()
        await asyncio.sleep(0)

    run(story())


def test_a_message_of_a_megabyte_closes_the_socket() -> None:
    """Before it is read whole."""

    async def story(rig: StreamRig, listener: Listening) -> None:
        rig.receive('{"event":"media","media":{"payload":"' + "A" * (1 << 20) + '"}}')
        await asyncio.sleep(0.2)
        assert rig.ws.over.done()

    on_stream(Twilio, story)


def test_a_reply_that_ends_in_half_a_piece_is_heard_to_its_end() -> None:
    """Filled up with silence, once nothing more comes for 60 ms."""
    for new in (Exotel, Vonage):

        async def story(rig: StreamRig, listener: Listening) -> None:
            rig.leg.transport.send(b"\x11\x22" * 1700)
            await asyncio.sleep(1.0)
            assert rig.heard().rstrip(b"\0") == b"\x11\x22" * 1700
            assert silence("l16", 2) == b"\0\0"

        on_stream(new, story)


def test_a_lag_at_asterisk_does_not_stay() -> None:
    """A clock of ours that runs ahead fills their queue for good; at the next reply it is flushed, and nothing lost."""

    async def story(rig: StreamRig, listener: Listening) -> None:
        rig._ends = asyncio.get_running_loop().time() + 3.0  # three seconds of old silence wait
        rig._queue.append((rig._ends, b"\0\0"))
        transport = rig.leg.transport
        transport.send(b"\x11\x22" * 3200)
        transport.mark("e0-1")
        await asyncio.sleep(0.6)
        assert rig.heard().strip(b"\0") == b"\x11\x22" * 3200
        assert [name for _, name in listener.marks] == ["e0-1"]

    on_stream(Asterisk, story)


@each_carrier
def test_a_far_end_that_is_gone_without_a_word_ends_the_call(new: Callable[[], Carrier]) -> None:
    """A half-open connection: no FIN, no answer to a ping, nothing read. Over within two beats, and named so."""

    async def story() -> None:
        rig = StreamRig(new())
        await rig.open()
        running = asyncio.create_task(rig.leg.transport.run(Listening()))
        await asyncio.sleep(0.1)
        began = asyncio.get_running_loop().time()
        assert await running == "line_lost"
        assert asyncio.get_running_loop().time() - began <= 41
        async with asyncio.timeout(LINE_ENDS + 2):
            await rig.leg.control.hang_up("line_lost")

    run(story())
