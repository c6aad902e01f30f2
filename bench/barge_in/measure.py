"""Who gets the floor when somebody makes a sound over the agent's: backchannels, noises, real interruptions.

    python -m bench.barge_in [--models-dir ~/.cache/lineside] [--cache ~/.cache/lineside-bench]

The agent speaks all the time; over it come, one after the other, short words of eight voices, recordings of people
and noises, each with a second of a quiet line before it. They go through the ear with Silero, the floor, and, where the
floor asks, the embedded Whisper base and the list of backchannels, as in a call. What Whisper takes counts as time in
the call. The first run makes the voices' sounds, and takes minutes longer than later ones.
Run it on an otherwise idle machine.
"""

import argparse
import math
import os
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import numpy as np
from bench.turns.voices import Samples, Studio, at_ear_rate, trimmed
from msgspec import Struct

from lineside.audio.frame import EAR_RATE
from lineside.audio.vad import Voice, VoiceModel
from lineside.backchannel import is_backchannel
from lineside.ear import Ear, EarRules
from lineside.floor import Dismiss, Floor, FloorRules, GiveWay, Hush, Judge, Judged, Resume, Unasked
from lineside.hosts.engine_server.hear import Whisper

AUDIO = Path(__file__).parents[2] / "shared" / "audio"
VOICES = (
    *(f"kokoro/{name}" for name in ("af_heart", "am_adam", "bm_george", "af_bella", "bf_emma")),
    "piper/en_US-joe-medium",
    "espeak/en-us+m3",
    "espeak/en-gb+f3",
)
NODS = ("Uh-huh.", "Right.", "Mm.", "Mm-hmm.", "Okay.", "Yeah.", "I see.", "Sure.", "Oh, okay.", "Got it.")
CLAIMS = (
    *("Stop.", "Wait.", "No.", "Hold on a second.", "What?", "Excuse me.", "No, that's wrong."),
    *("Actually, I have a question.", "Can I speak to a person?", "Sorry, I didn't get that."),
    *("But my order number is different.", "Hello?"),
)
SPOKEN, BEHIND, HISS = 0.05, 0.009, 0.0005  # RMS of full scale: -26 dBFS, -41 as of people in the room, -66
FRAME = EAR_RATE // 50


class Over(Struct):
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
    told = parser.parse_args()
    studio = Studio(told.models_dir, told.cache / "voices", told.cache / "flite")
    voice = VoiceModel(told.models_dir / "silero-vad" / "silero_vad.onnx")
    words = Whisper(told.models_dir / "faster-whisper-base", 1)

    def over(sound: Samples, level: float) -> Over:
        return over_the_agent(sound, level, voice, words)

    print("| over the agent | sounds | took the floor | agent silent after, p50 / p95 | decided after, p50 / p95 |")
    print("| --- | --- | --- | --- | --- |")
    nods = {f"{who}: {said}": over(studio.say(who, said), SPOKEN) for who in VOICES for said in NODS}
    line("backchannels, eight voices", list(nods.values()))
    recorded = [over(recording(name), SPOKEN) for name in ("yes", "thank_you")]
    line("backchannels, recorded", recorded)
    claims = {f"{who}: {said}": over(studio.say(who, said), SPOKEN) for who in VOICES for said in CLAIMS}
    line("interruptions, eight voices", list(claims.values()))
    people = [over(recording(name), SPOKEN) for name in ("no", "hello", "help_me", "order_status", "hi_how_are_you")]
    line("interruptions, recorded", people)
    print("\n| noise over the agent's words | minutes | floor taken, a minute | agent silent, of the time |")
    print("| --- | --- | --- | --- |")
    for name, sound, level in noises():
        noise, minutes = over(sound, level), len(sound) / EAR_RATE / 60
        print(f"| {name} | {minutes:.1f} | {noise.taken / minutes:.1f} | {noise.silent / minutes / 60:.1%} |")
    wrong = [f"{name} ({it.said})" for name, it in nods.items() if it.taken]
    missed = [f"{name} ({it.said})" for name, it in claims.items() if not it.taken]
    print(f"\nBackchannels that took the floor: {'; '.join(wrong) or 'none'}.")
    print(f"Interruptions that did not: {'; '.join(missed) or 'none'}.")
    print(f"{os.cpu_count()} cores; load average {os.getloadavg()[0]:.1f}.")


def over_the_agent(sound: Samples, level: float, voice: VoiceModel, words: Whisper) -> Over:
    """Let it be heard while the agent speaks, and again after every barge-in."""
    before, after = EAR_RATE, 5 * EAR_RATE // 2
    quiet = np.random.default_rng(5).standard_normal(before + len(sound) + after).astype(np.float32) * HISS
    quiet[before : before + len(sound)] += at_level(sound, level)
    pcm = (np.clip(quiet, -1, 1) * 32767).astype("<i2").tobytes()
    ear, floor, found = Ear("pcm", EAR_RATE, Voice(voice), EarRules()), Floor(FloorRules()), Over()
    floor.feed(Unasked(0.0))
    due: Judged | None = None
    held_at: float | None = None
    for begin in range(0, len(pcm), 2 * FRAME):
        events = list(ear.hear(pcm[begin : begin + 2 * FRAME]))
        decisions = [floor.feed(event) for event in events]
        if due is not None and ear.at >= due.at:
            decisions.append(floor.feed(due))
            due = None
        for decision in decisions:
            match decision:
                case Hush():
                    held_at = ear.at
                    found.held = ear.at - 1.0 if found.held is None else found.held
                case Judge(number=number):
                    began = time.perf_counter()
                    heard = np.frombuffer(ear.utterance().pcm, "<i2").astype(np.float32) / np.float32(32768)
                    found.said = words.hear(heard).text.strip()
                    real = not is_backchannel(found.said)
                    due = Judged(ear.at + time.perf_counter() - began, number, real)
                case Resume() | Dismiss() | GiveWay():
                    found.decided = ear.at - 1.0
                    found.silent += 0.0 if held_at is None else ear.at - held_at
                    held_at = None
                    if isinstance(decision, Dismiss):
                        ear.close_turn()
                    if isinstance(decision, GiveWay):
                        found.taken += 1
                        ear.close_turn()
                        floor = Floor(FloorRules())
                        floor.feed(Unasked(ear.at))
                        due = None
                case _:
                    continue
    return found


def line(name: str, them: list[Over]) -> None:
    """One line of the first table."""
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


def recording(name: str) -> Samples:
    """One of the recordings, without silence at its ends."""
    return trimmed(at_ear_rate(AUDIO / f"{name}.wav"))


def at_level(sound: Samples, level: float) -> Samples:
    """The same with this RMS where it is loud."""
    loud = np.abs(sound) > 0.1 * float(np.abs(sound).max())
    scaled: Samples = sound * np.float32(level / math.sqrt(float(np.square(sound[loud]).mean())))
    return scaled


def noises() -> Iterator[tuple[str, Samples, float]]:
    """What is heard on telephones and is nobody: name, sound, level."""
    random = np.random.default_rng(7)
    babble = at_ear_rate(AUDIO / "noise_people_talking.wav")
    yield "people talking behind the caller, -41 dBFS", babble, BEHIND
    yield "people talking as loud as a caller", babble, SPOKEN
    yield (
        "a dog barks",
        np.concatenate([at_ear_rate(AUDIO / "noise_dog_bark.wav"), np.zeros(8000, np.float32)] * 3),
        SPOKEN,
    )
    yield "a telephone rings", at_ear_rate(AUDIO / "noise_ringing_phone.wav"), SPOKEN
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
    at = np.arange(round(seconds * EAR_RATE)) / EAR_RATE
    sound = np.sum([np.sin(2 * np.pi * each * at) for each in hertz], axis=0)
    joined: Samples = (np.concatenate([sound, np.zeros(round(pause * EAR_RATE))]) / 4).astype(np.float32)
    return joined


def cough(random: np.random.Generator, seconds: float = 0.3) -> Samples:
    """A burst of noise that rises fast and dies away, then a second of quiet."""
    many = round(seconds * EAR_RATE)
    shape = np.minimum(1.0, np.arange(many) / 160) * np.exp(-4 * np.arange(many) / many)
    burst = np.convolve(random.standard_normal(many), np.hanning(12), "same") * shape
    joined: Samples = (np.concatenate([burst, np.zeros(EAR_RATE)]) / 8).astype(np.float32)
    return joined


if __name__ == "__main__":
    main()
