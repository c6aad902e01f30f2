"""Exotel AgentStream (developer.exotel.com/docs/agentstream/websocket-protocol): linear, low byte first, in JSON.

Their messages are Twilio's in snake_case. What we send must come in lumps: multiples of 320 bytes, at least 3,200.
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


class _Format(Struct, frozen=True):
    encoding: str = "audio/x-raw"
    sample_rate: int | str = 8000


class _Start(Struct, frozen=True, rename={"caller": "from", "called": "to"}):
    stream_sid: str = ""
    call_sid: str = ""
    account_sid: str = ""
    caller: str = ""
    called: str = ""
    custom_parameters: dict[str, str] | None = None
    media_format: _Format = _Format()


class _Media(Struct, frozen=True):
    payload: str


class _Digit(Struct, frozen=True):
    digit: str = ""


class _Name(Struct, frozen=True):
    name: str = ""


class _Message(Struct, frozen=True):
    event: str
    media: _Media | None = None
    start: _Start | None = None
    stream_sid: str = ""
    dtmf: _Digit | None = None
    mark: _Name | None = None


_decode = msgspec.json.Decoder(_Message).decode


class ExotelDialect:
    """One call's messages."""

    line = "exotel"
    sound_in_text = True
    encoding: Encoding = "l16"
    shape = StreamShape(multiple=320, least=3200, most=100_000)
    has_marks = True

    def __init__(self) -> None:
        self.rate = 8000
        self._stream = '""'

    def read(self, message: bytes | str) -> StreamEvent:
        """See `StreamDialect`."""
        try:
            it = _decode(message)
            if it.media is not None and it.event == "media":
                return StreamAudio(from_base64(it.media.payload))
            return self._control(it)
        except (msgspec.DecodeError, ValueError, RecursionError) as why:
            raise nonsense(self.line, str(why)) from None

    def _control(self, it: _Message) -> StreamEvent:
        if it.event == "start" and it.start is not None:
            said, stream = it.start, it.stream_sid or it.start.stream_sid
            self._stream, self.rate = _quoted(stream).decode(), whole_number(said.media_format.sample_rate) or 8000
            return StreamStarted(
                stream=stream,
                call=said.call_sid,
                account=said.account_sid,
                caller=said.caller,
                called=said.called,
                encoding="l16",
                rate=self.rate,
                parameters=said.custom_parameters or {},
            )
        if it.event == "dtmf" and it.dtmf is not None:
            return StreamKey(it.dtmf.digit)
        if it.event == "mark" and it.mark is not None:
            return StreamMark(it.mark.name)
        return StreamStopped() if it.event == "stop" else None

    def sound(self, payload: bytes) -> bytes | str:
        """See `StreamDialect`."""
        return f'{{"event":"media","stream_sid":{self._stream},"media":{{"payload":"{to_base64(payload)}"}}}}'

    def mark(self, name: str) -> str:
        """See `StreamDialect`."""
        return f'{{"event":"mark","stream_sid":{self._stream},"mark":{{"name":"{name}"}}}}'

    def clear(self) -> str:
        """See `StreamDialect`."""
        return f'{{"event":"clear","stream_sid":{self._stream}}}'

    def hang_up(self) -> str:
        """See `StreamDialect`: closing the socket runs the next applet of the flow."""
        return ""

    def status(self) -> str:
        """See `StreamDialect`: there is none."""
        return ""
