"""Telnyx media streaming (developers.telnyx.com, "Stream call media over WebSocket").

Sound comes in the call's codec, whatever we send; linear sound is high byte first; the order is not promised.
"""

import msgspec
from msgspec import Struct

from lineside.transports.media_streams.dialect import (
    ENCODINGS,
    Encoding,
    StreamAudio,
    StreamEvent,
    StreamFault,
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


class _Media(Struct, frozen=True):
    payload: str
    track: str = "inbound"
    chunk: int | str = 0


class _Digit(Struct, frozen=True):
    digit: str = ""


class _Name(Struct, frozen=True):
    name: str = ""


class _Fault(Struct, frozen=True):
    code: int | str = ""
    title: str = ""
    detail: str = ""


class _Message(Struct, frozen=True):
    event: str
    media: _Media | None = None
    start: _Start | None = None
    stream_id: str = ""
    dtmf: _Digit | None = None
    mark: _Name | None = None
    payload: _Fault | None = None
    error: _Fault | None = None


_decode = msgspec.json.Decoder(_Message).decode


class TelnyxDialect:
    """One call's messages. We send as the stream was asked for (`stream_bidirectional_codec`), which is PCMU."""

    line = "telnyx"
    sound_in_text = True
    shape = StreamShape(least=160, most=240_000)  # 20 ms to 30 s
    has_marks = True
    encoding: Encoding = "ulaw"
    rate = 8000

    def read(self, message: bytes | str) -> StreamEvent:
        """See `StreamDialect`."""
        try:
            it = _decode(message)
            if it.media is not None and it.event == "media":
                if it.media.track != "inbound":
                    return None
                return StreamAudio(from_base64(it.media.payload), whole_number(it.media.chunk))
            return self._control(it)
        except (msgspec.DecodeError, ValueError, RecursionError) as why:
            raise nonsense(self.line, str(why)) from None

    def _control(self, it: _Message) -> StreamEvent:
        if it.event == "start" and it.start is not None:
            return _started(it.stream_id, it.start)
        if it.event == "dtmf" and it.dtmf is not None:
            return StreamKey(it.dtmf.digit)
        if it.event == "mark" and it.mark is not None:
            return StreamMark(it.mark.name)
        if it.event == "error":
            fault = it.payload or it.error or _Fault()
            return StreamFault(f"{fault.code} {fault.title}".strip())
        return StreamStopped() if it.event == "stop" else None

    def sound(self, payload: bytes) -> bytes | str:
        """See `StreamDialect`."""
        return f'{{"event":"media","media":{{"payload":"{to_base64(payload)}"}}}}'

    def mark(self, name: str) -> str:
        """See `StreamDialect`."""
        return f'{{"event":"mark","mark":{{"name":"{name}"}}}}'

    def clear(self) -> str:
        """See `StreamDialect`. Marks that were queued come back then, too."""
        return '{"event":"clear"}'

    def hang_up(self) -> str:
        """See `StreamDialect`: the call is ended by a command of its own."""
        return ""

    def status(self) -> str:
        """See `StreamDialect`: there is none."""
        return ""


def _started(stream: str, said: _Start) -> StreamStarted:
    name = said.media_format.encoding
    encoding: Encoding | None = "l16_be" if name.lower() in ("l16", "audio/l16") else ENCODINGS.get(name.lower())
    if encoding is None:
        raise ValueError(f"encoding {name!r} is not known; ask for PCMU, PCMA or L16")
    return StreamStarted(
        stream=stream,
        call=said.call_control_id,
        account=said.user_id,
        caller=said.caller,
        called=said.called,
        encoding=encoding,
        rate=whole_number(said.media_format.sample_rate) or 8000,
        parameters=said.custom_parameters or {},
    )
