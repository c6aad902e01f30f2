"""What the carriers share whose messages are `{"event": ...}` with sound in base64: Twilio's, and those like it."""

import msgspec
from msgspec import Struct

from lineside.transports.media_streams.dialect import (
    StreamAudio,
    StreamDialect,
    StreamEvent,
    StreamKey,
    StreamMark,
    StreamStarted,
    StreamStopped,
    from_base64,
    whole_number,
)


class _Media(Struct, frozen=True):
    payload: str
    track: str = "inbound"
    chunk: int | str = 0


class _Digit(Struct, frozen=True):
    digit: str = ""


class _Name(Struct, frozen=True):
    name: str = ""


class StreamMessage(Struct, frozen=True):
    """What of a message has one name at all of them; `start` is read by each carrier's own type."""

    event: str
    media: _Media | None = None
    dtmf: _Digit | None = None
    mark: _Name | None = None


_decode = msgspec.json.Decoder(StreamMessage).decode


class EventDialect(StreamDialect):
    """One call's messages."""

    keeps_order = True  # messages of sound come in order

    def _event(self, message: bytes | str) -> StreamEvent:
        it = _decode(message)
        if it.media is not None and it.event == "media":
            if it.media.track != "inbound":
                return None
            number = 0 if self.keeps_order else whole_number(it.media.chunk)
            return StreamAudio(from_base64(it.media.payload), number)
        if it.event == "start":
            return self._started(message)
        if it.event == "dtmf" and it.dtmf is not None:
            return StreamKey(it.dtmf.digit)
        if it.event == "mark" and it.mark is not None:
            return StreamMark(it.mark.name)
        return StreamStopped() if it.event == "stop" else self._other(it.event, message)

    def _started(self, message: bytes | str) -> StreamStarted:
        """The start of the stream. Raises as `_event` does."""
        raise NotImplementedError

    def _other(self, event: str, message: bytes | str) -> StreamEvent:
        """An event that not all of them have."""
        return None
