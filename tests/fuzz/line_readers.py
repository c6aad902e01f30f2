"""What reads telephone lines from outside, for `parsers`: media sockets, webhooks, AudioSocket."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from lineside.errors import TransportError
from lineside.gateway.carriers.account import Webhook
from lineside.gateway.carriers.plivo import PlivoAccount
from lineside.gateway.carriers.twilio import TwilioAccount
from lineside.gateway.carriers.vonage import VonageAccount, read_jwt
from lineside.gateway.line_requests import form_of
from lineside.telephone_numbers import EMERGENCY, number_of, why_refused
from lineside.transports.audiosocket_frames import DIGIT, UUID_KIND, AudioSocketReader, call_of, socket_frame
from lineside.transports.call_facts import LONGEST, allowed_headers, clean
from lineside.transports.media_streams.dialect import StreamAudio, StreamStarted, to_codec
from lineside.transports.media_streams.reorder import Reorder
from lineside.transports.media_streams.stream import stream_codec
from tests.call.fixtures import settings
from tests.transports.carriers import Asterisk, Carrier, Exotel, Plivo, SignalWire, Telnyx, Twilio, Vonage
from tests.transports.contact_centres import Genesys, Jambonz

CARRIERS: tuple[Callable[[], Carrier], ...] = (
    Twilio,
    SignalWire,
    Telnyx,
    Plivo,
    Exotel,
    Vonage,
    Genesys,
    Jambonz,
    Asterisk,
    lambda: Asterisk(json=False, slin=False),
)
PUBLIC = "https://voice.example.com"
_NOBODY: Any = None  # no client: nothing is asked of a carrier
CHOSEN = settings(
    public_url=PUBLIC,
    twilio_auth_token="t",  # noqa: S106
    plivo_auth_token="t",  # noqa: S106
    vonage_signature_secret="s",  # noqa: S106
)


def media_messages(raw: bytes) -> None:
    """A text message on every carrier's media socket, after the start; and a binary one."""
    text = raw.decode("utf-8", "replace")
    for new in CARRIERS:
        carrier = new()
        dialect, order = carrier.dialect(), Reorder()
        with suppress(TransportError):
            for first in carrier.opening():
                dialect.read(first)
        messages: tuple[str | bytes, ...] = (text, raw)
        for message in messages:
            try:
                event = dialect.read(message)
            except TransportError as fault:
                assert fault.code == "bad_message"  # noqa: PT017
                continue
            if isinstance(event, StreamAudio):
                assert len(event.payload) <= len(raw) + 3
                order.put(event.number, event.payload)
                to_codec(event.payload, "l16_be", "pcm")
            if isinstance(event, StreamStarted):
                with suppress(TransportError):
                    stream_codec(event, dialect)
                allowed_headers(dict(event.parameters), ("x-*", "campaign"))
        for made in (dialect.mark("e0-1"), dialect.clear()):
            assert "\n" not in made


def audiosockets(raw: bytes) -> None:
    """Frames, however cut; what is held back is less than a frame."""
    whole, cut = AudioSocketReader(), AudioSocketReader()
    frames = whole.feed(raw)
    pieces = [frame for at in range(0, len(raw), 7) for frame in cut.feed(raw[at : at + 7])]
    assert frames == pieces
    assert len(whole._held) < 3 + 65_536
    for frame in frames[:5]:
        with suppress(TransportError):
            call_of(frame)


def webhooks(raw: bytes) -> None:
    """A carrier's request: a form or JSON, signatures and tokens; nobody's is genuine."""
    head, _, body = raw.partition(b"\n")
    given = head.decode("utf-8", "replace").replace("\r", " ")
    for kind in ("application/json", "application/x-www-form-urlencoded", given):
        asked = Webhook(
            method="POST",
            url=f"{PUBLIC}/lines/x/answer?{given}",
            query={"q": given},
            form=form_of(kind, body),
            headers={
                "X-Twilio-Signature": given,
                "X-Plivo-Signature-V3": given,
                "X-Plivo-Signature-V3-Nonce": given,
                "Authorization": f"Bearer {given}",
            },
            body=body,
            now=0.0,
        )
        for account in (TwilioAccount(CHOSEN, _NOBODY), PlivoAccount(CHOSEN, _NOBODY), VonageAccount(CHOSEN, _NOBODY)):
            assert not account.is_genuine(asked)
            account.facts(asked)
    assert read_jwt(given, "s") is None


def call_facts(raw: bytes) -> None:
    """Names, numbers and headers: one line, bounded; a number that may be dialled is none of those that may not."""
    text = raw.decode("utf-8", "surrogateescape")
    value = clean(text)
    assert len(value) <= LONGEST
    assert value.isprintable()
    allowed_headers({text: text, f"X-{text}": text}, ("X-*", text))
    if not why_refused(text):
        assert number_of(text).removeprefix("+") not in EMERGENCY
        assert not set(text.strip()) & set("\r\n,;<>{}&$")


MESSAGES = tuple(
    message.encode()
    for new in CARRIERS
    for carrier in (new(),)
    for message in (*carrier.opening(), carrier.digit("5"), carrier.marked("e0-1"))
)
SOUND = tuple(
    message.encode()
    for message in (carrier().media(b"\x7f" * 160, 7) for carrier in CARRIERS)
    if isinstance(message, str)
)
LINE_READERS: dict[str, tuple[Callable[[bytes], None], tuple[bytes, ...]]] = {
    "media streams": (media_messages, (*MESSAGES, *SOUND)),
    "audiosocket": (
        audiosockets,
        (socket_frame(UUID_KIND, bytes(16)) + socket_frame(0x10, bytes(320)) * 3 + socket_frame(DIGIT, b"5"),),
    ),
    "webhooks": (
        webhooks,
        (b"abc=\nFrom=%2B1555&To=2&CallSid=CA1", b'eyJhbGciOiJIUzI1NiJ9.e30.x\n{"from":"1","to":"2","uuid":"u"}'),
    ),
    "call facts": (call_facts, (b"+1 (555) 0100", "Anna \u202e\n".encode(), b"sip:911@x", b"112")),
}
