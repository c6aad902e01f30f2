"""What the gateway needs of a carrier: who asks is who they say, what is answered, and how a call is steered."""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable
from xml.sax.saxutils import escape, quoteattr

import aiohttp
from msgspec import Struct

from lineside.errors import LinesideError
from lineside.http_bodies import body_up_to
from lineside.transports.call_facts import CallFacts
from lineside.transports.line_control import LineControl
from lineside.transports.media_streams.dialect import StreamDialect

REST_WITHIN = 5.0  # seconds for one request to a carrier
LARGEST_ANSWER = 64 * 1024  # bytes of one that are read
BUSY = "All of our lines are busy at the moment. Please call again later."
XML = '<?xml version="1.0" encoding="UTF-8"?>'


class Webhook(Struct, frozen=True):
    """A carrier's request."""

    method: str
    url: str  # as the carrier knows it: PUBLIC_URL with the path and the query
    query: dict[str, str]
    form: dict[str, str]  # of the body, where it is a form or flat JSON
    headers: Mapping[str, str]
    body: bytes
    now: float  # seconds since 1970

    @property
    def given(self) -> dict[str, str]:
        """Query and form together."""
        return self.query | self.form


class WebhookAnswer(Struct, frozen=True):
    """What a carrier is answered."""

    content_type: str
    body: str


class CarrierAccount(Protocol):
    """One carrier, as the settings have it."""

    line: str

    def is_genuine(self, asked: Webhook) -> bool:
        """Whether this comes from the carrier. Compared in constant time."""
        ...

    def facts(self, asked: Webhook) -> CallFacts:
        """What the request says of the call. Not cleaned."""
        ...

    def connect(self, socket_url: str, asked: Webhook) -> WebhookAnswer:
        """Have the call's sound sent to this WebSocket; what follows where it breaks is in the answer too."""
        ...

    def refuse(self, asked: Webhook) -> WebhookAnswer:
        """The call is not taken: what the carrier does instead."""
        ...

    def hang_up(self) -> WebhookAnswer:
        """The call is over: the carrier ends it."""
        ...

    def dialect(self) -> StreamDialect:
        """How its media socket speaks."""
        ...

    def control(self, call: str, facts: CallFacts) -> LineControl | None:
        """The control face of a call; None where the keys for it are not set."""
        ...


@runtime_checkable
class AsksNext(Protocol):
    """A carrier that asks, when a stream has ended, what comes next, as a dialplan does; the rest is told by REST."""

    def after(self, what: str, asked: Webhook) -> WebhookAnswer:
        """`transfer,TARGET`, `hangup`, or empty, where nothing is known: the caller goes to the fallback."""
        ...


@runtime_checkable
class AsksWhereTo(Protocol):
    """A carrier that fetches the document by which a call is transferred."""

    def moved(self, to: str) -> WebhookAnswer:
        """Dial this, which is allowed."""
        ...


class CarrierUnreachable(LinesideError):
    """A carrier's REST does not answer, or refuses; caught by the control face."""


class RestAnswer(Struct, frozen=True):
    """What a carrier's REST answered."""

    status: int
    text: str


async def ask(
    http: aiohttp.ClientSession,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    form: Mapping[str, str] | Sequence[tuple[str, str]] | None = None,
    json: object = None,
) -> RestAnswer:
    """One request to a carrier, whose address is fixed. Raises `CarrierUnreachable`, without a key in its words."""
    host = url.split("/")[2]
    try:
        async with http.request(
            method,
            url,
            headers=headers,
            data=form,
            json=json,
            timeout=aiohttp.ClientTimeout(total=REST_WITHIN),
            allow_redirects=False,
        ) as answer:
            text = (await body_up_to(answer.content, LARGEST_ANSWER)).decode("utf-8", "replace")
            return RestAnswer(answer.status, text)
    except (aiohttp.ClientError, TimeoutError, OSError) as cause:
        raise CarrierUnreachable(f"{host} does not answer: {type(cause).__name__}") from None


def basic(user: str, password: str) -> dict[str, str]:
    """The header of a user and a password."""
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def hmac_base64(key: str, message: str, hash_name: str = "sha1") -> str:
    """A signature as carriers write it."""
    return base64.b64encode(hmac.digest(key.encode(), message.encode(), hash_name)).decode()


def same(left: str, right: str) -> bool:
    """Compared in constant time."""
    return hmac.compare_digest(left.encode("utf-8", "surrogateescape"), right.encode())


def twilio_signature(token: str, url: str, form: Mapping[str, str]) -> str:
    """X-Twilio-Signature: the address and the sorted form (twilio.com/docs/usage/security)."""
    return hmac_base64(token, url + "".join(name + form[name] for name in sorted(form)))


def sha256_hex(data: bytes) -> str:
    """Of a body."""
    return hashlib.sha256(data).hexdigest()


def attribute(text: str) -> str:
    """A value in XML, with its quotes."""
    return quoteattr(text)


def xml_text(text: str) -> str:
    """A text in XML."""
    return escape(text)
