"""Plivo audio streaming (plivo.com/docs/voice/xml/the-stream-element): mu-law or linear, low byte first, in JSON.

There is no message for the end of a stream: the socket closes.
"""

import msgspec
from msgspec import Struct

from lineside.transports.media_streams.dialect import (
    Encoding,
    StreamCleared,
    StreamEvent,
    StreamMark,
    StreamStarted,
    quoted,
    to_base64,
    whole_number,
)
from lineside.transports.media_streams.event_dialect import EventDialect

TYPES: dict[str, Encoding] = {"audio/x-mulaw": "ulaw", "audio/x-l16": "l16"}


class _Format(Struct, frozen=True, rename="camel"):
    encoding: str = "audio/x-mulaw"
    sample_rate: int | str = 8000


class _Start(Struct, frozen=True, rename="camel"):
    call_id: str = ""
    stream_id: str = ""
    account_id: str = ""
    media_format: _Format = _Format()


class _Started(Struct, frozen=True):
    start: _Start
    extra_headers: str | dict[str, str] = ""


class _Played(Struct, frozen=True):
    name: str = ""


_decode_start = msgspec.json.Decoder(_Started).decode
_decode_played = msgspec.json.Decoder(_Played).decode


class PlivoDialect(EventDialect):
    """One call's messages."""

    line = "plivo"

    def __init__(self) -> None:
        self._stream = '""'

    def _started(self, message: bytes | str) -> StreamStarted:
        it = _decode_start(message)
        said = it.start
        encoding = TYPES.get(said.media_format.encoding.lower())
        if encoding is None:
            raise ValueError(f"encoding {said.media_format.encoding!r} is not known")
        self._stream = quoted(said.stream_id)
        self.encoding, self.rate = encoding, whole_number(said.media_format.sample_rate) or 8000
        return StreamStarted(
            stream=said.stream_id,
            call=said.call_id,
            account=said.account_id,
            encoding=encoding,
            rate=self.rate,
            parameters=_headers(it.extra_headers),
        )

    def _other(self, event: str, message: bytes | str) -> StreamEvent:
        if event == "clearedAudio":
            return StreamCleared()
        return StreamMark(_decode_played(message).name) if event == "playedStream" else None

    def sound(self, payload: bytes) -> bytes | str:
        """See `StreamDialect`."""
        kind = "audio/x-mulaw" if self.encoding == "ulaw" else "audio/x-l16"
        return (
            f'{{"event":"playAudio","media":{{"contentType":"{kind}","sampleRate":{self.rate},'
            f'"payload":"{to_base64(payload)}"}}}}'
        )

    def mark(self, name: str) -> str:
        """See `StreamDialect`."""
        return f'{{"event":"checkpoint","streamId":{self._stream},"name":"{name}"}}'

    def clear(self) -> str:
        """See `StreamDialect`."""
        return f'{{"event":"clearAudio","streamId":{self._stream}}}'


def _headers(given: str | dict[str, str]) -> dict[str, str]:
    """`extra_headers` come as "{a: 1, b: 2}" or "a=1,b=2"; keys and values are letters and digits only."""
    if isinstance(given, dict):
        return given
    pairs = (pair.replace("=", ":").split(":", 1) for pair in given.strip("{} ").split(",") if pair)
    return {pair[0].strip(" \"'"): pair[1].strip(" \"'") for pair in pairs if len(pair) == 2}
