"""jambonz's `listen` with `bidirectionalAudio`, and the module under it, jambonz's mod_audio_fork for FreeSWITCH.

Sound is binary both ways: linear, low byte first. The first text is the call's attributes; keys and marks are text too.
A mark that was cleared comes back as `cleared`, and at most 30 may wait (lws_glue.cpp of jambonz/freeswitch-modules).
Only where the stream was asked for with `streaming` is anything of ours played.
"""

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
    whole_number,
)

RATES = (8000, 16_000, 24_000, 32_000, 48_000)


class _Mark(Struct, frozen=True):
    name: str = ""
    event: str = "playout"


class _Message(Struct, frozen=True):
    event: str = ""
    type: str = ""
    dtmf: str = ""
    data: _Mark | None = None
    sampleRate: int | str = 0  # noqa: N815 - theirs
    mixType: str = "mono"  # noqa: N815


_decode = msgspec.json.Decoder(_Message).decode
_decode_first = msgspec.json.Decoder(dict[str, object]).decode


class JambonzDialect(StreamDialect):
    """One call's messages."""

    line = "jambonz"
    sound_in_text = False
    encoding: Encoding = "l16"
    rate = 16_000
    shape = StreamShape(multiple=2)

    def _event(self, message: bytes | str) -> StreamEvent:
        it = _decode(message)
        if it.sampleRate and not it.event and not it.type:
            return self._started(it, _decode_first(message))
        if it.event == "dtmf":
            return StreamKey(it.dtmf)
        if it.type == "mark" and it.data is not None:
            return StreamMark(it.data.name) if it.data.event == "playout" else StreamCleared()
        return None

    def _started(self, it: _Message, given: dict[str, object]) -> StreamStarted:
        rate = whole_number(it.sampleRate)
        if rate not in RATES:
            raise ValueError(f"sampleRate {it.sampleRate!r}; ask for 8000 or 16000, the same both ways")
        if it.mixType != "mono":
            raise ValueError(f"mixType {it.mixType!r}; ask for mono")
        self.rate = rate
        attributes = {name: str(value) for name, value in given.items() if isinstance(value, str | int)}
        return StreamStarted(
            stream="",
            call=attributes.get("callSid", ""),
            account=attributes.get("accountSid", ""),
            caller=attributes.get("from", ""),
            called=attributes.get("to", ""),
            encoding="l16",
            rate=rate,
            parameters=attributes,
        )

    def mark(self, name: str) -> str:
        """See `StreamDialect`."""
        return f'{{"type":"mark","data":{{"name":"{name}"}}}}'

    def clear(self) -> str:
        """See `StreamDialect`."""
        return '{"type":"killAudio"}'

    def hang_up(self) -> str:
        """See `StreamDialect`: it ends the stream, and they ask what comes next."""
        return '{"type":"disconnect"}'


class FreeSwitchDialect(JambonzDialect):
    """One call's messages; the dialplan gives the module attributes as jambonz does."""

    line = "freeswitch"
