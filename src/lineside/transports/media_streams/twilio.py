"""Twilio Media Streams (twilio.com/docs/voice/media-streams/websocket-messages): mu-law at 8 kHz in JSON."""

import msgspec
from msgspec import Struct

from lineside.transports.media_streams.dialect import (
    ENCODINGS,
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


class _Format(Struct, frozen=True, rename="camel"):
    encoding: str = "audio/x-mulaw"
    sample_rate: int | str = 8000


class _Start(Struct, frozen=True, rename="camel"):
    call_sid: str = ""
    account_sid: str = ""
    media_format: _Format = _Format()
    custom_parameters: dict[str, str] = {}


class _Media(Struct, frozen=True):
    payload: str
    track: str = "inbound"


class _Digit(Struct, frozen=True):
    digit: str = ""


class _Name(Struct, frozen=True):
    name: str = ""


class _Message(Struct, frozen=True, rename="camel"):
    event: str
    media: _Media | None = None
    start: _Start | None = None
    stream_sid: str = ""
    dtmf: _Digit | None = None
    mark: _Name | None = None


_decode = msgspec.json.Decoder(_Message).decode


class TwilioDialect:
    """One call's messages."""

    line = "twilio"
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
            self._stream = _quoted(it.stream_sid).decode()
            said = it.start
            encoding = self._encoding(said.media_format.encoding)
            return StreamStarted(
                stream=it.stream_sid,
                call=said.call_sid,
                account=said.account_sid,
                encoding=encoding,
                rate=whole_number(said.media_format.sample_rate) or 8000,
                parameters=said.custom_parameters,
            )
        if it.event == "dtmf" and it.dtmf is not None:
            return StreamKey(it.dtmf.digit)
        if it.event == "mark" and it.mark is not None:
            return StreamMark(it.mark.name)
        return StreamStopped() if it.event == "stop" else None

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
        """See `StreamDialect`. Every pending mark comes back at once then, too."""
        return f'{{"event":"clear","streamSid":{self._stream}}}'

    def hang_up(self) -> str:
        """See `StreamDialect`: there is none; closing the socket runs the next verb of the TwiML."""
        return ""

    def status(self) -> str:
        """See `StreamDialect`: there is none."""
        return ""
