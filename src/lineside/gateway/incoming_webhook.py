"""`realtime.call.incoming`: a program is told of a call that rings, signed as Standard Webhooks are.

Source of shape and signature: OpenAI's published types (`types.webhooks`), and the Standard Webhooks specification.
"""

import asyncio
import base64
import hashlib
import hmac
import itertools
import time
from uuid import uuid4

import aiohttp
import msgspec
import structlog
from msgspec import Struct

from lineside.gateway.led_calls import CALL_ID
from lineside.gateway.webhooks import WITHIN, GuardedResolver, posted
from lineside.sip.message import SipRequest
from lineside.sip_settings import webhook_key

log = structlog.get_logger()

AGAIN = (0.5, 1.0, 2.0)  # seconds before each further try, while the caller hears it ring; then nobody is there
HIDDEN = ("authorization", "proxy-authorization", "via", "route", "record-route", "max-forwards", "content-length")
ASSERTED = ("p-asserted-identity", "remote-party-id", "diversion")  # told only where a trunk or a PBX says so


class SipHeader(Struct, frozen=True):
    """One header of the INVITE."""

    name: str
    value: str


class IncomingCallData(Struct, frozen=True):
    """The call."""

    call_id: str
    sip_headers: list[SipHeader]


class IncomingCallEvent(Struct, frozen=True, tag_field="type", tag="realtime.call.incoming"):
    """What is posted."""

    id: str
    created_at: int
    data: IncomingCallData
    object: str = "event"


def incoming_call(call_id: str, invite: SipRequest, now: float, *, trusted: bool) -> IncomingCallEvent:
    """A call as programs are told of it. `trusted`: the peer may say who calls (RFC 3325)."""
    hidden = HIDDEN if trusted else HIDDEN + ASSERTED
    headers = [SipHeader(name, value) for name, value in invite.headers if name.lower() not in hidden]
    return IncomingCallEvent(f"evt_{uuid4().hex}", int(now), IncomingCallData(CALL_ID + call_id, headers))


def signature(secret: str, event_id: str, at: str, body: bytes) -> str:
    """`webhook-signature`: HMAC-SHA256 over id, time of the try, and body."""
    signed = hmac.new(webhook_key(secret), f"{event_id}.{at}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(signed).decode()


async def delivered(url: str, secret: str, event: IncomingCallEvent) -> bool:
    """Tell the program; again where it fails. Whether it has taken it."""
    body = msgspec.json.encode(event)
    timeout = aiohttp.ClientTimeout(total=WITHIN)
    connector = aiohttp.TCPConnector(resolver=GuardedResolver())
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=False) as http:
        for pause in itertools.chain(AGAIN, (None,)):
            at = f"{time.time():.0f}"
            headers = {
                "Content-Type": "application/json",
                "webhook-id": event.id,
                "webhook-timestamp": at,
                "webhook-signature": signature(secret, event.id, at, body),
            }
            why = await posted(http, url, body, headers)
            if not why:
                return True
            log.warning("a program could not be told of a call", call=event.data.call_id, why=why)
            if pause is not None:
                await asyncio.sleep(pause)
    return False
