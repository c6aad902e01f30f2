"""Telnyx media streaming (developers.telnyx.com, "Stream call media over WebSocket").

Sound comes in the call's codec, whatever we send; linear sound is high byte first; the order is not promised.
"""

import msgspec
from msgspec import Struct

from lineside.transports.media_streams.dialect import (
    ENCODINGS,
    Encoding,
    StreamEvent,
    StreamFault,
    StreamShape,
    StreamStarted,
    to_base64,
    whole_number,
)
from lineside.transports.media_streams.event_dialect import EventDialect


class _Format(Struct, frozen=True):
    encoding: str = "PCMU"
    sample_rate: int | str = 8000


class _Start(Struct, frozen=True, rename={"caller": "from", "called": "to"}):
    call_control_id: str = ""
    user_id: str = ""
    caller: str = ""
    called: str = ""
    media_format: _Format = _Format()
    custom_parameters: dict[str, str] | None = None


class _Started(Struct, frozen=True):
    start: _Start
    stream_id: str = ""


class _Fault(Struct, frozen=True):
    code: int | str = ""
    title: str = ""
    detail: str = ""


class _Failed(Struct, frozen=True):
    payload: _Fault | None = None
    error: _Fault | None = None


_decode_start = msgspec.json.Decoder(_Started).decode
_decode_fault = msgspec.json.Decoder(_Failed).decode


class TelnyxDialect(EventDialect):
    """One call's messages. We send as the stream was asked for (`stream_bidirectional_codec`), which is PCMU.

    At `clear` marks that were queued come back, too.
    """

    line = "telnyx"
    shape = StreamShape(least=160, most=240_000)  # 20 ms to 30 s
    keeps_order = False

    def _started(self, message: bytes | str) -> StreamStarted:
        it = _decode_start(message)
        said, name = it.start, it.start.media_format.encoding
        encoding: Encoding | None = "l16_be" if name.lower() in ("l16", "audio/l16") else ENCODINGS.get(name.lower())
        if encoding is None:
            raise ValueError(f"encoding {name!r} is not known; ask for PCMU, PCMA or L16")
        return StreamStarted(
            stream=it.stream_id,
            call=said.call_control_id,
            account=said.user_id,
            caller=said.caller,
            called=said.called,
            encoding=encoding,
            rate=whole_number(said.media_format.sample_rate) or 8000,
            parameters=said.custom_parameters or {},
        )

    def _other(self, event: str, message: bytes | str) -> StreamEvent:
        if event != "error":
            return None
        it = _decode_fault(message)
        fault = it.payload or it.error or _Fault()
        return StreamFault(f"{fault.code} {fault.title}".strip())

    def sound(self, payload: bytes) -> bytes | str:
        """See `StreamDialect`."""
        return f'{{"event":"media","media":{{"payload":"{to_base64(payload)}"}}}}'

    def mark(self, name: str) -> str:
        """See `StreamDialect`."""
        return f'{{"event":"mark","mark":{{"name":"{name}"}}}}'

    def clear(self) -> str:
        """See `StreamDialect`."""
        return '{"event":"clear"}'
