"""Hears the labelled set as a call would: the ear finds the pauses, the models say what they make of each.

    python -m training.turns.hear fit|held [--models-dir ~/.cache/lineside] [--cache ~/.cache/lineside-bench]

Writes `<cache>/<half>/heard.jsonl`; what is in it already is not heard again. Nothing here is fitted.
"""

import argparse
import hashlib
from pathlib import Path

import msgspec
import numpy as np
from msgspec import Struct
from tests.audio.single_vad import SingleVad as VoiceWindows
from training.turns.build import Turn
from training.turns.voices import at_stt_rate

from lineside.audio import g711
from lineside.audio.frame import STT_RATE
from lineside.audio.smart_turn import SmartTurn, clearness
from lineside.audio.vad import VadModel
from lineside.audio.wav import read_wav
from lineside.engine_server.asr.whisper import WhisperModel
from lineside.turns.floor_events import Silence, VoiceActivity
from lineside.turns.open_turn import SegmenterRules
from lineside.turns.speech_segmenter import SpeechSegmenter

LOOKS = (0.2, 0.6)  # seconds of silence at which the turn model is asked
WORDS_AT = 0.2  # seconds of silence at which the recogniser is asked
FRAME = 0.02


class HeardPause(Struct):
    """A silence that the ear noticed in an open turn. Seconds from the beginning of the file."""

    since: float  # the last voiced sample
    ended: float | None  # the first voiced sample after it; None if the caller never went on
    until: float | None  # when the ear had noticed that they went on
    over: bool  # it began at the true end or later
    why: str  # of a pause inside: unfinished, goes_on, digits, or natural for one that nobody put there
    turn: list[float]  # the turn model's probability at each of LOOKS that the silence reached
    spoken: float = 0.0  # seconds of the utterance that the recogniser was given
    clear: float | None = None  # decibels of the voice over the noise in the pause
    words: str = ""  # what it understood, empty if the silence was too short to ask
    ends: float | None = None  # the language model's log odds that these words may end here (`training.turns.foresee`)


class HeardTurn(Struct):
    """One turn as it was heard."""

    turn: Turn
    key: str  # of the sound
    pauses: list[HeardPause]


class HearingModels:
    """The models, loaded once."""

    def __init__(self, models: Path) -> None:
        self.voice = VadModel(models / "silero-vad" / "silero_vad.onnx")
        self.turn = SmartTurn(models / "smart-turn-v3.2" / "smart-turn-v3.2-cpu.onnx")
        self.words = WhisperModel(models / "faster-whisper-base", 1)


def main() -> None:
    """Hear one half."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("half", choices=["fit", "held"])
    parser.add_argument("--models-dir", type=Path, default=Path("~/.cache/lineside").expanduser())
    parser.add_argument("--cache", type=Path, default=Path("~/.cache/lineside-bench").expanduser())
    arguments = parser.parse_args()
    folder = arguments.cache / arguments.half
    listing = folder / "heard.jsonl"
    known = {(each.turn.file, each.key): each for each in read(listing)}
    models = HearingModels(arguments.models_dir)
    turns = [msgspec.json.decode(line, type=Turn) for line in (folder / "turns.jsonl").read_bytes().splitlines()]
    with listing.with_suffix(".part").open("wb") as out:
        for number, turn in enumerate(turns):
            key = hashlib.sha256((folder / turn.file).read_bytes()).hexdigest()[:16]
            heard = known.get((turn.file, key)) or HeardTurn(turn, key, hear(folder / turn.file, turn, models))
            heard.turn = turn
            _measure(folder / turn.file, heard.pauses)
            out.write(msgspec.json.encode(heard) + b"\n")
            if number % 20 == 0:
                print(arguments.half, number, "of", len(turns), flush=True)
                out.flush()
    listing.with_suffix(".part").replace(listing)


def read(listing: Path) -> list[HeardTurn]:
    """What was heard so far, also by a run that was broken off."""
    lines = [
        line
        for file in (listing, listing.with_suffix(".part"))
        if file.exists()
        for line in file.read_bytes().splitlines()
    ]
    found = []
    for line in lines:
        try:
            found.append(msgspec.json.decode(line, type=HeardTurn))
        except msgspec.DecodeError:  # the last line of a run that was broken off
            continue
    return found


def hear(file: Path, turn: Turn, models: HearingModels) -> list[HeardPause]:
    """Let the ear listen to one turn; every pause that it notices in it."""
    sound = read_wav(file)
    telephone = turn.band == "telephone"
    segmenter = SpeechSegmenter(
        "g711_ulaw" if telephone else "pcm", sound.rate, VoiceWindows(models.voice), SegmenterRules()
    )
    size = round(sound.rate * FRAME) * 2
    pauses: list[HeardPause] = []
    for at in range(0, len(sound.pcm), size):
        frame = sound.pcm[at : at + size]
        for event in segmenter.hear(g711.encode(frame, "g711_ulaw") if telephone else frame):
            match event:
                case Silence(at=now, since=since):
                    if not pauses or pauses[-1].until is not None:
                        over = since >= turn.ended - 0.25
                        pauses.append(HeardPause(since, None, None, over, "" if over else _why(turn, since), []))
                    _ask(pauses[-1], now - since, segmenter, models)
                case VoiceActivity(at=now, began=began):
                    if pauses and pauses[-1].until is None:
                        pauses[-1].ended, pauses[-1].until = began, now
                case _:
                    continue
    if pauses and pauses[-1].until is None:
        pauses[-1].over, pauses[-1].why = True, ""  # however softly the last word died away
    return [pause for pause in pauses if pause.until is None or pause.until - pause.since >= 0.1]


def _ask(pause: HeardPause, silence: float, segmenter: SpeechSegmenter, models: HearingModels) -> None:
    looks = len(pause.turn)
    if looks < len(LOOKS) and silence >= LOOKS[looks]:
        utterance = segmenter.utterance()
        pause.turn.append(round(models.turn.probability(utterance.pcm), 4))
        if not looks:
            samples = np.frombuffer(utterance.pcm, "<i2").astype(np.float32) / np.float32(32768)
            pause.spoken, pause.words = round(utterance.seconds, 3), models.words.transcribe(samples).text


def _measure(file: Path, pauses: list[HeardPause]) -> None:
    """How clear the voice was in what the turn model was given."""
    sound = at_stt_rate(file)
    for pause in pauses:
        if pause.turn:
            end = pause.since + LOOKS[0]
            given = sound[round(max(0.0, end - pause.spoken) * STT_RATE) : round(end * STT_RATE)]
            pause.clear = round(clearness((given * 32767).astype("<i2").tobytes()), 1)


def _why(turn: Turn, since: float) -> str:
    """The planned pause that begins nearest; a silence far from all of them is the speaker's own."""
    near = min(turn.pauses, key=lambda pause: abs(pause.began - since), default=None)
    return near.why if near and abs(near.began - since) < 0.3 else "natural"


if __name__ == "__main__":
    main()
