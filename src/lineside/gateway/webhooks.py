"""Webhooks: a program of the operator's is told of calls by POST, signed, and never in a call's way.

What happens in a call goes into a bounded queue by a plain function. A few tasks send: a delivery that fails is tried
again, later each time, and given up after the last try. Everything is counted; nothing is lost without a count.
"""

import asyncio
import hashlib
import hmac
import ipaddress
import random
import socket
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

import aiohttp
import msgspec
import structlog
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from msgspec import Struct

from lineside.errors import ConfigError, without_secrets
from lineside.observability.webhook_status import WebhookDelivery, WebhookStatus
from lineside.reasons import WebhookEvent, WebhookOutcome
from lineside.settings import Settings

log = structlog.get_logger()

WAITING = 1000  # deliveries that wait; one more is dropped, and counted
SENDERS = 4  # deliveries at the same time: a slow receiver holds up three others at most
WITHIN = 5.0  # seconds for one try, connection and answer
AGAIN = (1.0, 5.0, 30.0, 120.0)  # seconds before each further try; a tenth more or less
REMEMBERED = 50  # deliveries that are listed
ANSWER = 4096  # bytes of a receiver's answer that are read
CLOSING = 1.0  # seconds at the end for what is on its way
SHORTEST_SECRET = 16  # characters
SIGNED = "v1="  # how a signature begins


class WebhookMessage(Struct, frozen=True):
    """What a receiver gets, as JSON."""

    id: str  # of the delivery: the same in each try
    event: WebhookEvent
    at: float  # seconds since 1970
    data: dict[str, Any]


class _Delivery(Struct):
    """A message on its way."""

    message: WebhookMessage
    body: bytes
    tries: int = 0


def signature(secret: str, at: str, body: bytes) -> str:
    """`Lineside-Signature`: HMAC-SHA256 (RFC 2104) over the time of the try, a full stop, and the body."""
    return SIGNED + hmac.new(secret.encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest()


def check_webhooks(settings: Settings) -> None:
    """Raises `ConfigError` for a webhook that is not signed, or whose address can only be a mistake or a trick."""
    if not settings.webhook_url:
        return
    if len(settings.webhook_secret) < SHORTEST_SECRET:
        raise ConfigError(f"WEBHOOK_URL needs WEBHOOK_SECRET, of at least {SHORTEST_SECRET} characters")


class Webhooks:
    """The webhooks of one gateway. `run` sends; everything else waits for nothing."""

    def __init__(
        self, settings: Settings, counted: Callable[[str, WebhookOutcome], None], now: Callable[[], float] = time.time
    ) -> None:
        """`counted` hears of every delivery's end: its event, and what became of it. Raises `ConfigError`."""
        check_webhooks(settings)
        self._url, self._secret, self._events = settings.webhook_url, settings.webhook_secret, settings.webhook_events
        self._counted, self._now = counted, now
        self._queue: asyncio.Queue[_Delivery] = asyncio.Queue(WAITING)
        self._again: set[asyncio.Task[None]] = set()  # deliveries that wait for their next try
        self._ends: Counter[WebhookOutcome] = Counter()
        self._recent: deque[WebhookDelivery] = deque(maxlen=REMEMBERED)

    def tell(self, event: WebhookEvent, data: dict[str, Any]) -> None:
        """Have the receiver told of this, if it wants to know."""
        if not self._url or event not in self._events:
            return
        message = WebhookMessage(uuid4().hex, event, round(self._now(), 3), data)
        self._put(_Delivery(message, msgspec.json.encode(message)))

    def status(self) -> WebhookStatus:
        """How they fare."""
        return WebhookStatus(
            url=without_secrets(self._url),
            events=tuple(self._events) if self._url else (),
            waiting=self._queue.qsize() + len(self._again),
            delivered=self._ends["delivered"],
            failed=self._ends["failed"],
            dropped=self._ends["dropped"],
            recent=tuple(reversed(self._recent)),
        )

    async def run(self) -> None:
        """Send, until cancelled."""
        if not self._url:
            await asyncio.Event().wait()
        connector = aiohttp.TCPConnector(limit=SENDERS, resolver=GuardedResolver())
        timeout = aiohttp.ClientTimeout(total=WITHIN)
        async with (
            aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=False) as http,
            asyncio.TaskGroup() as senders,
        ):
            for number in range(SENDERS):
                senders.create_task(self._send_all(http), name=f"webhooks {number}")

    async def close(self) -> None:
        """The gateway stops: what waits for a further try is given up; what is on its way has a moment."""
        for task in self._again:
            task.cancel()
        try:
            async with asyncio.timeout(CLOSING):
                await self._queue.join()
        except TimeoutError:
            pass

    async def _send_all(self, http: aiohttp.ClientSession) -> None:
        while True:
            delivery = await self._queue.get()
            try:
                await self._try(http, delivery)
            finally:
                self._queue.task_done()

    async def _try(self, http: aiohttp.ClientSession, delivery: _Delivery) -> None:
        delivery.tries += 1
        trouble = await self._posted(http, delivery)
        if not trouble:
            self._over(delivery, "delivered", "")
        elif delivery.tries > len(AGAIN):
            self._over(delivery, "failed", trouble)
        else:
            wait = AGAIN[delivery.tries - 1] * random.uniform(0.9, 1.1)  # noqa: S311 - not all at once
            task = asyncio.create_task(self._later(delivery, wait), name="webhook again")
            self._again.add(task)
            task.add_done_callback(self._again.discard)

    async def _later(self, delivery: _Delivery, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self._put(delivery)

    async def _posted(self, http: aiohttp.ClientSession, delivery: _Delivery) -> str:
        """Send it once; answers what went wrong."""
        at = f"{self._now():.0f}"
        headers = {
            "Content-Type": "application/json",
            "Lineside-Event": delivery.message.event,
            "Lineside-Delivery": delivery.message.id,
            "Lineside-Timestamp": at,
            "Lineside-Signature": signature(self._secret, at, delivery.body),
        }
        return await posted(http, self._url, delivery.body, headers)

    def _put(self, delivery: _Delivery) -> None:
        try:
            self._queue.put_nowait(delivery)
        except asyncio.QueueFull:
            self._over(delivery, "dropped", f"{WAITING} deliveries wait already")

    def _over(self, delivery: _Delivery, outcome: WebhookOutcome, why: str) -> None:
        event = delivery.message.event
        self._ends[outcome] += 1
        self._counted(event, outcome)
        self._recent.append(
            WebhookDelivery(delivery.message.id, event, delivery.message.at, delivery.tries, outcome, why)
        )
        if why:
            log.warning("webhook not delivered", event_name=event, outcome=outcome, tries=delivery.tries, why=why)


class GuardedResolver(AbstractResolver):
    """Finds the receiver's address, and refuses those that no receiver has: a cloud's metadata, links, everybody."""

    def __init__(self) -> None:
        self._resolver = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """See `AbstractResolver`."""
        found = await self._resolver.resolve(host, port, family)
        allowed = [one for one in found if not never_a_receiver(one["host"])]
        if not allowed:
            raise OSError(f"{host} is at an address that webhooks are never sent to")
        return allowed

    async def close(self) -> None:
        """See `AbstractResolver`."""
        await self._resolver.close()


METADATA = frozenset(map(ipaddress.ip_address, ("fd00:ec2::254", "100.100.100.200")))  # Amazon's, Alibaba's


def never_a_receiver(address: str) -> bool:
    """Whether nothing that may be told of calls has this address. Private ones may: receivers are in one's own net."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(ip, "ipv4_mapped", None)
    ip = mapped or ip
    return ip.is_link_local or ip.is_multicast or ip.is_unspecified or ip in METADATA


async def posted(http: aiohttp.ClientSession, url: str, body: bytes, headers: Mapping[str, str]) -> str:
    """Post a webhook once, to nobody's metadata and through no redirect; answers what went wrong."""
    try:
        refuse_address(url)
        async with http.post(url, data=body, headers=headers, allow_redirects=False) as answer:
            await answer.content.read(ANSWER)
            return "" if 200 <= answer.status < 300 else f"it answered {answer.status}"
    except TimeoutError:
        return f"no answer within {WITHIN:g} s"
    except (aiohttp.ClientError, OSError, ValueError) as why:
        return without_secrets(str(why) or type(why).__name__)[:200]


def refuse_address(url: str) -> None:
    """A number in the address is never resolved, so it is looked at here. Raises `ValueError`."""
    from urllib.parse import urlsplit

    host = urlsplit(url).hostname or ""
    try:
        refused = never_a_receiver(host)
    except ValueError:
        return  # a name
    if refused:
        raise ValueError(f"webhooks are never sent to {host}")
