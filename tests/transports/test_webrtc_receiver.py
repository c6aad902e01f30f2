"""A caller's packets over WebRTC: in order, gaps filled, losses made up, floods bounded. Times are handed in."""

import pytest

from lineside.rtp.packet import RtpPacket
from lineside.transports.webrtc.receiver import AHEAD, FRAME_TICKS, RATE, OpusReceiver

FRAME = 2 * FRAME_TICKS // 2  # bytes of 20 ms


class Heard:
    """A receiver whose decoder makes of each payload a frame of its first byte."""

    def __init__(self) -> None:
        self.sound = bytearray()
        self.receiver = OpusReceiver(self._decode, self.sound.extend, began=0.0)

    def _decode(self, payload: bytes) -> tuple[bytes, int] | None:
        return None if payload == b"?" else (payload[:1] * FRAME, FRAME_TICKS)

    def packet(
        self,
        number: int,
        now: float | None = None,
        payload: bytes | None = None,
        ssrc: int = 1,
        sequence: int | None = None,
    ) -> None:
        sound, at = payload or bytes([number & 63]), (number * FRAME_TICKS) & 0xFFFFFFFF
        packet = RtpPacket(111, False, number if sequence is None else sequence, at, ssrc, sound)
        self.receiver.receive(packet, number * 0.02 if now is None else now)

    @property
    def frames(self) -> list[int]:
        """The first byte of each 20 ms."""
        return [self.sound[at] for at in range(0, len(self.sound), FRAME)]


def test_packets_that_overtake_each_other_are_heard_in_order() -> None:
    """Twice is once, too."""
    heard = Heard()
    for number in (1, 3, 2, 2, 4):
        heard.packet(number)
    assert heard.frames == [1, 2, 3, 4]
    assert heard.receiver.order.late == 1


def test_a_lost_packet_is_made_up_and_the_clock_goes_on() -> None:
    """Sound stays as long as time: the call's clock counts it."""
    heard = Heard()
    for number in (1, 2, 4, 5):
        heard.packet(number)
    for tick in range(6, 20):
        heard.receiver.tick(tick * 0.02)
    assert len(heard.sound) == 5 * FRAME
    assert (heard.receiver.missing, heard.receiver.concealed) == (1, 1)
    assert heard.frames[-2:] == [4, 5]


def test_a_microphone_that_sends_nothing_is_silent_after_a_grace_and_is_heard_again() -> None:
    """What was filled in meanwhile is not filled in again, at the first packet after it."""
    heard = Heard()
    heard.packet(1, 0.02)
    for tick in range(2, 52):
        heard.receiver.tick(tick * 0.02)
    silent = heard.frames[1:]
    assert silent
    assert set(silent) == {0}
    heard.packet(52, sequence=2)
    assert len(heard.sound) == 52 * FRAME


def test_another_stream_begins_anew() -> None:
    """A microphone that was changed: other numbers, other timestamps, nothing filled in between."""
    heard = Heard()
    heard.packet(1)
    heard.packet(9000, 0.04, ssrc=2)
    assert len(heard.sound) == 2 * FRAME


@pytest.mark.parametrize("payload", [b"?", bytes(2000)], ids=["no Opus", "too long"])
def test_what_is_no_sound_is_passed_over(payload: bytes) -> None:
    """The frame after it stands where it belongs."""
    heard = Heard()
    heard.packet(1)
    heard.packet(2, payload=payload)
    heard.packet(3)
    assert len(heard.sound) == 3 * FRAME


def test_a_flood_is_no_more_than_time_has_passed_and_some() -> None:
    """A client that sends minutes in a second cannot have them heard."""
    heard = Heard()
    for number in range(1000):
        heard.packet(number, now=0.1)
    assert len(heard.sound) / 2 / RATE <= AHEAD + 0.1
    assert heard.receiver.dropped > 0
