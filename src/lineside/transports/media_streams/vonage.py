"""Vonage Voice WebSockets (developer.vonage.com, "WebSockets in the Vonage Voice API").

Sound is binary: linear, low byte first, exactly 20 ms in each message; JSON is for the rest. Their marks are `notify`.
"""

import re

import msgspec
from msgspec import Struct

from lineside.transports.media_streams.dialect import (
    Encoding,
    StreamCleared,
    StreamDialect,
    StreamEvent,
    StreamKey,
    StreamMark,
    StreamShape,
    StreamStarted,
    StreamStopped,
)

RATES = (8000, 16_000, 24_000)
TYPE = re.compile(r"audio/l16;\s*rate=(\d{4,5})", re.IGNORECASE)


class _Payload(Struct, frozen=True):
    mark: str = ""


class _Message(Struct, frozen=True, rename={"content_type": "content-type"}):
    event: str = ""
    content_type: str = ""
    digit: str = ""
    payload: _Payload | None = None


_decode = msgspec.json.Decoder(_Message).decode
_decode_first = msgspec.json.Decoder(dict[str, object]).decode


class VonageDialect(StreamDialect):
    """One call's messages. Closing the socket drops our side of the conversation only."""

    line = "vonage"
    sound_in_text = False
    encoding: Encoding = "l16"

    def __init__(self, rate: int = 16_000) -> None:
        """`rate` as the NCCO asks for."""
        self._set_rate(rate)

    def _set_rate(self, rate: int) -> None:
        self.rate = rate
        frame = rate // 50 * 2
        self.shape = StreamShape(multiple=frame, least=frame, most=frame)

    def _event(self, message: bytes | str) -> StreamEvent:
        it = _decode(message)
        if it.event == "websocket:connected":
            return self._started(it, _decode_first(message))
        if it.event == "websocket:dtmf":
            return StreamKey(it.digit)
        if it.event == "websocket:notify" and it.payload is not None:
            return StreamMark(it.payload.mark)
        if it.event == "websocket:cleared":
            return StreamCleared()
        return StreamStopped() if it.event in ("websocket:disconnected", "close") else None

    def _started(self, it: _Message, given: dict[str, object]) -> StreamStarted:
        found = TYPE.fullmatch(it.content_type.strip())
        if found is None or int(found[1]) not in RATES:
            raise ValueError(f"content-type {it.content_type!r}; ask for audio/l16;rate=16000")
        self._set_rate(int(found[1]))
        headers = {name: value for name, value in given.items() if isinstance(value, str)}
        return StreamStarted(
            stream="",
            call=headers.pop("uuid", ""),
            encoding="l16",
            rate=self.rate,
            parameters={name: value for name, value in headers.items() if name not in ("event", "content-type")},
        )

    def mark(self, name: str) -> str:
        """See `StreamDialect`."""
        return f'{{"action":"notify","payload":{{"mark":"{name}"}}}}'

    def clear(self) -> str:
        """See `StreamDialect`."""
        return '{"action":"clear"}'
