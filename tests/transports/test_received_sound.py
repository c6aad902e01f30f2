"""The sound that a caller's program sends: what is passed on, refused, and counted."""

import pytest

from lineside.errors import TransportError
from lineside.transports.base import AudioMeter
from lineside.transports.received_sound import COUNT_EVERY, FASTEST, HEAD_START, LARGEST, ReceivedSound, TooFast

SECOND = bytes(32000)


class Meter(AudioMeter):
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[float, int]] = []

    def heard(self, seconds: float, chunks: int = 1) -> None:
        self.told.append((seconds, chunks))


def test_a_network_that_stalled_catches_up_and_a_faster_caller_is_ended() -> None:
    """Some seconds may come at once, and then four times real time; a sample more ends the call."""
    received = ReceivedSound("pcm", 32000, AudioMeter())
    for _ in range(int(HEAD_START + FASTEST)):
        received.check(SECOND, 1.0)
    with pytest.raises(TooFast, match="4 times real time"):
        received.check(b"\0\0", 1.0)


@pytest.mark.parametrize(("payload", "code"), [(bytes(LARGEST + 2), "frame_too_large"), (b"\0", "odd_length")])
def test_what_cannot_be_sound_is_refused_and_the_call_goes_on(payload: bytes, code: str) -> None:
    """The error says what is wrong; the next message is passed on."""
    received = ReceivedSound("pcm", 32000, AudioMeter())
    with pytest.raises(TransportError) as fault:
        received.check(payload, 10.0)
    assert (fault.value.code, isinstance(fault.value, TooFast)) == (code, False)
    assert received.check(SECOND, 10.0) == SECOND


def test_one_byte_is_a_sample_on_a_telephone_codec() -> None:
    """G.711 has no odd length."""
    assert ReceivedSound("g711_ulaw", 8000, AudioMeter()).check(b"\xff", 0.0) == b"\xff"


def test_the_meter_hears_of_sound_once_a_second_and_of_the_rest_at_the_end() -> None:
    """Nothing is counted twice."""
    meter = Meter()
    received = ReceivedSound("pcm", 32000, meter)
    for _ in range(COUNT_EVERY + 1):
        received.check(bytes(640), 10.0)
    received.count()
    assert meter.told == [(COUNT_EVERY * 0.02, COUNT_EVERY), (0.02, 1)]
