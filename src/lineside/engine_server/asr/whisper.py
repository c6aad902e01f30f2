"""Hearing: Whisper through CTranslate2, with a window as short as what was said."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Struct

from lineside.audio.log_mel import BANDS, HOP, RATE, log_mel
from lineside.engine_server.asr.backchannel import BackchannelDetector
from lineside.engine_server.asr.digit_listener import DigitListener, listened
from lineside.engines.transcript_gate import believable, compression
from lineside.errors import ConfigError

Samples = npt.NDArray[np.float32]

# A window as short as the utterance, not the usual 30 s, is three times faster, but the model must see that the words
# are over, or says them again: half a second of quiet, then blank spectrogram. Measured over variations of the test
# recordings (cut close, padded, faint, both bands), wrong words: 1.4 % so, 2.3 % with blank alone, 3.2 % with quiet
# alone; 7 % with one second less.
QUIET, BLANK = 0.6, 3.0  # seconds
LOUDNESS = 0.5  # peak that every utterance is brought to; faint ones are otherwise heard twice ("yes, yes")
MOST_GAIN = 30.0
NEAR_END = 0.35  # seconds; a timestamp so close to the last sound ends the last true words
MAX_WINDOW_SECONDS = (
    30.0 - QUIET - BLANK
)  # seconds that fit into the model's window; longer sound is cut where it is quiet
SEARCH = 7.0  # seconds before `MAX_WINDOW_SECONDS` in which the quiet place is looked for
TOKENS_AT_LEAST, TOKENS_A_SECOND = 8, 8.0  # faster than anybody speaks; beyond it the model is talking to itself
STEP = 0.02  # seconds of sound that are measured together
LONGEST_PROMPT = 100  # tokens; the model takes 223

LANGUAGE = re.compile("[a-z]{2,3}")
TIMESTAMP_SECONDS = 0.02  # from one timestamp token to the next


class UnknownLanguage(Exception):
    """A language that the model never learnt."""


class Segment(Struct, frozen=True, omit_defaults=True):
    """What was heard in one window. Times in seconds from the beginning of the utterance."""

    start: float
    end: float
    text: str
    avg_logprob: float  # natural, of the tokens
    no_speech_prob: float
    compression_ratio: float
    nod: float | None = None  # log odds that it is but a nod, by its sound; None where that is not known
    clear: int | None = None  # digits were listened for, and heard beyond doubt (1) or not (0)


class WhisperTranscript(Struct, frozen=True):
    """What was heard in an utterance; `segments` is empty when nobody spoke."""

    seconds: float
    language: str
    segments: tuple[Segment, ...]

    @property
    def text(self) -> str:
        """All words."""
        return " ".join(segment.text for segment in self.segments)


class WhisperModel:
    """One Whisper model. For one thread at a time."""

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
        self._start, self._transcribe, no_timestamps = (
            self._token(name) for name in ("startoftranscript", "transcribe", "notimestamps")
        )
        self._timestamps = no_timestamps + 1  # the token of 0.00 s
        self._only_english: bool = not self._model.is_multilingual
        self._nods = BackchannelDetector.of(folder.name)
        self._digits: DigitListener | None = None  # made when digits are first asked for

    def transcribe(
        self, samples: Samples, language: str = "en", prompt: str = "", digits: int | None = None
    ) -> WhisperTranscript:
        """Samples between -1 and 1 at `RATE` → words. Raises `UnknownLanguage`.

        `prompt`: what may have been said before; the model leans towards its words. Only its end counts, if it is long.
        `digits`: so many were asked for, 0: any number; then digits are listened for besides (`DigitListener`).
        """
        before, start = self._before(prompt), self._prompt(language)
        segments, at = [], 0
        for piece in cut(samples):
            segment = self._window(piece, at / RATE, before, start, digits)
            if segment.text:
                segments.append(segment)
            at += len(piece)
        return WhisperTranscript(len(samples) / RATE, language, tuple(segments))

    def encoded(self, samples: Samples) -> Samples:
        """What the encoder makes of one window: steps of 20 ms × the model's dimensions."""
        made: Samples = np.array(self._model.encode(self._storage(window(samples, self._model.n_mels))))[0]
        return made

    def _prompt(self, language: str) -> list[int]:
        """What the model is told beforehand; the English ones never learnt to be told a language (openai/whisper)."""
        if not self._only_english:
            return [self._start, self._token(language if LANGUAGE.fullmatch(language) else ""), self._transcribe]
        if language != "en":
            raise UnknownLanguage('this model supports only language="en"')
        return [self._start]

    def _before(self, prompt: str) -> list[int]:
        """What was said before, as the model learnt to be told it (openai/whisper, decoding.py)."""
        said: list[int] = self._tokenizer.encode(f" {prompt.strip()}", add_special_tokens=False).ids
        return [self._token("startofprev"), *said[-LONGEST_PROMPT:]] if prompt.strip() else []

    def _token(self, name: str) -> int:
        number: int | None = self._tokenizer.token_to_id(f"<|{name}|>")
        if number is None:
            raise UnknownLanguage("the model does not know this language; they are named as in en, de, fr, es")
        return number

    def _window(
        self, samples: Samples, at: float, before: list[int], start: list[int], digits: int | None = None
    ) -> Segment:
        encoded, seconds = self._model.encode(self._storage(window(samples, self._model.n_mels))), len(samples) / RATE
        written = self._written(encoded, samples, before, start)
        if before and not written.text:  # what was said before also leads astray, to a word over and over
            written = self._written(encoded, samples, [], start)
        if digits is not None:
            written = self._with_digits(written, encoded, start, digits, seconds)
        nod = self._nods.odds(np.array(encoded)[0], seconds) if self._nods is not None else None
        return msgspec.structs.replace(written, start=at, end=at + min(written.end, seconds), nod=nod)

    def _with_digits(self, written: Segment, encoded: Any, start: list[int], digits: int, seconds: float) -> Segment:
        """The segment with the digits that the model writes if it may write nothing else, where they are better."""
        if self._digits is None:
            self._digits = DigitListener(self._tokenizer, self._timestamps)
        heard = listened(written.text, self._digits.listen(self._model, encoded, start, seconds), digits, seconds)
        return msgspec.structs.replace(
            written, text=heard.text, clear=None if heard.clear is None else int(heard.clear)
        )

    def _written(self, encoded: Any, samples: Samples, before: list[int], start: list[int]) -> Segment:
        seconds = len(samples) / RATE
        [result] = self._model.generate(
            encoded,
            [before + start],
            beam_size=1,
            # CTranslate2 generates half of it, less what it was told before.
            max_length=2 * (len(before) + round(TOKENS_AT_LEAST + TOKENS_A_SECOND * seconds)),
            return_scores=True,
            return_no_speech_prob=True,
        )
        tokens, end = until_the_end(result.sequences_ids[0], self._timestamps, last_sound(samples))
        said = self._tokenizer.decode(tokens).strip()
        avg_logprob, no_speech = result.scores[0], result.no_speech_prob
        text = believable(said, seconds, no_speech, avg_logprob)
        return Segment(0.0, end, text, avg_logprob, no_speech, compression(said))


def window(samples: Samples, bands: int = BANDS) -> Samples:
    """What the model is shown: 1 × `bands` × an even number of frames, because it halves them."""
    gain = min(MOST_GAIN, LOUDNESS / max(1e-6, float(np.abs(samples).max(initial=0.0))))
    mel = log_mel(np.concatenate([samples * np.float32(gain), np.zeros(round(QUIET * RATE), np.float32)]), bands)
    frames = (mel.shape[1] + round(BLANK * RATE / HOP)) // 2 * 2
    shown = np.zeros((1, bands, frames), np.float32)
    shown[0, :, : mel.shape[1]] = mel
    return shown


def cut(samples: Samples) -> list[Samples]:
    """Pieces that fit the window, cut in the quietest tenth of a second before it is full."""
    pieces = []
    longest, search, tenth = (round(seconds * RATE) for seconds in (MAX_WINDOW_SECONDS, SEARCH, 0.1))
    while len(samples) > longest:
        tail = samples[longest - search : longest]
        loudness = np.square(tail[: len(tail) // tenth * tenth]).reshape(-1, tenth).sum(axis=1)
        at = longest - search + int(loudness.argmin()) * tenth + tenth // 2
        pieces.append(samples[:at])
        samples = samples[at:]
    return [*pieces, samples]


def last_sound(samples: Samples) -> float:
    """Seconds from the beginning to the end of the last sound that stands out from the noise."""
    step = round(STEP * RATE)
    steps = samples[: len(samples) // step * step].reshape(-1, step)
    if not len(steps):
        return 0.0
    level = np.sqrt(np.square(steps).mean(axis=1))
    loudest, noise = float(level.max()), float(np.quantile(level, 0.1))
    bound = max(0.01 * loudest, min(3 * noise, 0.25 * loudest))  # -40 dB; 10 dB over the noise; -12 dB
    return (int(np.flatnonzero(level >= bound)[-1]) + 1) * STEP


def until_the_end(tokens: Sequence[int], timestamps: int, sounding: float) -> tuple[list[int], float]:
    """The words up to the first timestamp after them that lies at the end of the sound, and that timestamp in seconds.

    What comes later was made up: the window goes on for seconds after the caller stopped. Tokens from `timestamps` on
    are times.
    """
    words: list[int] = []
    for token in tokens:
        if token < timestamps:
            words.append(token)
        elif words and (at := (token - timestamps) * TIMESTAMP_SECONDS) >= sounding - NEAR_END:
            return words, at
    return words, sounding
