"""Who gets the floor when somebody makes a sound over the agent's: backchannels, noises, real interruptions.

    python -m training.barge_in.measure [--models-dir ~/.cache/lineside] [--cache ~/.cache/lineside-bench]
        [--words-alone]

The agent speaks all the time; over it come the held-out half's words, each on two lines (band, room, noise), and noise,
each with quiet before it. They go through the ear with Silero, the floor, and, where the floor asks, the embedded
Whisper base and the weights, as in a call. What Whisper takes counts as time in the call. The first run makes the
voices' sounds, and takes minutes longer than later ones. Run it on an otherwise idle machine.
"""

import argparse
import math
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import msgspec
import numpy as np
from msgspec import Struct
from tests.audio.single_vad import SingleVad
from training.barge_in.hear import heard, studio_in
from training.barge_in.sounds import AUDIO, Over, overs
from training.turns.build import LEAD
from training.turns.voices import Samples, at_stt_rate

from lineside.audio.frame import SAMPLE_BYTES, STT_RATE, Utterance
from lineside.audio.vad import VadModel
from lineside.engine_server.asr.whisper import WhisperModel
from lineside.engines.protocols import Transcription
from lineside.turns.floor import Floor, FloorRules
from lineside.turns.floor_events import (
    AgentPrompt,
    CheckInterruption,
    DismissInterruption,
    GiveWay,
    InterruptionChecked,
    PauseReply,
    Resume,
)
from lineside.turns.interruption import claims, overheard
from lineside.turns.open_turn import SegmenterRules
from lineside.turns.speech_segmenter import SpeechSegmenter

SPOKEN, BEHIND, HISS = 0.05, 0.009, 0.0005  # RMS of full scale: -26 dBFS, -41 as of people in the room, -66


class Came(Struct):
    """What a sound over the agent's did. Seconds from its first sample."""

    taken: int = 0  # times the caller got the floor
    held: float | None = None  # when the agent's sound first stopped
    decided: float | None = None  # when the floor was given, or the sound went on
    silent: float = 0.0  # for how long the agent was silent and went on
    said: str = ""


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models-dir", type=Path, default=Path("~/.cache/lineside").expanduser())
    parser.add_argument("--cache", type=Path, default=Path("~/.cache/lineside-bench").expanduser())
    parser.add_argument("--words-alone", action="store_true", help="as with a recogniser that knows no nod's sound")
    arguments = parser.parse_args()
    studio = studio_in(arguments.models_dir, arguments.cache)
    voice = VadModel(arguments.models_dir / "silero-vad" / "silero_vad.onnx")
    whisper = WhisperModel(arguments.models_dir / "faster-whisper-base", 1)

    def words(said: Utterance) -> Transcription:
        known = heard(overheard(said), whisper)
        return msgspec.structs.replace(known, nod=None) if arguments.words_alone else known

    came = [(sound, over_the_agent(sound, voice, words)) for sound in overs("held", studio)]
    print("| over the agent | sounds | took the floor | agent silent after, p50 / p95 | decided after, p50 / p95 |")
    print("| --- | --- | --- | --- | --- |")
    for kind in ("nods", "claims"):
        line(f"{kind}", [it for sound, it in came if sound.kind == kind])
        quiet = [it for sound, it in came if sound.kind == kind and not sound.line.endswith((" 5", " 10"))]
        line(f"{kind}, no noise or 20 dB under the voice", quiet)
        for who in dict.fromkeys(sound.voice.partition("/")[0] for sound, _ in came):
            line(f"{kind}, {who}", [it for sound, it in came if sound.kind == kind and sound.voice.startswith(who)])
    print("\n| noise over the agent's words | minutes | floor taken, a minute | agent silent, of the time |")
    print("| --- | --- | --- | --- |")
    for name, sound, level in noises():
        noise, minutes = over_the_agent(alone(sound, level), voice, words), len(sound) / STT_RATE / 60
        print(f"| {name} | {minutes:.1f} | {noise.taken / minutes:.1f} | {noise.silent / minutes / 60:.1%} |")
    for kind, wrong in (("nods", True), ("claims", False)):
        them = [(sound, it) for sound, it in came if sound.kind == kind and bool(it.taken) == wrong]
        print(
            f"\nWrong about {kind}:", "; ".join(f"{s.voice} {s.text} ({s.line}: {it.said})" for s, it in them) or "none"
        )
    print(f"{os.cpu_count()} cores; load average {os.getloadavg()[0]:.1f}.")


def over_the_agent(sound: Over, voice: VadModel, words: Callable[[Utterance], Transcription]) -> Came:
    """Let it be heard while the agent speaks, and again after every barge-in."""
    segmenter = SpeechSegmenter("pcm", sound.rate, SingleVad(voice), SegmenterRules())
    floor, found = Floor(FloorRules()), Came()
    floor.feed(AgentPrompt(0.0))
    due: InterruptionChecked | None = None
    held_at: float | None = None
    size = sound.rate // 50 * SAMPLE_BYTES
    for begin in range(0, len(sound.pcm), size):
        decisions = [floor.feed(event) for event in segmenter.hear(sound.pcm[begin : begin + size])]
        if due is not None and segmenter.at >= due.at:
            decisions.append(floor.feed(due))
            due = None
        for decision in decisions:
            match decision:
                case PauseReply():
                    held_at = segmenter.at
                    found.held = segmenter.at - LEAD if found.held is None else found.held
                case CheckInterruption(number=number, over=over):
                    began = time.perf_counter()
                    transcript = words(segmenter.utterance())
                    found.said = transcript.text
                    due = InterruptionChecked(
                        segmenter.at + time.perf_counter() - began, number, claims(transcript, over=over)
                    )
                case Resume() | DismissInterruption() | GiveWay():
                    found.decided = segmenter.at - LEAD
                    found.silent += 0.0 if held_at is None else segmenter.at - held_at
                    held_at = None
                    if isinstance(decision, DismissInterruption):
                        segmenter.close_turn()
                    if isinstance(decision, GiveWay):
                        found.taken += 1
                        segmenter.close_turn()
                        floor = Floor(FloorRules())
                        floor.feed(AgentPrompt(segmenter.at))
                        due = None
                case _:
                    continue
    return found


def alone(sound: Samples, level: float) -> Over:
    """A noise on a quiet line, at its level."""
    before, after = round(LEAD * STT_RATE), 5 * STT_RATE // 2
    quiet = np.random.default_rng(5).standard_normal(before + len(sound) + after).astype(np.float32) * HISS
    quiet[before : before + len(sound)] += at_level(sound, level)
    pcm = (np.clip(quiet, -1, 1) * 32767).astype("<i2").tobytes()
    return Over("", "noise", "", "", pcm, STT_RATE)


def line(name: str, them: list[Came]) -> None:
    """One line of the first table."""
    if not them:
        return
    took = sum(bool(it.taken) for it in them)
    held = spread([it.held for it in them if it.held is not None])
    decided = spread([it.decided for it in them if it.decided is not None])
    print(f"| {name} | {len(them)} | {took} ({took / len(them):.0%}) | {held} | {decided} |", flush=True)


def spread(seconds: list[float]) -> str:
    """Median and 95th percentile in milliseconds."""
    if not seconds:
        return "–"
    late = sorted(seconds)[min(len(seconds) - 1, round(0.95 * len(seconds)))]
    return f"{1000 * median(seconds):.0f} / {1000 * late:.0f} ms"


def at_level(sound: Samples, level: float) -> Samples:
    """The same with this RMS where it is loud."""
    loud = np.abs(sound) > 0.1 * float(np.abs(sound).max())
    scaled: Samples = sound * np.float32(level / math.sqrt(float(np.square(sound[loud]).mean())))
    return scaled


def noises() -> Iterator[tuple[str, Samples, float]]:
    """What is heard on telephones and is nobody: name, sound, level."""
    random = np.random.default_rng(7)
    babble = at_stt_rate(AUDIO / "noise_people_talking.wav")
    yield "people talking behind the caller, -41 dBFS", babble, BEHIND
    yield "people talking as loud as a caller", babble, SPOKEN
    yield (
        "a dog barks",
        np.concatenate([at_stt_rate(AUDIO / "noise_dog_bark.wav"), np.zeros(8000, np.float32)] * 3),
        SPOKEN,
    )
    yield "a telephone rings", at_stt_rate(AUDIO / "noise_ringing_phone.wav"), SPOKEN
    yield "keys, ten tones", np.concatenate([tones((697 + 77 * (n % 4), 1336), 0.2, 0.4) for n in range(10)]), SPOKEN
    yield "ring-back, Europe", np.concatenate([tones((425,), 1.0, 4.0)] * 4), SPOKEN
    yield "ring-back, North America", np.concatenate([tones((440, 480), 2.0, 4.0)] * 4), SPOKEN
    yield "coughs", np.concatenate([cough(random) for _ in range(20)]), 2 * SPOKEN
    yield "knocks", np.concatenate([cough(random, 0.02) for _ in range(20)]), 2 * SPOKEN
    yield (
        "music, chords",
        np.concatenate([tones((f, 1.25 * f, 1.5 * f, 2 * f), 1.0, 0.0) for f in (220, 175, 196, 262)] * 5),
        BEHIND,
    )


def tones(hertz: tuple[float, ...], seconds: float, pause: float) -> Samples:
    """Sines together, then quiet."""
    at = np.arange(round(seconds * STT_RATE)) / STT_RATE
    sound = np.sum([np.sin(2 * np.pi * each * at) for each in hertz], axis=0)
    joined: Samples = (np.concatenate([sound, np.zeros(round(pause * STT_RATE))]) / 4).astype(np.float32)
    return joined


def cough(random: np.random.Generator, seconds: float = 0.3) -> Samples:
    """A burst of noise that rises fast and dies away, then a second of quiet."""
    many = round(seconds * STT_RATE)
    shape = np.minimum(1.0, np.arange(many) / 160) * np.exp(-4 * np.arange(many) / many)
    burst = np.convolve(random.standard_normal(many), np.hanning(12), "same") * shape
    joined: Samples = (np.concatenate([burst, np.zeros(STT_RATE)]) / 8).astype(np.float32)
    return joined


if __name__ == "__main__":
    main()
