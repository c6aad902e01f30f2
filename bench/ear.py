"""What begins a turn that is nobody speaking, and how soon a caller's first words do.

    python -m bench.ear [--cache ~/.cache/lineside-bench]

Noise: tones, keys, knocks, coughs, typing and music made by `tests/noises.py`, the recordings of `shared/audio`, three
people at once; Debian's `asterisk-moh-opsound-wav`, if it is unpacked into `<cache>/moh`. Speech: a quarter of the
fitting half of `training.turns.build`, every turn with its labelled beginning. The real voice detector, at 16 kHz and
through G.711.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as `lineside` does; read when numpy is loaded

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tests.audio.single_vad import SingleVad as Silero
from tests.noises import (
    KEYS,
    Wave,
    again,
    cadence,
    click,
    coloured,
    cough,
    crowd,
    joined,
    key,
    knock,
    loud,
    melody,
    pcm,
    peaking,
    quiet,
    tone,
    typing,
)

from lineside.audio import g711
from lineside.audio.frame import STT_RATE
from lineside.audio.input_resampler import InputResampler
from lineside.audio.vad import VadModel
from lineside.audio.wav import read_wav
from lineside.models.store import locate
from lineside.settings import load_settings
from lineside.turns.floor_events import Silence, SoundStarted, TurnFull, VoiceActivity
from lineside.turns.open_turn import Heard, SegmenterRules
from lineside.turns.speech_segmenter import SpeechSegmenter

SHARED = Path(__file__).parents[2] / "shared" / "audio"
CALLER = -26.0  # dBFS while speaking


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, default=Path("~/.cache/lineside-bench").expanduser())
    cache: Path = parser.parse_args().cache
    model = VadModel(locate("silero-vad", load_settings().models_dir) / "silero_vad.onnx")
    print(f"{'noise':36}{'seconds':>8}  {'turns':>6}{'stirs':>6}   through G.711: turns, stirs")
    for name, sounds in noises(cache):
        found = [counted(model, sounds, telephone) for telephone in (False, True)]
        seconds = sum(map(len, sounds)) / STT_RATE
        print(f"{name:36}{seconds:8.0f}  {found[0][0]:6}{found[0][1]:6}{found[1][0]:20}{found[1][1]:6}", flush=True)
    onsets(model, cache / "fit")


def noises(cache: Path) -> Iterator[tuple[str, list[Wave]]]:
    """What nobody says."""
    dice = np.random.default_rng(5)
    for level in (0, -6, -19):  # dB over -6 dBm0, the level of a key
        yield f"16 keys, {level:+} dB", [joined([key(k, low=level - 8, high=level - 6) for k in KEYS], 0.1)]
        yield f"16 keys held, {level:+} dB", [key(k, 1.5, low=level - 8, high=level - 6) for k in KEYS]
        yield (
            f"ring-back 425, 440+480 Hz, {level:+} dB",
            [
                cadence(tone(10, 425, level=level - 10), 1, 4),
                cadence(tone(12, 440, 480, level=level - 13), 2, 4),
            ],
        )
        yield (
            f"busy 425, 480+620 Hz, {level:+} dB",
            [
                cadence(tone(6, 425, level=level - 10), 0.5, 0.5),
                cadence(tone(6, 480, 620, level=level - 13), 0.5, 0.5),
            ],
        )
    for peak in (-1, -10, -20):
        yield f"clicks, {peak} dBFS", [peaking(again(click(dice), 0.3, 10), peak)]
        knocks = [joined([knock(dice) for _ in range(6)], apart) for apart in (0.05, 0.15, 0.3)]
        yield f"knocks, {peak} dBFS", [peaking(each, peak) for each in knocks]
        yield f"keyboard, {peak} dBFS", [peaking(typing(dice, 10), peak) for _ in range(3)]
        yield f"breath, fan, {peak} dBFS", [peaking(coloured(dice, 4, slope), peak) for slope in (2, 1)]
        for voiced in (0.0, 0.3, 0.7, 1.0):
            fits = [cough(dice, bursts=bursts, voiced=voiced) for bursts in (1, 2, 3, 4) for _ in range(3)]
            yield f"12 fits of coughing, voice {voiced}, {peak} dBFS", [peaking(fit, peak) for fit in fits]
        yield f"melody, {peak} dBFS", [peaking(melody(dice, 30), peak)]
    for name in ("dog_bark", "ringing_phone"):
        yield name, [loud(recording(SHARED / f"noise_{name}.wav"), level) for level in (-16, -26, -36)]
    yield from people()
    for path in sorted((cache / "moh").rglob("*.wav")):
        yield f"on hold: {path.stem}", [loud(recording(path)[: 120 * STT_RATE], -20)]


def people() -> Iterator[tuple[str, list[Wave]]]:
    """Others in the room: alone, and after a turn of the caller's, who is louder."""
    readers = [recording(SHARED / f"{name}.wav") for name in ("jfk", "austen_0870", "austen_0890")]
    rooms = {"babble": recording(SHARED / "noise_people_talking.wav"), "three people": crowd(readers, 40)}
    caller = np.concatenate([loud(recording(SHARED / "order_status.wav"), CALLER), quiet(1.2)])
    for name, room in rooms.items():
        for under in (20, 10, 5):
            behind = loud(room, CALLER - under)
            yield f"{name}, {under} dB under a caller", [behind]
            mixed = behind[: 8 * STT_RATE].copy()
            mixed[: len(caller)] += caller
            yield "  the same 8 s, after the caller's turn", [mixed]


def counted(model: VadModel, sounds: list[Wave], telephone: bool) -> tuple[int, int]:
    """Turns and first sounds in all of them, each on a line of its own."""
    turns = stirs = 0
    for sound in sounds:
        line = np.concatenate([quiet(1.0), sound, quiet(1.5)])
        line += np.random.default_rng(9).standard_normal(len(line)) * 10 ** (-65 / 20)
        events = heard(model, pcm(line), telephone)
        stirs += sum(isinstance(event, SoundStarted) for event in events)
        turns += sum(isinstance(event, VoiceActivity) for event in begun(events))
    return turns, stirs


def begun(events: list[Heard]) -> Iterator[Heard]:
    """The voices that begin a turn, where a second of silence ends one."""
    turn = False
    for event in events:
        if isinstance(event, VoiceActivity) and not turn:
            yield event
        turn = (turn or isinstance(event, VoiceActivity)) and not (
            isinstance(event, Silence) and event.at - event.since >= 1.0
        )


def heard(model: VadModel, sound: bytes, telephone: bool = False) -> list[Heard]:
    """All that the ear tells; a turn is taken when it is full, or a second of silence long."""
    segmenter = SpeechSegmenter("pcm", STT_RATE, Silero(model), SegmenterRules())
    if telephone:
        sound = InputResampler(STT_RATE, 8000).feed(sound)
        sound = InputResampler(8000, STT_RATE).feed(g711.decode(g711.encode(sound, "g711_ulaw"), "g711_ulaw"))
    events: list[Heard] = []
    for at in range(0, len(sound), 640):
        new = segmenter.hear(sound[at : at + 640])
        events += new
        if any(
            isinstance(each, TurnFull) or (isinstance(each, Silence) and each.at - each.since >= 1.0) for each in new
        ):
            segmenter.close_turn()
    return events


def onsets(model: VadModel, folder: Path) -> None:
    """How long after its labelled beginning a turn is noticed."""
    delays, missed = [], 0
    for line in (folder / "turns.jsonl").read_text().splitlines()[::4]:
        turn = json.loads(line)
        events = heard(model, pcm(recording(folder / turn["file"])))
        first = [
            each.at - turn["began"] for each in events if isinstance(each, VoiceActivity) and each.at > turn["began"]
        ]
        if first and first[0] < turn["ended"] - turn["began"] + 0.6:
            delays.append(first[0])
        else:
            missed += 1
    low, middle, high = np.quantile(delays, [0.5, 0.95, 0.99])
    print(
        f"{len(delays) + missed} turns, {missed} not noticed; noticed after {np.mean(delays):.3f} s on average, "
        f"median {low:.3f}, 95 % {middle:.3f}, 99 % {high:.3f}"
    )


def recording(path: Path) -> Wave:
    """Its samples at 16 kHz."""
    frame = read_wav(path)
    resampler = InputResampler(frame.rate, STT_RATE)
    return np.frombuffer(resampler.feed(frame.pcm) + resampler.end(), "<i2") / 32768


if __name__ == "__main__":
    main()
