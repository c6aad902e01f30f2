"""Hearing: Whisper through CTranslate2, with a window as short as what was said."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from lineside.errors import ConfigError
from lineside.hosts.engine_server.gates import compression, unlooped
from lineside.hosts.engine_server.mel import HOP, RATE, log_mel

Samples = npt.NDArray[np.float32]

PADDING = 3.0  # seconds of nothing after the words; measured: with one second the model says them twice
NEAR_END = 0.35  # seconds; a segment that ends so close to the end of the sound is the last true one
LONGEST = 27.0  # seconds in one window of 30; longer sound is cut where it is quiet
SEARCH = 7.0  # seconds before `LONGEST` in which the quiet place is looked for
TOKENS_AT_LEAST, TOKENS_A_SECOND = 16, 12  # faster than anybody speaks; beyond it the model is talking to itself

TRANSCRIPT = 50258  # <|startoftranscript|> of the multilingual models
TRANSCRIBE = 50359
TIMESTAMPS = 50364  # <|0.00|>; each further token is 20 ms later
TIMESTAMP_SECONDS = 0.02

NO_SPEECH = 0.6  # with the next one: the model's own authors' rule for silence (Whisper paper, section 4.5)
UNSURE = -1.0
LOOPING = 2.4  # compression above which the authors call a text a loop


class Segment(Struct, frozen=True):
    """What was heard in one window. Times in seconds from the beginning of the utterance."""

    start: float
    end: float
    text: str
    avg_logprob: float  # natural, of the tokens
    no_speech_prob: float
    compression_ratio: float


class Heard(Struct, frozen=True):
    """What was heard in an utterance; `segments` is empty when nobody spoke."""

    seconds: float
    language: str
    segments: tuple[Segment, ...]

    @property
    def text(self) -> str:
        """All words."""
        return " ".join(segment.text for segment in self.segments)


class Whisper:
    """One Whisper model of the multilingual family. For one thread at a time."""

    rate = RATE

    def __init__(self, folder: Path, threads: int = 2) -> None:
        import ctranslate2
        import tokenizers

        self._storage = ctranslate2.StorageView.from_array
        try:
            self._model: Any = ctranslate2.models.Whisper(
                str(folder), device="cpu", compute_type="int8", intra_threads=threads, inter_threads=1
            )
            self._tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception as cause:  # both raise plain RuntimeError and Exception
            raise ConfigError(f"the model in {folder} cannot be loaded: {cause}") from cause

    def hear(self, samples: Samples, language: str = "en") -> Heard:
        """Samples between -1 and 1 at `RATE` → words. Raises `ValueError` for a language the model has never learnt."""
        spoken = self._tokenizer.token_to_id(f"<|{language}|>")
        if spoken is None:
            raise ValueError(f"language {language!r} is not one that this model knows; it knows en, de, fr, es, …")
        segments, at = [], 0
        for piece in cut(samples):
            segment = self._window(piece, at / RATE, spoken)
            if segment.text:
                segments.append(segment)
            at += len(piece)
        return Heard(len(samples) / RATE, language, tuple(segments))

    def _window(self, samples: Samples, at: float, language: int) -> Segment:
        seconds = len(samples) / RATE
        mel = log_mel(samples) if len(samples) > HOP else np.zeros((80, 0), np.float32)
        frames = (mel.shape[1] + round(PADDING * RATE / HOP)) // 2 * 2  # the encoder halves them
        window = np.zeros((1, mel.shape[0], frames), np.float32)
        window[0, :, : mel.shape[1]] = mel
        [result] = self._model.generate(
            self._storage(window),
            [[TRANSCRIPT, language, TRANSCRIBE]],
            beam_size=1,
            max_length=TOKENS_AT_LEAST + round(TOKENS_A_SECOND * seconds),
            return_scores=True,
            return_no_speech_prob=True,
        )
        tokens, end = until_the_end(result.sequences_ids[0], seconds)
        said = self._tokenizer.decode(tokens).strip()
        ratio = compression(said)
        silent = result.no_speech_prob > NO_SPEECH and result.scores[0] < UNSURE
        text = "" if silent else unlooped(said, seconds)
        if compression(text) > LOOPING:
            text = ""
        return Segment(at, at + end, text, result.scores[0], result.no_speech_prob, ratio)


def cut(samples: Samples) -> list[Samples]:
    """Pieces that fit the window, cut in the quietest tenth of a second before it is full."""
    pieces = []
    longest, search, tenth = (round(seconds * RATE) for seconds in (LONGEST, SEARCH, 0.1))
    while len(samples) > longest:
        tail = samples[longest - search : longest]
        loudness = np.square(tail[: len(tail) // tenth * tenth]).reshape(-1, tenth).sum(axis=1)
        at = longest - search + int(loudness.argmin()) * tenth + tenth // 2
        pieces.append(samples[:at])
        samples = samples[at:]
    return [*pieces, samples]


def until_the_end(tokens: Sequence[int], seconds: float) -> tuple[list[int], float]:
    """The words up to the first timestamp after them that lies at the end of the sound, and that timestamp.

    What comes later was made up: the window goes on for three seconds after the caller stopped.
    """
    words: list[int] = []
    for token in tokens:
        if token < TIMESTAMPS:
            words.append(token)
        elif words and (at := (token - TIMESTAMPS) * TIMESTAMP_SECONDS) >= seconds - NEAR_END:
            return words, min(at, seconds)
    return words, seconds
