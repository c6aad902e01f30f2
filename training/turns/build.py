"""Builds the labelled set of training/turns: turns of callers, with their true end and every pause inside.

    python -m training.turns.build [--share 1.0] [--models-dir ~/.cache/lineside] [--cache ~/.cache/lineside-bench]

Writes WAVs and `fit/turns.jsonl`, `held/turns.jsonl` into the cache. The same seed makes the same set. Needs espeak-ng,
and Debian's `asterisk-core-sounds-en-wav`, `flite`, `libflite1` and `libasound2` unpacked into `<cache>/prompts`:

    cd ~/.cache/lineside-bench/prompts && apt-get download asterisk-core-sounds-en-wav flite libflite1 libasound2 &&
    for each in *.deb; do dpkg -x $each .; done

and Kokoro with voices that the product does not bring, in `<cache>/kokoro`:

    mkdir -p ~/.cache/lineside-bench/kokoro && cd ~/.cache/lineside-bench/kokoro && npm pack kokoro-js@1.2.1 &&
    tar xzf kokoro-js-1.2.1.tgz --strip-components 2 package/voices && ln -s ~/.cache/lineside/kokoro-82m/*.onnx .

`--half` builds one half alone.
"""

import argparse
import random
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct
from training.turns.plan import Piece, Plan, plans, recorded_plans
from training.turns.voices import SPEAKERS, Samples, Speaker, Studio, at_stt_rate

from lineside.audio import g711
from lineside.audio.frame import STT_RATE
from lineside.audio.input_resampler import InputResampler
from lineside.audio.wav import wav_bytes

HERE = Path(__file__).parent
SHARED = HERE.parents[2] / "shared" / "audio"
LEAD, TAIL = 0.7, 3.2  # seconds of the line's own noise before and after the turn
SPEECH_LEVEL = -26.0  # dBFS while speaking (ITU-T P.56), a few decibels more or less for every call
ROOM = -62.0  # dBFS of the line's own noise
TELEPHONE_RATE = 8000
TURNS_A_CALL = 6


class Pause(Struct, frozen=True):
    """A pause inside the turn. Seconds from the beginning of the file."""

    began: float
    ended: float
    why: str  # unfinished, goes_on, digits


class Turn(Struct, frozen=True):
    """One labelled turn."""

    file: str
    speaker: str
    call: str  # turns of one call come one after another: a caller's pace is learnt in it
    kind: str  # open, question, yes_no, name, digits, goes_on
    asked: str  # what the agent had said before
    text: str
    band: str  # wide, telephone
    noise: str  # "", babble, phone
    snr: int | None  # dB
    began: float
    ended: float  # where the caller truly stopped
    pauses: list[Pause]


class Call(Struct, frozen=True):
    """What stays the same in one call."""

    name: str
    pace: float  # over 1: this caller pauses longer
    level: float
    room: float
    band: str
    noise: str
    snr: int | None


def main() -> None:
    """Build both halves."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--share", type=float, default=1.0, help="of the turns; a small set for a first look")
    parser.add_argument("--half", choices=["fit", "held"])
    parser.add_argument("--models-dir", type=Path, default=Path("~/.cache/lineside").expanduser())
    parser.add_argument("--cache", type=Path, default=Path("~/.cache/lineside-bench").expanduser())
    arguments = parser.parse_args()
    studio = Studio(
        arguments.models_dir,
        arguments.cache / "voices",
        arguments.cache / "prompts" / "usr",
        arguments.cache / "kokoro",
    )
    said = tomllib.loads((HERE / "said.toml").read_text("utf-8"))
    for half in (arguments.half,) if arguments.half else ("fit", "held"):
        folder = arguments.cache / half
        folder.mkdir(parents=True, exist_ok=True)
        noises = noises_of(half)
        with (folder / "turns.jsonl").open("wb") as listing:
            for speaker in (each for each in SPEAKERS if each.half == half):
                many = max(2, round(speaker.turns * arguments.share))
                for turn in _turns(speaker, many, said[half], studio, noises, folder, arguments.cache):
                    listing.write(msgspec.json.encode(turn) + b"\n")
                print(half, speaker.name, many, flush=True)


def _turns(
    speaker: Speaker,
    many: int,
    said: dict[str, Any],
    studio: Studio,
    noises: dict[str, list[Samples]],
    folder: Path,
    cache: Path,
) -> Iterator[Turn]:
    chance = random.Random(f"5 {speaker.name}")  # noqa: S311  (a set that can be made again)
    others = [random.Random(f"5 {speaker.name} {take}") for take in range(1, speaker.takes)]  # noqa: S311
    recorded = speaker.name.startswith("recorded/")
    spoken = recorded_plans(speaker.name, SHARED, cache / "prompts", chance) if recorded else plans(said, chance)
    calls: list[Call] = []
    for number in range(many):
        if number % TURNS_A_CALL == 0:
            named = f"{speaker.name}-{number // TURNS_A_CALL}"
            calls = [
                phone_call(named, chance),
                *(phone_call(f"{named}-{take}", each) for take, each in enumerate(others, 1)),
            ]
        plan = next(spoken, None)
        if plan is None:
            return
        sounds = _sounds(speaker.name, plan.pieces, studio)
        if any(not len(sound) for sound in sounds):
            continue
        for take, (call, dice) in enumerate(zip(calls, [chance, *others], strict=True)):
            name = f"{speaker.name.replace('/', '-')}-{number:03}{f'-{take}' if take else ''}.wav"
            yield _take(name, speaker.name, plan, sounds, call, noises, dice, folder)


def _take(
    name: str,
    speaker: str,
    plan: Plan,
    sounds: list[Samples],
    call: Call,
    noises: dict[str, list[Samples]],
    chance: random.Random,
    folder: Path,
) -> Turn:
    """One turn, as it was said once: its pauses, its line."""
    speech, pauses = _joined(plan.pieces, sounds, call, chance)
    pcm, rate = on_the_line(speech, call, noises, np.random.default_rng(chance.getrandbits(32)))
    (folder / name).write_bytes(wav_bytes(pcm, rate))
    text = " | ".join(piece.text for piece in plan.pieces)
    where = (call.band, call.noise, call.snr, LEAD, LEAD + len(speech) / STT_RATE)
    return Turn(name, speaker, call.name, plan.kind, plan.asked, text, *where, pauses)


def _sounds(voice: str, pieces: list[Piece], studio: Studio) -> list[Samples]:
    """Pieces of one sentence are cut out of its sound: so none but the last sounds like its end."""
    sounds: list[Samples] = []
    sentence: list[Piece] = []
    for piece in pieces:
        if piece.sound is not None:
            sounds.append(piece.sound)
            continue
        sentence.append(piece)
        if piece.then in ("", "goes_on"):
            sounds += studio.cut(voice, [each.text for each in sentence])
            sentence = []
    return sounds


def phone_call(name: str, chance: random.Random) -> Call:
    noise = chance.choices(["", "babble", "phone"], [0.5, 0.25, 0.25])[0]
    return Call(
        name,
        pace=chance.lognormvariate(0.0, 0.3),
        level=SPEECH_LEVEL + chance.uniform(-6, 4),
        room=ROOM + chance.uniform(-6, 6),
        band=chance.choice(["wide", "telephone"]),
        noise=noise,
        snr=chance.choice([20, 10, 5]) if noise else None,
    )


def pause(pace: float, chance: random.Random) -> float:
    """Seconds of one pause inside a turn, 0.2 to 2.5.

    The law of people's pauses: LiveKit's eot-bench (English) says that 55.6 % of those inside turns outlast 0.3 s,
    21.7 % 0.6 s, 10 % 1.0 s and 5 % 1.6 s, which is Pareto's from 0.2 s with a power of 1.45. With callers of
    different pace a power of 1.5 comes to the same: 54, 20, 10 and 6 %. So silence alone does on this set what it does
    on theirs.
    """
    return float(min(2.5, 0.2 * (1 - chance.random()) ** (-pace / 1.5)))


def _joined(
    pieces: list[Piece], sounds: list[Samples], call: Call, chance: random.Random
) -> tuple[Samples, list[Pause]]:
    """The whole turn, every piece at the same level, and where its pauses are."""
    out, pauses, at = [], [], LEAD
    for piece, sound in zip(pieces, sounds, strict=True):
        out.append(_at_level(sound, call.level))
        at += len(sound) / STT_RATE
        if piece is not pieces[-1]:
            seconds = pause(call.pace, chance)
            out.append(np.zeros(round(seconds * STT_RATE), np.float32))
            pauses.append(Pause(at, at + seconds, piece.then))
            at += seconds
    return np.concatenate(out), pauses


def on_the_line(
    speech: Samples, call: Call, noises: dict[str, list[Samples]], dice: np.random.Generator
) -> tuple[bytes, int]:
    """The speech between two quiet stretches, in its noise, coded."""
    quiet = [np.zeros(round(seconds * STT_RATE), np.float32) for seconds in (LEAD, TAIL)]
    sound = np.concatenate([quiet[0], speech, quiet[1]])
    room = dice.standard_normal(len(sound)).astype(np.float32)
    room = np.convolve(room, np.ones(4, np.float32) / 2, "same").astype(np.float32)  # duller than white: a room
    sound = sound + room * np.float32(10 ** (call.room / 20))
    if call.snr is not None:
        noise = noises[call.noise][int(dice.integers(len(noises[call.noise])))]
        start = int(dice.integers(len(noise)))
        looped = np.tile(noise, len(sound) // len(noise) + 2)[start : start + len(sound)]
        sound = sound + looped * np.float32(10 ** ((call.level - call.snr) / 20))
    pcm = (np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes()
    if call.band == "wide":
        return pcm, STT_RATE
    resampler = InputResampler(STT_RATE, TELEPHONE_RATE)
    narrow = resampler.feed(pcm) + resampler.end()
    return g711.decode(g711.encode(narrow, "g711_ulaw"), "g711_ulaw"), TELEPHONE_RATE


def noises_of(half: str) -> dict[str, list[Samples]]:
    """Noise, loud parts at 0 dBFS. Each half hears its own half of the babble."""
    babble = _at_level(at_stt_rate(SHARED / "noise_people_talking.wav"), 0.0)
    middle = len(babble) // 2
    phone = [_at_level(at_stt_rate(SHARED / f"noise_{name}.wav"), 0.0) for name in ("ringing_phone", "dog_bark")]
    return {"babble": [babble[:middle] if half == "fit" else babble[middle:]], "phone": phone}


def _at_level(sound: Samples, dbfs: float) -> Samples:
    """Brought to a level, measured over its loud part (that within 20 dB of the loudest 10 ms)."""
    steps = np.square(sound[: max(160, len(sound) // 160 * 160)]).reshape(-1, 160).mean(axis=1)
    active = float(np.sqrt(steps[steps > 0.01 * steps.max()].mean()))
    levelled: Samples = sound * np.float32(10 ** (dbfs / 20) / max(active, 1e-6))
    return levelled


if __name__ == "__main__":
    main()
