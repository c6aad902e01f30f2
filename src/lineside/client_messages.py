"""Reads what a caller's program says; what is wrong is named, with what is allowed there."""

import msgspec

from lineside.errors import UNREADABLE, TransportError
from lineside.protocol import G711_RATE, ClientMessage, FirstMessage, ResumeRequest

_decode_hello = msgspec.json.Decoder(FirstMessage).decode
_decode_resume = msgspec.json.Decoder(ResumeRequest).decode
_decode_client_message: msgspec.json.Decoder[ClientMessage] = msgspec.json.Decoder(ClientMessage)

ALLOWED = {
    "codec": "one of pcm, g711_ulaw, g711_alaw",
    "sample_rate": "a whole number from 8000 to 48000 for pcm, 8000 for g711_ulaw and g711_alaw",
    "mode": "one of conversation, transcribe_only",
    "type": "one of text, dtmf, tool_result, hangup",
    "digits": "1 to 32 of 0-9, A-D, * and #",
    "text": "1 to 4000 characters",
    "state": "one of ok, failed, unknown",
    "gives": "an object with at most 50 names, its values texts, numbers, true, false or null",
    "client_tools": "at most 50 tools, each with a name of a-z, 0-9 and _",
}


def read_hello(raw: str | bytes) -> FirstMessage:
    """The first message. Raises `TransportError` naming the wrong field and what is allowed there."""
    try:
        hello = _decode_hello(raw)
    except msgspec.ValidationError as wrong:
        elsewhere = "; a call is resumed at /ws/call/CALL_ID" if "field `type`" in str(wrong) else ""
        raise TransportError("bad_first_message", f"first message: {_explain(wrong)}{elsewhere}") from None
    except UNREADABLE as wrong:
        raise TransportError(
            "bad_first_message", f'first message: not JSON ({wrong}); send for example {{"codec":"pcm"}}'
        ) from None
    if hello.codec != "pcm" and hello.rate != G711_RATE:
        raise TransportError("bad_first_message", f"first message: sample_rate: must be 8000 for {hello.codec}")
    return hello


def read_resume(raw: str | bytes) -> ResumeRequest:
    """The first message of a connection that goes on with a call. Raises `TransportError` naming what is wrong."""
    try:
        return _decode_resume(raw)
    except UNREADABLE as wrong:
        example = '{"type":"resume","token":"…","received":17}'
        raise TransportError("bad_first_message", f"first message: {wrong}; to resume a call send {example}") from None


def read_client_message(raw: str | bytes) -> ClientMessage:
    """A later text message. Raises `TransportError` (the call goes on)."""
    try:
        return _decode_client_message.decode(raw)
    except msgspec.ValidationError as wrong:
        raise TransportError("bad_message", f"message: {_explain(wrong)}") from None
    except UNREADABLE:
        raise TransportError("bad_message", 'message: not JSON; send for example {"type":"hangup"}') from None


def _explain(wrong: msgspec.ValidationError) -> str:
    """The library's sentence names the field; we add what is allowed there."""
    sentence = str(wrong)
    field = next((name for name in ALLOWED if f"`$.{name}`" in sentence or f"field `{name}`" in sentence), None)
    return f"{field}: {sentence}; allowed: {ALLOWED[field]}" if field else sentence
