"""What was heard, in the shapes that clients ask for: json, text, srt, verbose_json, vtt and a stream. Pure."""

import math
import zlib
from collections.abc import Sequence
from typing import Any, Literal, get_args

from msgspec import Struct

Format = Literal["json", "text", "srt", "verbose_json", "vtt"]
FORMATS: tuple[Format, ...] = get_args(Format)
LANGUAGES = {"": "english", "en": "english", "de": "german", "es": "spanish", "fr": "french", "it": "italian"}


class TranscriptSegment(Struct, frozen=True):
    """One stretch of the recording. Times are seconds from its beginning."""

    start: float
    end: float
    text: str
    avg_logprob: float = 0.0
    no_speech_prob: float = 0.0

    @classmethod
    def of(
        cls, start: float, end: float, text: str, *, sure: float, avg_logprob: float | None, no_speech: float | None
    ) -> "TranscriptSegment":
        """As the recogniser said it; where it says nothing of likelihood, its sureness stands for that."""
        likely = avg_logprob if avg_logprob is not None else math.log(max(1e-3, min(1.0, sure)))
        return cls(round(start, 3), round(end, 3), text, round(likely, 4), round(no_speech or 0.0, 4))


class HeardRecording(Struct, frozen=True):
    """A whole recording."""

    seconds: float
    segments: tuple[TranscriptSegment, ...]
    language: str = ""  # as the recogniser names it, or as the client did

    @property
    def text(self) -> str:
        """All that was said."""
        return " ".join(segment.text for segment in self.segments if segment.text)

    @property
    def usage(self) -> dict[str, Any]:
        """Billed by nobody: the length of the recording."""
        return {"type": "duration", "seconds": round(self.seconds, 3)}


def whole(heard: HeardRecording, shape: Format, task: str = "transcribe") -> tuple[str, dict[str, Any] | str]:
    """The answer and its content type; a mapping is to be written as JSON."""
    match shape:
        case "json":
            return "application/json", {"text": heard.text, "usage": heard.usage}
        case "text":
            return "text/plain", f"{heard.text}\n"
        case "srt":
            return "text/plain", _subtitles(heard.segments, numbered=True, point=",")
        case "vtt":
            return "text/vtt", f"WEBVTT\n\n{_subtitles(heard.segments, numbered=False, point='.')}"
        case "verbose_json":
            language = LANGUAGES.get(heard.language, heard.language)
            segments = [_verbose(number, segment) for number, segment in enumerate(heard.segments)]
            said = {"task": task, "language": language, "duration": round(heard.seconds, 3), "text": heard.text}
            return "application/json", said | {"segments": segments, "usage": heard.usage}


def _verbose(number: int, segment: TranscriptSegment) -> dict[str, Any]:
    raw = segment.text.encode()
    return {
        "id": number,
        "seek": round(segment.start * 100),  # hundredths of a second, as Whisper counts
        "start": segment.start,
        "end": segment.end,
        "text": segment.text,
        "tokens": [],
        "temperature": 0.0,
        "avg_logprob": segment.avg_logprob,
        "compression_ratio": round(len(raw) / len(zlib.compress(raw)), 3) if raw else 0.0,
        "no_speech_prob": segment.no_speech_prob,
    }


def _subtitles(segments: Sequence[TranscriptSegment], *, numbered: bool, point: str) -> str:
    said = [segment for segment in segments if segment.text]
    blocks = []
    for number, segment in enumerate(said, 1):
        head = f"{number}\n" if numbered else ""
        blocks.append(f"{head}{_clock(segment.start, point)} --> {_clock(segment.end, point)}\n{segment.text}\n\n")
    return "".join(blocks)


def _clock(seconds: float, point: str) -> str:
    """Hours, minutes, seconds and milliseconds: the point is a comma in SubRip, a point in WebVTT."""
    milliseconds = round(seconds * 1000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{milliseconds // 1000:02}{point}{milliseconds % 1000:03}"
