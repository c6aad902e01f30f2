"""How one recogniser's server wants to be asked: learned from what it refused, once, and remembered. Pure."""

import codecs
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from lineside.engines.chat_dialect import REFUSING, refuses
from lineside.engines.chat_stream import error_words
from lineside.errors import UNREADABLE

TRIES = 5  # of one utterance, each after something was learned
FORMATS = ("verbose_json", "json", "text")  # by how much they tell
NEEDED = frozenset({"model", "file"})

_FORMAT = re.compile(r"response[_ ]?format|verbose_json|timestamp_granularit", re.IGNORECASE)


class TranscriptionDialect(Struct, frozen=True):
    """The fields of the form."""

    response_format: str = FORMATS[0]
    refused: frozenset[str] = frozenset()  # fields that are left out

    def form(self, fields: Mapping[str, str]) -> dict[str, str]:
        """These fields as this server takes them; `response_format` is added where none is given."""
        asked = {**fields, "response_format": self.response_format}
        return {name: value for name, value in asked.items() if value and name not in self.refused}

    def learned(self, status: int, said: str, param: str, sent: Sequence[str]) -> "TranscriptionDialect | None":
        """The dialect after a refusal, or None where its words name nothing that could be done otherwise."""
        if status not in REFUSING:
            return None
        if "response_format" in sent and (param == "response_format" or _FORMAT.search(said)):
            later = FORMATS[FORMATS.index(self.response_format) + 1 :]
            if later:
                return replace(self, response_format=later[0])
            return replace(self, refused=self.refused | {"response_format"})
        named = next((f for f in sent if f not in NEEDED and (f == param or refuses(said, f))), "")
        return replace(self, refused=self.refused | {named}) if named else None


class Heard(Struct, frozen=True):
    """What a server said, in whatever format."""

    text: str
    language: str = ""
    logprobs: tuple[float, ...] = ()
    no_speech: tuple[float, ...] = ()
    nods: tuple[float, ...] = ()
    clear: tuple[float, ...] = ()  # 1: the digits of a segment were heard alike in two ways, 0: they were not


def read_transcription(body: bytes, content_type: str, asked: str) -> Heard:
    """An answer as `verbose_json`, `json` or bare text. Raises `ValueError` for an answer that is none of them.

    Args:
        body: As it came; empty is silence where text was asked for.
        content_type: As the server names it.
        asked: The format that was asked for.
    """
    if content_type == "text/html" or body.lstrip()[:1] == b"<":
        raise ValueError("a page instead of a transcript")
    body = body.removeprefix(codecs.BOM_UTF8)
    try:
        decoded = _decoded(body)
    except UNREADABLE:
        if asked != "text" and content_type != "text/plain":
            raise ValueError("JSON that is broken") from None
        return Heard(body.decode(errors="ignore").strip())
    if isinstance(decoded, str):
        return Heard(decoded.strip())
    if not isinstance(decoded, dict):
        raise ValueError("JSON without a text")
    if decoded.get("error") and not isinstance(decoded.get("text"), str):
        raise ValueError(f"an error: {error_words(decoded['error'])[:200]}")
    if not isinstance(decoded.get("text"), str):
        raise ValueError("JSON without a text")
    segments = [one for one in decoded.get("segments") or [] if isinstance(one, dict)]
    return Heard(
        decoded["text"].strip(),
        decoded["language"] if isinstance(decoded.get("language"), str) else "",
        _figures(segments, "avg_logprob"),
        _figures(segments, "no_speech_prob"),
        _figures(segments, "nod"),
        _figures(segments, "clear"),
    )


def _decoded(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        if body.isascii():
            raise
        return msgspec.json.decode(body.decode(errors="ignore"))  # half a character, cut by a proxy


def _figures(segments: Sequence[Mapping[str, Any]], name: str) -> tuple[float, ...]:
    return tuple(float(one[name]) for one in segments if isinstance(one.get(name), int | float))
