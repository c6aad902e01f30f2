"""Plivo audio streaming (plivo.com/docs/voice/xml/the-stream-element): mu-law or linear, low byte first, in JSON.

There is no message for the end of a stream: the socket closes.
"""

import msgspec
from msgspec import Struct

from lineside.transports.media_streams.dialect import (
    Encoding,
    StreamAudio,
    StreamEvent,
    StreamKey,
    StreamMark,
    StreamShape,
    StreamStarted,
    StreamStopped,
    from_base64,
    nonsense,
    to_base64,
    whole_number,
)

_quoted = msgspec.json.Encoder().encode
TYPES: dict[str, Encoding] = {"audio/x-mulaw": "ulaw", "audio/x-l16": "l16"}


class _Format(Struct, frozen=True, rename="camel"):
    encoding: str = "audio/x-mulaw"
    sample_rate: int | str = 8000


class _Start(Struct, frozen=True, rename="camel"):
    call_id: str = ""
    stream_id: str = ""
    account_id: str = ""
    media_format: _Format = _Format()


class _Media(Struct, frozen=True):
    payload: str
    track: str = "inbound"


class _Digit(Struct, frozen=True):
    digit: str = ""


class _Message(Struct, frozen=True):
    event: str
    media: _Media | None = None
    start: _Start | None = None
    dtmf: _Digit | None = None
    name: str = ""
    extra_headers: str | dict[str, str] = ""


_decode = msgspec.json.Decoder(_Message).decode


class PlivoDialect:
    """One call's messages."""

    line = "plivo"
    sound_in_text = True
    shape = StreamShape()
    has_marks = True

    def __init__(self) -> None:
        self.encoding: Encoding = "ulaw"
        self.rate = 8000
        self._stream = '""'

    def read(self, message: bytes | str) -> StreamEvent:
        """See `StreamDialect`."""
        try:
            it = _decode(message)
            if it.media is not None and it.event == "media":
                return StreamAudio(from_base64(it.media.payload)) if it.media.track == "inbound" else None
            return self._control(it)
        except (msgspec.DecodeError, ValueError, RecursionError) as why:
            raise nonsense(self.line, str(why)) from None

    def _control(self, it: _Message) -> StreamEvent:
        if it.event == "start" and it.start is not None:
            said = it.start
            encoding = TYPES.get(said.media_format.encoding.lower())
            if encoding is None:
                raise ValueError(f"encoding {said.media_format.encoding!r} is not known")
            self._stream = _quoted(said.stream_id).decode()
            self.encoding, self.rate = encoding, whole_number(said.media_format.sample_rate) or 8000
            return StreamStarted(
                stream=said.stream_id,
                call=said.call_id,
                account=said.account_id,
                encoding=encoding,
                rate=self.rate,
                parameters=_headers(it.extra_headers),
            )
        if it.event == "dtmf" and it.dtmf is not None:
            return StreamKey(it.dtmf.digit)
        if it.event == "playedStream":
            return StreamMark(it.name)
        return StreamStopped() if it.event == "stop" else None

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

    def hang_up(self) -> str:
        """See `StreamDialect`: the call is ended by a request of its own."""
        return ""

    def status(self) -> str:
        """See `StreamDialect`: there is none."""
        return ""


def _headers(given: str | dict[str, str]) -> dict[str, str]:
    """`extra_headers` come as "{a: 1, b: 2}" or "a=1,b=2"; keys and values are letters and digits only."""
    if isinstance(given, dict):
        return given
    pairs = (pair.replace("=", ":").split(":", 1) for pair in given.strip("{} ").split(",") if pair)
    return {pair[0].strip(" \"'"): pair[1].strip(" \"'") for pair in pairs if len(pair) == 2}
