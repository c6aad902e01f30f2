"""Twilio Media Streams (twilio.com/docs/voice/media-streams/websocket-messages): mu-law at 8 kHz in JSON."""

import msgspec
from msgspec import Struct

from lineside.transports.media_streams.dialect import (
    ENCODINGS,
    Encoding,
    StreamStarted,
    quoted,
    to_base64,
    whole_number,
)
from lineside.transports.media_streams.event_dialect import EventDialect


class _Format(Struct, frozen=True, rename="camel"):
    encoding: str = "audio/x-mulaw"
    sample_rate: int | str = 8000


class _Start(Struct, frozen=True, rename="camel"):
    call_sid: str = ""
    account_sid: str = ""
    media_format: _Format = _Format()
    custom_parameters: dict[str, str] = {}


class _Message(Struct, frozen=True, rename="camel"):
    start: _Start
    stream_sid: str = ""


_decode = msgspec.json.Decoder(_Message).decode


class TwilioDialect(EventDialect):
    """One call's messages. At `clear` every pending mark comes back at once, too."""

    line = "twilio"

    def __init__(self) -> None:
        self._stream = '""'

    def _started(self, message: bytes | str) -> StreamStarted:
        it = _decode(message)
        self._stream, said = quoted(it.stream_sid), it.start
        return StreamStarted(
            stream=it.stream_sid,
            call=said.call_sid,
            account=said.account_sid,
            encoding=self._encoding(said.media_format.encoding),
            rate=whole_number(said.media_format.sample_rate) or 8000,
            parameters=said.custom_parameters,
        )

    def _encoding(self, name: str) -> Encoding:
        found = ENCODINGS.get(name.lower())
        if found is None:
            raise ValueError(f"encoding {name!r} is not known")
        return found

    def sound(self, payload: bytes) -> bytes | str:
        """See `StreamDialect`."""
        return f'{{"event":"media","streamSid":{self._stream},"media":{{"payload":"{to_base64(payload)}"}}}}'

    def mark(self, name: str) -> str:
        """See `StreamDialect`."""
        return f'{{"event":"mark","streamSid":{self._stream},"mark":{{"name":"{name}"}}}}'

    def clear(self) -> str:
        """See `StreamDialect`."""
        return f'{{"event":"clear","streamSid":{self._stream}}}'
