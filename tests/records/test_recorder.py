"""Both voices stand where they were, whatever was held, cut or late."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from lineside.processes.background_work import BackgroundWork
from lineside.records.descriptors import DescriptorReserve
from lineside.records.entries import RecordingFinished
from lineside.records.recorder import AROUND, RecordedStretch, Recorder
from lineside.records.recording_writer import RecordingWriter
from lineside.records.recordings_folder import RecordingsFolder

RATE = 8000
SECOND = RATE * 2
HOUR = 3600


def sides(stretches: list[RecordedStretch]) -> tuple[bytes, bytes]:
    return b"".join(strip.caller for strip in stretches), b"".join(strip.agent for strip in stretches)


def loud(seconds: float, value: int = 1000) -> bytes:
    return np.full(round(seconds * RATE), value, "<i2").tobytes()


def test_an_hour_does_not_drift(tmp_path: Path) -> None:
    """Each minute the caller says something and the agent answers a second later, on a loop whose clock runs 100 ppm
    fast: after an hour both stand within 20 ms of their samples."""
    kept: list[RecordingFinished] = []
    faults: list[BaseException] = []
    folder = RecordingsFolder(tmp_path, 1 << 40, lambda call: None)
    writer = RecordingWriter(folder, kept.append, faults.append, DescriptorReserve(0), BackgroundWork())
    recorder = Recorder("pcm", RATE, writer.begin("hour", "pcm", RATE))
    for second in range(HOUR):
        begins = second % 60 == 0
        recorder.caller(loud(0.5) + bytes(SECOND // 2) if begins else bytes(SECOND))
        if begins:
            recorder.agent(loud(0.4, 2000), (second + 1) * 1.0001)
            writer.settle()  # an hour comes in seconds here: the disk may not be outrun
    recorder.end(HOUR * 1.0001)
    writer.end("hour")
    assert writer.close(60)
    sound, _ = soundfile.read(tmp_path / "hour.flac", dtype="int16")
    assert len(sound) == HOUR * RATE
    for minute in range(0, HOUR, 60):
        begin = minute * RATE
        caller = begin + np.argmax(sound[begin : begin + 60 * RATE, 0] > 0)
        agent = begin + np.argmax(sound[begin : begin + 60 * RATE, 1] > 0)
        assert abs(caller / RATE - minute) <= 0.02
        assert abs(agent / RATE - (minute + 1)) <= 0.02
    assert [finished.recording for finished in kept] == ["kept"]
    assert faults == []


def test_what_was_taken_back_is_absent_and_what_was_sent_again_stands_where_it_sounded() -> None:
    """A second is sent, held after 0.3 s, and goes on from that sample half a second later."""
    stretches: list[RecordedStretch] = []
    recorder = Recorder("pcm", RATE, stretches.append)
    words = np.arange(1, RATE + 1, dtype="<i2").tobytes()
    recorder.caller(bytes(SECOND))
    recorder.agent(words, 1.0)
    recorder.caller(bytes(round(0.3 * RATE) * 2))
    recorder.taken_back(1.3)
    recorder.caller(bytes(SECOND // 2))
    recorder.agent(words[round(0.3 * RATE) * 2 :], 1.8)
    recorder.caller(bytes(2 * SECOND))
    recorder.end(4.0)
    agent = np.frombuffer(sides(stretches)[1], "<i2")
    heard = agent[agent > 0]
    assert (heard == np.arange(1, RATE + 1)).all(), "every sample once, in order"
    assert np.flatnonzero(agent)[0] == RATE
    assert np.flatnonzero(agent == round(0.3 * RATE) + 1)[0] == round(1.8 * RATE)


def test_sound_that_comes_ahead_follows_what_came_before() -> None:
    """Chunks that are sent ahead of the ear stand one after the other; what is left when the call ends never was."""
    stretches: list[RecordedStretch] = []
    recorder = Recorder("g711_ulaw", RATE, stretches.append)
    for _ in range(5):
        recorder.agent(b"\x01" * 800, 0.0)
    recorder.caller(b"\xff" * 2400)
    recorder.end(0.3)
    caller, agent = sides(stretches)
    assert agent == b"\x01" * 2400
    assert len(caller) == 2400


@pytest.mark.parametrize("codec", ["pcm", "g711_alaw"])
def test_memory_stays_small_when_the_caller_sends_nothing(codec: str) -> None:
    """The agent goes on talking to a caller whose sound stays away."""
    stretches: list[RecordedStretch] = []
    recorder = Recorder(codec, RATE, stretches.append)  # type: ignore[arg-type]
    for tenth in range(6000):
        recorder.agent(b"\x01" * 1600, tenth / 10)
    assert len(recorder._agent) < 20 * SECOND
    assert len(stretches) > 10


def test_a_secret_that_is_keyed_or_said_is_recorded_as_silence() -> None:
    """And the sound around it stays where it was."""
    given: list[RecordedStretch] = []
    recorder = Recorder("g711_ulaw", 8000, given.append)
    recorder.caller(b"a" * 800)
    recorder.muted = True
    recorder.caller(b"b" * 800)
    recorder.muted = False
    recorder.caller(b"c" * 800)
    recorder.end(1.0)
    assert b"".join(stretch.caller for stretch in given) == b"a" * 800 + b"\xff" * 800 + b"c" * 800


def test_a_turns_sound_waits_for_its_words() -> None:
    """So that what they hide is silence before it is handed on; without words in time, it is kept as it is."""
    given: list[RecordedStretch] = []
    recorder = Recorder("g711_ulaw", RATE, given.append)

    def kept() -> bytes:
        return b"".join(stretch.caller for stretch in given)

    def speaks(sound: bytes, seconds: int) -> None:
        for _ in range(seconds):
            recorder.caller(sound * RATE)

    speaks(b"a", 5)
    recorder.hold_from(5.5)
    speaks(b"b", 15)
    assert set(kept()) == set(b"a")
    recorder.hide(6.0, 15.0)
    recorder.hold_from(None)
    speaks(b"c", 5)
    recorder.hold_from(21.0)
    speaks(b"c", 30)
    assert len(kept()) >= 34 * RATE, "what is older than the longest wait is handed on"
    recorder.end(55.0)
    hidden = round((15 + AROUND) * RATE) - round((6 - AROUND) * RATE)
    assert kept() == b"a" * 5 * RATE + b"b" * (RATE // 2) + b"\xff" * hidden + b"b" * (9 * RATE // 2) + b"c" * 35 * RATE
