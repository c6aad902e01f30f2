"""Processes that keep calls are killed at random moments: nothing that was durable is lost, and every start succeeds.

`bench/kill_torture.py` does it a thousand times; here a few must do.
"""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from bench import kill_torture

from lineside.records.descriptors import DescriptorReserve
from lineside.records.recorder import RecordedStretch
from lineside.records.recording_file import RecordingFile, salvage
from lineside.records.waveform import waveform

RATE = 16_000


def test_nothing_that_was_durable_is_lost(tmp_path: Path) -> None:
    """A dozen kills, of two processes that share a folder, from the first millisecond of their start on."""
    report = kill_torture.run(tmp_path, kills=10, minutes=1.5, lanes=2, seed=7)
    assert report.faults == []
    assert report.kills >= 10
    assert report.calls > 0


def unclosed(path: Path, seconds: float) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    """A recording whose process was killed: what was written so far, and no end. Its caller's side."""
    sound = np.random.default_rng(1).integers(-9000, 9000, round(RATE * seconds), np.int16)
    recording = RecordingFile(path, "pcm", RATE, lambda: False, DescriptorReserve(0))
    recording.write(RecordedStretch(sound.tobytes(), bytes(2 * len(sound))))
    raw = path.read_bytes()
    recording.close()
    path.write_bytes(raw)
    return sound


@pytest.mark.parametrize("torn", [0, 1, 700])
def test_a_recording_that_was_never_closed_is_heard_drawn_and_measured(tmp_path: Path, torn: int) -> None:
    """Before it is taken over its picture is drawn all the same; afterwards every player knows its length."""
    path = tmp_path / "one.flac"
    sound = unclosed(path, 3.0)
    if torn:
        path.write_bytes(path.read_bytes()[:-torn])
    drawn = waveform(path)
    assert 2.0 < drawn.seconds <= 3.0
    assert max(drawn.caller) > 20
    saved = salvage(path)
    assert saved is not None
    assert saved.seconds == drawn.seconds == soundfile.info(path).duration
    assert saved.size == path.stat().st_size
    heard, _ = soundfile.read(path, dtype="int16")
    assert (heard[:, 0] == sound[: len(heard)]).all()
    assert waveform(path) == drawn


@pytest.mark.parametrize("raw", [b"", b"fLaC", b"no sound at all" * 10])
def test_a_file_without_sound_is_no_recording(tmp_path: Path, raw: bytes) -> None:
    """Its process died before the first block was written."""
    path = tmp_path / "one.flac"
    path.write_bytes(raw)
    assert salvage(path) is None
