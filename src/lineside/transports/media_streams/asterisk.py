"""Asterisk's chan_websocket (20.16, 21.11, 22.6 and later): sound is binary, control is text, plain or JSON.

JSON control and marks came with 20.18, 22.8 and 23.2. A text message of more than 128 bytes is thrown away there, and
one of sound must be a multiple of the frame and at most 8 kB. Marks that are flushed come back as nothing.
"""

import msgspec
from msgspec import Struct

from lineside.transports.media_streams.dialect import (
    Encoding,
    StreamDialect,
    StreamEvent,
    StreamFault,
    StreamKey,
    StreamMark,
    StreamQueue,
    StreamShape,
    StreamStarted,
)

FORMATS: dict[str, tuple[Encoding, int]] = {  # codec_builtin.c; others are passed on as they are, without a queue
    "ulaw": ("ulaw", 8000),
    "alaw": ("alaw", 8000),
    "slin": ("l16", 8000),
    "slin12": ("l16", 12_000),
    "slin16": ("l16", 16_000),
    "slin24": ("l16", 24_000),
    "slin32": ("l16", 32_000),
    "slin44": ("l16", 44_100),
    "slin48": ("l16", 48_000),
}
MOST = 8000  # bytes of one message of sound: one that takes more than ten reads of a socket ends the call


class _Message(Struct, frozen=True):
    event: str
    connection_id: str = ""
    channel: str = ""
    channel_id: str = ""
    format: str = ""
    optimal_frame_size: int = 0
    ptime: int = 20
    channel_variables: dict[str, object] = {}
    digit: str = ""
    correlation_id: str = ""
    queue_length: int = 0
    error_text: str = ""


_decode = msgspec.json.Decoder(_Message).decode


class AsteriskDialect(StreamDialect):
    """One call's messages; in the form of control in which `MEDIA_START` came."""

    line = "asterisk"
    sound_in_text = False

    def __init__(self) -> None:
        self.shape = StreamShape(160, 160, MOST)
        self.json = False

    def _event(self, message: bytes | str) -> StreamEvent:
        text = message if isinstance(message, str) else message.decode()
        return self._control(_decode(text) if text.startswith("{") else _plain(text), text)

    def _control(self, it: _Message, raw: str) -> StreamEvent:
        match it.event:
            case "MEDIA_START":
                return self._started(it, json=raw.startswith("{"))
            case "DTMF_END":
                return StreamKey(it.digit)
            case "MEDIA_MARK_PROCESSED":
                return StreamMark(it.correlation_id)
            case "STATUS":
                return StreamQueue(it.queue_length * it.ptime / 1000)
            case "ERROR":
                return StreamFault(it.error_text)
        return None

    def _started(self, it: _Message, *, json: bool) -> StreamStarted:
        if it.format not in FORMATS:
            raise ValueError(f"format {it.format!r}; use c(slin16), c(slin), c(ulaw) or c(alaw)")
        self.json = json
        self.encoding, self.rate = FORMATS[it.format]
        size = it.optimal_frame_size or self.rate // 50 * (1 if self.encoding in ("ulaw", "alaw") else 2)
        if not 0 < size <= MOST:
            raise ValueError(f"optimal_frame_size {size}")
        self.shape = StreamShape(size, size, MOST)
        variables = {name.lstrip("_"): str(value) for name, value in it.channel_variables.items()}
        return StreamStarted(
            stream=it.connection_id,
            call=it.channel_id or it.channel,
            encoding=self.encoding,
            rate=self.rate,
            parameters=variables,
        )

    def mark(self, name: str) -> str:
        """See `StreamDialect`."""
        return f'{{"command":"MARK_MEDIA","correlation_id":"{name}"}}' if self.json else f"MARK_MEDIA {name}"

    def clear(self) -> str:
        """See `StreamDialect`."""
        return self._command("FLUSH_MEDIA")

    def status(self) -> str:
        """Ask how much waits: a clock of ours that is a little faster than theirs lets the queue only grow."""
        return self._command("GET_STATUS")

    def answer(self) -> str:
        """Take a call that was dialled with `n`."""
        return self._command("ANSWER")

    def hang_up(self) -> str:
        """See `StreamDialect`."""
        return self._command("HANGUP")

    def _command(self, name: str) -> str:
        return f'{{"command":"{name}"}}' if self.json else name


def _plain(message: str) -> _Message:
    """`EVENT name:value name:value`. Raises `ValueError`."""
    event, _, rest = message.partition(" ")
    if not event.isascii() or not event.replace("_", "").isalpha():
        raise ValueError("no event")
    # No regular expression: one that looks for `name:value` takes seconds for 24 kB of letters without a colon.
    pairs = (word.partition(":") for word in rest.split())
    given: dict[str, object] = {name: value for name, colon, value in pairs if colon}
    if event == "DTMF_END" and "digit" not in given:
        given["digit"] = rest.strip()
    if event == "MEDIA_MARK_PROCESSED" and "correlation_id" not in given:
        given["correlation_id"] = rest.strip()
    return msgspec.convert({"event": event, **given}, _Message, strict=False)
