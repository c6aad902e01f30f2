"""Sound and keys over RTP: whatever the network does to packets, the call hears them in order and whole."""

import asyncio
import random
import struct
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.audio.frame import SAMPLE_BYTES
from lineside.rtp.codecs import CLOCK, PAYLOAD_TYPES, CodecName, new_codec
from lineside.rtp.concealment import conceal
from lineside.rtp.media_plan import MediaPlan
from lineside.rtp.packet import RtpPacket, build_rtp, is_rtcp, parse_rtp
from lineside.rtp.ports import REST, PortPool
from lineside.rtp.receiver import RtpReceiver
from lineside.rtp.reorder import LONGEST, SHORTEST, ReorderBuffer
from lineside.rtp.rtcp import ReceptionCounter, ReceptionReport, SentSound, build_report, parse_rtcp
from lineside.rtp.sender import RtpSender
from lineside.rtp.sockets import open_sockets
from lineside.rtp.source_lock import LEARN_WITHIN, PROBATION, SILENT, SourceLock
from lineside.rtp.telephone_event import DIGITS, TelephoneEventReader, check_digits

CALLER, STRANGER = ("10.0.0.5", 4000), ("203.0.113.9", 4000)
PLAN = MediaPlan(CALLER, ("10.0.0.5", 4001), "PCMU", 0, 0, 96, 96)


def packet(number: int, payload: bytes = b"", *, kind: int = 0, ssrc: int = 7, base: int = 0) -> RtpPacket:
    """The packet of the 20 ms `number`; its payload says which it is."""
    sequence, timestamp = (base + number) & 0xFFFF, (base * 160 + 160 * number) & 0xFFFFFFFF
    return RtpPacket(kind, False, sequence, timestamp, ssrc, payload or bytes([number & 0x7F]) * 160)


class Ear:
    """A receiver and what it handed on."""

    def __init__(self, plan: MediaPlan = PLAN, *, nat: bool = False) -> None:
        self.sound: list[bytes] = []
        self.digits = ""
        self.receiver = RtpReceiver(
            plan, new_codec(plan.codec), SourceLock(plan.remote, 0.0, nat=nat), self.sound.append, self._digit
        )

    def _digit(self, digit: str) -> None:
        self.digits += digit

    def take(self, packets: list[tuple[float, RtpPacket]]) -> None:
        """Packets with the time at which they arrive, and a tick every 20 ms."""
        now = 0.0
        for at, one in sorted(packets, key=lambda given: given[0]):
            while now + 0.02 <= at:
                now += 0.02
                self.receiver.tick(now)
            self.receiver.receive(one, CALLER, at)
        for _ in range(15):
            now += 0.02
            self.receiver.tick(now)

    @property
    def seconds(self) -> float:
        return len(b"".join(self.sound)) / CLOCK


# ── packets ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_packet_is_read_as_it_was_written() -> None:
    """All fields come back; what other senders add to the header is passed over."""
    one = RtpPacket(8, True, 65535, 0xFFFFFFFF, 0x12345678, b"sound")
    assert parse_rtp(build_rtp(one)) == one
    raw = build_rtp(one)
    extended = bytes([0x80 | 0x30 | 2]) + raw[1:12] + bytes(8) + b"\xbe\xde\x00\x01abcd" + b"sound" + b"\0\0\3"
    assert parse_rtp(extended) == one


@given(st.binary(max_size=80))
def test_whatever_a_datagram_holds_it_is_read_or_passed_over(data: bytes) -> None:
    """A payload that is read lies inside the datagram."""
    found = parse_rtp(data)
    assert found is None or found.payload in data
    parse_rtcp(data)
    is_rtcp(data)


# ── order ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_packets_in_order_wait_for_nothing() -> None:
    """The caller's sound reaches the call at once, over the end of the sequence numbers too."""
    buffer = ReorderBuffer()
    for number in range(200):
        came = buffer.put(packet(number, base=65_500), number * 0.02)
        assert [(one.packet.sequence, one.missing) for one in came] == [((65_500 + number) & 0xFFFF, 0)]


@given(st.randoms(use_true_random=False), st.integers(0, 0xFFFF), st.floats(0.0, 0.3))
def test_packets_come_out_in_order_once_each_whatever_the_network_does(
    randomness: random.Random, base: int, loss: float
) -> None:
    """Loss, doubling and swaps by up to three packets: every packet that came in time comes out, in order, once."""
    arrivals = []
    for number in range(120):
        if number and randomness.random() < loss:
            continue
        at = 0.1 + number * 0.02 + (randomness.random() * 0.015 if number else 0.0)
        arrivals.append((at, number))
        if randomness.random() < 0.1:
            arrivals.append((at + 0.03, number))
    buffer, out, now = ReorderBuffer(), [], 0.0
    for at, number in sorted(arrivals):
        while now + 0.02 <= at:
            now += 0.02
            out += buffer.due(now)
        out += buffer.put(packet(number, base=base), at)
    out += buffer.due(now + 1.0)
    numbers = [(one.packet.sequence - base) & 0xFFFF for one in out]
    assert numbers == sorted({number for _, number in arrivals})
    assert sum(one.missing for one in out) == numbers[-1] + 1 - len(numbers)
    assert SHORTEST <= buffer.window <= LONGEST


def test_a_packet_that_is_late_is_waited_for_and_one_that_is_too_late_is_dropped() -> None:
    """The window begins at 40 ms."""
    buffer = ReorderBuffer()
    buffer.put(packet(0), 0.0)
    assert buffer.put(packet(2), 0.02) == []
    assert [one.packet.sequence for one in buffer.put(packet(1), 0.03)] == [1, 2]
    assert buffer.put(packet(4), 0.06) == []
    assert [(one.packet.sequence, one.missing) for one in buffer.due(0.12)] == [(4, 1)]
    assert buffer.put(packet(3), 0.13) == []
    assert buffer.late == 1


def test_a_jump_of_the_numbers_is_believed_when_the_next_one_follows_it() -> None:
    """A sender that begins anew without another SSRC is heard again; one odd packet changes nothing."""
    buffer = ReorderBuffer()
    buffer.put(packet(0), 0.0)
    assert buffer.put(packet(30_000), 0.02) == []
    assert len(buffer.put(packet(1), 0.04)) == 1
    assert buffer.put(packet(20_000), 0.06) == []
    assert [one.packet.sequence for one in buffer.put(packet(20_001), 0.08)] == [20_001]
    assert buffer.restarts == 1


# ── the ear ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("milliseconds", [10, 20, 30, 40, 60])
def test_packets_of_any_length_are_heard_whole(milliseconds: int) -> None:
    """A second of sound is a second, whatever the length of its packets."""
    ear, ticks = Ear(), milliseconds * 8
    count = 6000 // ticks
    sent = [RtpPacket(0, False, n, n * ticks, 1, bytes([n & 0x7F]) * ticks) for n in range(count)]
    ear.take([(n * milliseconds / 1000, one) for n, one in enumerate(sent)])
    assert b"".join(ear.sound).startswith(b"".join(one.payload for one in sent))


def test_loss_and_disorder_cost_no_time_and_no_more_sound_than_was_lost() -> None:
    """Of five lost packets in a hundred the gaps are filled: what follows stands where it was spoken."""
    ear, randomness = Ear(), random.Random(3)  # noqa: S311 - loss of a test
    lost = set(randomness.sample(range(1, 490), 25))
    arrivals = [(n * 0.02 + randomness.random() * 0.03, packet(n)) for n in range(500) if n not in lost]
    ear.take(arrivals)
    heard = b"".join(ear.sound)[: 500 * 160]
    wrong = [n for n in range(500) if n not in lost and heard[n * 160 : n * 160 + 160] != bytes([n & 0x7F]) * 160]
    assert wrong == []
    assert ear.receiver.concealed == 25
    assert ear.receiver.counter.lost == 25


def test_silence_that_is_not_sent_is_heard_as_silence_of_its_length() -> None:
    """A telephone that stops sending while nobody speaks: the call's clock goes on, and not twice."""
    ear = Ear()
    early = [(n * 0.02, packet(n)) for n in range(10)]
    spurt = [(2.2 + n * 0.02, RtpPacket(0, n == 0, 10 + n, 160 * (110 + n), 7, b"\x11" * 160)) for n in range(10)]
    ear.take(early + spurt)
    assert ear.seconds == pytest.approx(2.4, abs=0.05)


def test_comfort_noise_is_silence_and_no_loss() -> None:
    """A CN packet (RFC 3389) announces the pause."""
    ear = Ear()
    ear.take([(0.0, packet(0)), (0.02, packet(1, b"\x40", kind=13)), (0.5, packet(25))])
    assert ear.receiver.concealed == 23
    assert ear.receiver.wrong_type == 0


def test_a_new_stream_is_heard_at_once_and_a_foreign_payload_type_never() -> None:
    """SSRC and numbers change at a transfer or when music starts; a video or an unknown codec is no sound."""
    ear = Ear()
    ear.take(
        [(n * 0.02, packet(n)) for n in range(5)] + [(0.1 + n * 0.02, packet(n, ssrc=9, base=30_000)) for n in range(5)]
    )
    assert ear.seconds == pytest.approx(0.2, abs=0.001)
    ear.take([(1.0, packet(5, kind=34, ssrc=9, base=30_000))])
    assert ear.receiver.wrong_type == 1


@pytest.mark.parametrize("name", ["PCMU", "PCMA", "G722"])
def test_a_tone_survives_each_codec(name: CodecName) -> None:
    """Over 90 % of the energy of 1 kHz is in its bin: neither the law nor the byte order is mistaken."""
    codec = new_codec(name)
    number = PAYLOAD_TYPES[name]
    plan = MediaPlan(CALLER, CALLER, name, number, number)
    sender, ear = RtpSender(plan, codec), Ear(plan)
    times = np.arange(codec.rate) / codec.rate
    sender.put(codec.from_pcm((8000 * np.sin(2 * np.pi * 1000 * times)).astype("<i2").tobytes()))
    for tick in range(50):
        for data in sender.tick():
            found = parse_rtp(data)
            assert found is not None
            ear.receiver.receive(found, CALLER, tick * 0.02)
    pcm = np.frombuffer(codec.to_pcm(b"".join(ear.sound)), "<i2").astype(float)[codec.rate // 10 :]
    spectrum = np.abs(np.fft.rfft(pcm * np.hanning(len(pcm)))) ** 2
    at = round(1000 * len(pcm) / codec.rate)
    assert spectrum[at - 2 : at + 3].sum() / spectrum.sum() > 0.9
    assert len(pcm) == codec.rate - codec.rate // 10


def test_a_lost_packet_sounds_like_what_was_before_it_and_then_fades() -> None:
    """The pitch goes on without a click, and after 60 ms there is silence."""
    times = np.arange(800) / 8000
    before = (8000 * np.sin(2 * np.pi * 200 * times)).astype("<i2").tobytes()
    made = np.frombuffer(conceal(before, 8000, 800), "<i2").astype(float)
    expected = 8000 * np.sin(2 * np.pi * 200 * (np.arange(800) + 800) / 8000)
    assert np.corrcoef(made[:80], expected[:80])[0, 1] > 0.98
    assert not made[480:].any()
    assert conceal(b"", 8000, 160) == bytes(320)


# ── keys ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@given(st.text(DIGITS, min_size=1, max_size=8), st.randoms(use_true_random=False), st.sampled_from([96, 101, 127]))
def test_each_key_is_heard_once_whichever_of_its_packets_get_lost(
    digits: str, randomness: random.Random, number: int
) -> None:
    """Lost ENDs, late ENDs, doubled packets, long presses, any payload type; as long as one packet comes through."""
    plan = MediaPlan(CALLER, CALLER, "PCMU", 0, 0, number, number)
    sender, ear, arrivals, kept = RtpSender(plan, new_codec("PCMU")), Ear(plan), [], dict[int, int]()
    assert sender.press(digits)
    for tick in range(18 * len(digits) + 5):
        for data in sender.tick():
            found = parse_rtp(data)
            assert found is not None
            event = found.payload_type == number
            if event and kept.get(found.timestamp, 0) and randomness.random() < 0.5:
                continue
            kept[found.timestamp] = kept.get(found.timestamp, 0) + 1
            arrivals.append((tick * 0.02 + randomness.random() * 0.01, found))
            if randomness.random() < 0.2:
                arrivals.append((tick * 0.02 + 0.05, found))
    ear.take(arrivals)
    assert ear.digits == digits


def test_the_packets_of_a_key_are_those_of_the_rfc() -> None:
    """RFC 4733: one timestamp, the marker on the first alone, a duration that grows, three ends, then a pause."""
    sender = RtpSender(PLAN, new_codec("PCMU"))
    sender.press("5")
    sent = [parse_rtp(data) for _ in range(16) for data in sender.tick()]
    events = [one for one in sent if one is not None and one.payload_type == 96]
    assert len({one.timestamp for one in events}) == 1
    assert [one.marker for one in events] == [True] + [False] * 10
    read = [struct.unpack("!BBH", one.payload) for one in events]
    assert {event for event, _, _ in read} == {5}
    assert [bool(flags & 0x80) for _, flags, _ in read] == [False] * 8 + [True] * 3
    assert [duration for _, _, duration in read] == [160 * n for n in range(1, 9)] + [1280] * 3
    assert len(events) == len([one for one in sent if one is not None])


def test_the_tone_of_a_key_is_no_speech() -> None:
    """Telephones that send the tone as sound too: while the key is down its sound is silence."""
    ear = Ear()
    event = b"\x05\x0a\x00\xa0"
    ear.take([(0.0, packet(0)), (0.02, packet(1, event, kind=96)), (0.021, packet(2, b"\x30" * 160))])
    assert b"\x30" not in b"".join(ear.sound)


def test_flash_and_other_events_are_no_keys() -> None:
    """Event 16 and above, and what is cut off."""
    reader = TelephoneEventReader()
    assert reader.receive(1, 1, b"\x10\x0a\x00\xa0", 0.0) == ""
    assert reader.receive(1, 2, b"\x01\x0a", 0.0) == ""
    with pytest.raises(ValueError, match="no key"):
        check_digits("12x")


# ── whose sound ────────────────────────────────────────────────────────────────────────────────────────────────────


@given(st.lists(st.tuples(st.integers(0, 65535), st.floats(0, 30)), max_size=60))
def test_a_stranger_is_never_heard_while_the_caller_speaks(guesses: list[tuple[int, float]]) -> None:
    """Whatever packets are thrown at the port between the caller's own."""
    lock = SourceLock(CALLER, 0.0, nat=True)
    thrown = sorted((at, number) for number, at in guesses)
    for tick in range(1500):
        now = tick * 0.02
        assert lock.admits(CALLER, packet(tick), now)
        while thrown and thrown[0][0] <= now:
            assert not lock.admits(STRANGER, packet(thrown.pop(0)[1], ssrc=5), now)
    assert lock.source == CALLER


def test_a_caller_behind_a_nat_is_heard_after_some_packets_in_a_row() -> None:
    """Early in the call only, and only where the SDP names an address that may be behind one."""
    behind = ("198.51.100.7", 61_000)
    lock = SourceLock(CALLER, 0.0, nat=True)
    assert [lock.admits(behind, packet(n), 0.02 * n) for n in range(5)] == [False] * (PROBATION - 1) + [True] * 2
    assert not lock.admits(STRANGER, packet(9), 0.2)
    late = SourceLock(CALLER, 0.0, nat=True)
    assert not any(late.admits(behind, packet(n), LEARN_WITHIN + 1 + n * 0.02) for n in range(50))
    never = SourceLock(CALLER, 0.0, nat=False)
    assert not any(never.admits(behind, packet(n), n * 0.02) for n in range(50))
    assert never.strangers == 50


def test_a_silent_source_may_be_replaced_after_the_same_probation() -> None:
    """A NAT that changes its port in mid-call; and a re-INVITE that names another address."""
    lock = SourceLock(CALLER, 0.0, nat=True)
    lock.admits(CALLER, packet(0), 0.0)
    moved = ("10.0.0.5", 4444)
    assert not any(lock.admits(moved, packet(n), 1.0) for n in range(10))
    answers = [lock.admits(moved, packet(n), SILENT + 0.1 + n * 0.02) for n in range(5)]
    assert answers == [False] * (PROBATION - 1) + [True] * 2
    lock.expect(STRANGER, 5.0)
    assert lock.admits(STRANGER, packet(0), 5.1)


# ── reports, ports, the way out ────────────────────────────────────────────────────────────────────────────────────


def test_reports_say_what_was_lost() -> None:
    """RFC 3550: cumulative loss and the part lost since the last report; read as they were written."""
    counter = ReceptionCounter()
    for number in range(65_530, 65_630):
        if number % 10:
            counter.count(7, number & 0xFFFF)
    report = counter.report(0.005, 99, 0.5)
    assert report is not None
    assert (report.lost, report.jitter, report.highest) == (9, 40, 65_629)
    assert report.fraction_lost == pytest.approx(0.09, abs=0.01)
    sent = SentSound(1234, 1_700_000_000.0, 777, 50, 8000)
    read = parse_rtcp(build_report(sent, report, b"name", goodbye=True))
    assert read is not None
    assert read.goodbye == {1234}
    assert read.reports[0].lost == 9
    assert read.sender_time
    assert counter.report(0.0, 0, 0.0) == ReceptionReport(7, 0.0, 9, 65_629, 0)


def seeded(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - the same in every run


def test_a_port_rests_before_the_next_call_has_it() -> None:
    """Late packets of one call are not heard in another; all ports are even, and with none left there is none."""
    now = [0.0]
    pool = PortPool(20_001, 20_006, lambda: now[0], random.SystemRandom())
    first, second = pool.take(), pool.take()
    assert {first, second} == {20_002, 20_004}
    assert pool.take() is None
    pool.give_back(20_002)
    assert pool.take() is None
    now[0] = REST
    assert pool.take() == 20_002
    with pytest.raises(ValueError, match="no even port"):
        PortPool(20_001, 20_001, lambda: 0.0, random.SystemRandom())


def test_two_programs_with_one_range_do_not_ask_for_the_same_ports_in_turn() -> None:
    """Who called first is nobody's reason to be refused; and a stranger cannot say where the next call's sound is."""
    pools = [PortPool(16_000, 16_999, lambda: 0.0, seeded(seed)) for seed in (1, 2)]
    orders = [[pool.take() for _ in range(500)] for pool in pools]
    assert orders[0] != orders[1]
    assert len(set(orders[0][:40]) & set(orders[1][:8])) < 8
    assert sorted(filter(None, orders[0])) == list(range(16_000, 17_000, 2))


def test_a_call_is_taken_though_another_program_has_most_of_the_ports() -> None:
    """Twenty-nine pairs of thirty are another's, which asked in the same order: the call gets the thirtieth."""

    async def opened() -> int:
        theirs = PortPool(31_000, 31_059, lambda: 0.0, seeded(1))
        held = [await open_sockets("127.0.0.1", theirs) for _ in range(29)]
        ours = await open_sockets("127.0.0.1", PortPool(31_000, 31_059, lambda: 0.0, seeded(1)))
        port = ours.port
        for sockets in (*held, ours):
            sockets.close()
        await asyncio.sleep(0)
        assert port not in {sockets.port for sockets in held}
        return port

    assert 31_000 <= asyncio.run(opened()) < 31_060


@pytest.mark.parametrize("milliseconds", [10, 20, 30, 40, 60])
def test_the_stream_never_stops_and_its_clock_is_its_sound(milliseconds: int) -> None:
    """A second of ticks is a second of timestamps, numbers without a gap, silence where nothing is said."""
    plan = MediaPlan(CALLER, CALLER, "PCMA", 8, 8, packet_ms=milliseconds)
    sender = RtpSender(plan, new_codec("PCMA"))
    sender.put(b"\x01" * 800)
    sent = [one for _ in range(60) for data in sender.tick() if (one := parse_rtp(data)) is not None]
    assert b"".join(one.payload for one in sent) == b"\x01" * 800 + b"\xd5" * (9600 - 800)
    steps = {(b.timestamp - a.timestamp) & 0xFFFFFFFF for a, b in pairwise(sent)}
    assert steps == {milliseconds * 8}
    assert {(b.sequence - a.sequence) & 0xFFFF for a, b in pairwise(sent)} == {1}
    assert [one.marker for one in sent] == [True] + [False] * (len(sent) - 1)


def test_what_is_cleared_is_not_heard_and_is_counted_to_the_sample() -> None:
    """The ledger of heard words takes the figure."""
    sender = RtpSender(PLAN, new_codec("PCMU"))
    sender.put(b"\x05" * (SAMPLE_BYTES * 1000))
    sender.tick()
    assert sender.clear() == pytest.approx((2000 - 160) / 8000)
    found = parse_rtp(sender.tick()[0])
    assert found is not None
    assert found.payload == b"\xff" * 160


def test_nothing_is_sent_while_the_other_side_holds_and_the_clock_goes_on() -> None:
    """After the hold the marker says that something new begins."""
    sender = RtpSender(PLAN, new_codec("PCMU"))
    first = parse_rtp(sender.tick()[0])
    sender.plan = MediaPlan(CALLER, CALLER, "PCMU", 0, 0, 96, 96, direction="recvonly")
    assert [sender.tick() for _ in range(50)] == [[]] * 50
    sender.plan = PLAN
    again = parse_rtp(sender.tick()[0])
    assert first is not None
    assert again is not None
    assert again.marker
    assert (again.timestamp - first.timestamp) & 0xFFFFFFFF == 51 * 160
    assert (again.sequence - first.sequence) & 0xFFFF == 1
