"""Every moment at which the floor would ask about a sound over the agent's, and what is known of the sound by then.

    python -m training.barge_in.hear [--half fit|held] [--models-dir …] [--cache …]

Each sound goes through the ear with Silero and the floor, and, where the floor asks, the embedded Whisper base. Nobody
is given the floor but by the length of their sound, so that every moment is seen. The first run makes the voices'
sounds, and takes minutes longer than later ones.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
from msgspec import Struct
from tests.audio.single_vad import SingleVad
from training.barge_in.sounds import Over, overs
from training.turns.voices import Samples, Studio

from lineside.audio.frame import SAMPLE_BYTES, Utterance
from lineside.audio.vad import VadModel
from lineside.engine_server.asr.backchannel import pooled
from lineside.engine_server.asr.whisper import WhisperModel
from lineside.engines.protocols import Transcription
from lineside.turns.floor import Floor, FloorRules
from lineside.turns.floor_events import (
    AgentPrompt,
    CheckInterruption,
    DismissInterruption,
    GiveWay,
    InterruptionChecked,
)
from lineside.turns.interruption import overheard
from lineside.turns.open_turn import SegmenterRules
from lineside.turns.speech_segmenter import SpeechSegmenter


class Moment(Struct, frozen=True):
    """A sound over the agent's, at the moment when somebody must say whether it claims the floor."""

    voice: str
    kind: str  # nods, claims
    text: str
    line: str
    over: bool  # the sound is complete
    heard: Transcription
    number: int  # of the sound; a long one has several moments
    pooled: list[float]  # what the encoder made of it (`nods.pooled`)


def main() -> None:
    """Hear one half, or both, and keep what was heard."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--half", choices=["fit", "held"])
    parser.add_argument("--models-dir", type=Path, default=Path("~/.cache/lineside").expanduser())
    parser.add_argument("--cache", type=Path, default=Path("~/.cache/lineside-bench").expanduser())
    arguments = parser.parse_args()
    studio = studio_in(arguments.models_dir, arguments.cache)
    voice = VadModel(arguments.models_dir / "silero-vad" / "silero_vad.onnx")
    words = WhisperModel(arguments.models_dir / "faster-whisper-base", 1)
    for half in (arguments.half,) if arguments.half else ("fit", "held"):
        found = [it for number, sound in enumerate(overs(half, studio)) for it in moments(sound, number, voice, words)]
        file = arguments.cache / half / "overheard.msgpack"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(msgspec.msgpack.encode(found))
        print(f"{half}: {len(found)} moments in {file}", flush=True)


def read(file: Path) -> list[Moment]:
    """What `main` kept."""
    return msgspec.msgpack.decode(file.read_bytes(), type=list[Moment])


def studio_in(models: Path, cache: Path) -> Studio:
    """The voices of training/turns."""
    return Studio(models, cache / "voices", cache / "prompts" / "usr", cache / "kokoro")


def moments(sound: Over, number: int, voice: VadModel, words: WhisperModel) -> Iterator[Moment]:
    """Let it be heard while the agent speaks."""
    segmenter, floor = SpeechSegmenter("pcm", sound.rate, SingleVad(voice), SegmenterRules()), Floor(FloorRules())
    floor.feed(AgentPrompt(0.0))
    size = sound.rate // 50 * SAMPLE_BYTES
    for begin in range(0, len(sound.pcm), size):
        for event in segmenter.hear(sound.pcm[begin : begin + size]):
            decision = floor.feed(event)
            if isinstance(decision, CheckInterruption):
                arguments = (sound.voice, sound.kind, sound.text, sound.line)
                said = segmenter.utterance()
                made = pooled(words.encoded(samples_of(said)), said.seconds)
                yield Moment(*arguments, decision.over, heard(overheard(said), words), number, made.tolist())
                decision = floor.feed(InterruptionChecked(segmenter.at, decision.number, real=False))
            if isinstance(decision, DismissInterruption):
                segmenter.close_turn()
            if isinstance(decision, GiveWay):
                return


def heard(utterance: Utterance, words: WhisperModel) -> Transcription:
    """What the recogniser makes of it, as the engine tells it."""
    segments = words.transcribe(samples_of(utterance), prompt=utterance.prompt).segments
    sure = float(np.exp(np.mean([each.avg_logprob for each in segments]))) if segments else 1.0
    nod = segments[0].nod if len(segments) == 1 else None
    return Transcription(" ".join(each.text for each in segments), sure=sure, nod=nod)


def samples_of(utterance: Utterance) -> Samples:
    """Between -1 and 1."""
    return np.frombuffer(utterance.pcm, "<i2").astype(np.float32) / np.float32(32768)


if __name__ == "__main__":
    main()
