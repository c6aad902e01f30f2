"""Exotel AgentStream (developer.exotel.com/docs/agentstream/websocket-protocol): linear, low byte first, in JSON.

Their messages are Twilio's in snake_case. What we send must come in lumps: multiples of 320 bytes, at least 3,200.
"""

import msgspec
from msgspec import Struct

from lineside.transports.media_streams.dialect import (
    Encoding,
    StreamShape,
    StreamStarted,
    quoted,
    to_base64,
    whole_number,
)
from lineside.transports.media_streams.event_dialect import EventDialect


class _Format(Struct, frozen=True):
    sample_rate: int | str = 8000


class _Start(Struct, frozen=True, rename={"caller": "from", "called": "to"}):
    stream_sid: str = ""
    call_sid: str = ""
    account_sid: str = ""
    caller: str = ""
    called: str = ""
    custom_parameters: dict[str, str] | None = None
    media_format: _Format = _Format()


class _Message(Struct, frozen=True):
    start: _Start
    stream_sid: str = ""


_decode = msgspec.json.Decoder(_Message).decode


class ExotelDialect(EventDialect):
    """One call's messages."""

    line = "exotel"
    encoding: Encoding = "l16"
    shape = StreamShape(multiple=320, least=3200, most=100_000)

    def __init__(self) -> None:
        self._stream = '""'

    def _started(self, message: bytes | str) -> StreamStarted:
        it = _decode(message)
        said, stream = it.start, it.stream_sid or it.start.stream_sid
        self._stream, self.rate = quoted(stream), whole_number(said.media_format.sample_rate) or 8000
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

    def sound(self, payload: bytes) -> bytes | str:
        """See `StreamDialect`."""
        return f'{{"event":"media","stream_sid":{self._stream},"media":{{"payload":"{to_base64(payload)}"}}}}'

    def mark(self, name: str) -> str:
        """See `StreamDialect`."""
        return f'{{"event":"mark","stream_sid":{self._stream},"mark":{{"name":"{name}"}}}}'

    def clear(self) -> str:
        """See `StreamDialect`."""
        return f'{{"event":"clear","stream_sid":{self._stream}}}'
