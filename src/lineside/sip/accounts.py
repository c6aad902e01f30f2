"""Accounts of ours at PBXs and trunks: registered, refreshed, tried again (RFC 3261, section 10)."""

import asyncio
import random
import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import unquote

import structlog
from msgspec import Struct

from lineside.sip.dialog import MAX_FORWARDS, new_tag
from lineside.sip.digest import Credentials, DigestClient
from lineside.sip.endpoint import SipEndpoint
from lineside.sip.flow import Flow
from lineside.sip.message import Header, SipRequest, SipResponse
from lineside.sip.numbers import whole_number
from lineside.sip.responses import ALLOW

log = structlog.get_logger()

WANTED = 600  # seconds of a registration; most registrars grant less
LONGEST = 86_400  # seconds that a registrar may ask for at least
SHORTEST = 30.0  # seconds between two
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 300.0  # seconds before it is tried again
KEEP_OPEN = 25.0  # seconds between two empty lines, so that a NAT keeps its port open (RFC 5626)
GOODBYE = 2.0  # seconds for a registrar to take the account back
WAY = r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^:;@\s]+)(?::(?P<port>\d{1,5}))?(?:;transport=(?P<transport>udp|tcp|tls))?"
ACCOUNT = re.compile(rf"(?P<scheme>sips?):(?P<user>[^:@;]+):(?P<password>[^@;]+)@{WAY}", re.IGNORECASE)
TRUNK = re.compile(rf"(?P<scheme>sips?):{WAY}", re.IGNORECASE)


class SipAccount(Struct, frozen=True):
    """One account."""

    user: str
    password: str
    host: str
    port: int
    transport: str  # "UDP", "TCP", "TLS"

    @property
    def uri(self) -> str:
        """The address of record."""
        return f"sip:{self.user}@{self.host}"


class SipTrunk(Struct, frozen=True):
    """A PBX or trunk that takes numbers from our address, without an account."""

    host: str
    port: int
    transport: str  # "UDP", "TCP", "TLS"


def read_trunk(text: str) -> SipTrunk:
    """`SIP_TRUNK`. Raises `ValueError`."""
    found = TRUNK.fullmatch(text.strip())
    if found is None:
        raise ValueError("a trunk is sip:host:port;transport=udp")
    transport, port = _way(found)
    return SipTrunk(found["host"], port, transport)


def read_account(text: str) -> SipAccount:
    """One of `SIP_ACCOUNTS`. Raises `ValueError`, without the password."""
    found = ACCOUNT.fullmatch(text.strip())
    if found is None:
        raise ValueError("an account is sip:user:password@host:port;transport=udp, with %40 for @ in the password")
    transport, port = _way(found)
    return SipAccount(unquote(found["user"]), unquote(found["password"]), found["host"], port, transport)


def _way(found: re.Match[str]) -> tuple[str, int]:
    transport = "TLS" if found["scheme"].lower() == "sips" else (found["transport"] or "udp").upper()
    return transport, int(found["port"] or (5061 if transport == "TLS" else 5060))


async def keep_registered(endpoint: SipEndpoint, account: SipAccount, on_state: Callable[[Flow, bool], None]) -> None:
    """Register until cancelled, then take the account back. `on_state` hears whether it is registered, and where."""
    digest = DigestClient(Credentials(account.user, account.password))
    dialog = _Registration(endpoint, account, digest)
    pause, flow = FIRST_PAUSE, None
    try:
        while True:
            try:
                flow = await endpoint.flow_to(account.transport, account.host.strip("[]"), account.port)
                on_state(flow, True)  # its answers, and its calls, come from there
                granted = await dialog.register(flow, WANTED)
            except (OSError, TimeoutError) as why:
                granted = 0
                log.warning("SIP registrar unreachable", registrar=account.host, why=str(why))
            except Exception:  # a bug of ours: the other accounts, and the calls, go on
                granted = 0
                log.exception("registering failed", registrar=account.host)
            if granted:
                pause = FIRST_PAUSE
                log.info("registered at SIP registrar", registrar=account.host, user=account.user, seconds=granted)
                await _stay(endpoint, flow, max(SHORTEST, granted * random.uniform(0.5, 0.9)))  # noqa: S311
            else:
                await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311
                pause = min(2 * pause, LONGEST_PAUSE)
    finally:
        if flow is not None and dialog.registered:
            with suppress(TimeoutError):  # a registrar that is gone forgets by itself
                async with asyncio.timeout(GOODBYE):
                    await dialog.register(flow, 0)


async def _stay(endpoint: SipEndpoint, flow: Flow | None, seconds: float) -> None:
    until = asyncio.get_running_loop().time() + seconds
    while (left := until - asyncio.get_running_loop().time()) > 0:
        await asyncio.sleep(min(left, KEEP_OPEN))
        if flow is not None:
            endpoint.keep_open(flow)


class _Registration:
    """One account's REGISTERs: all of one Call-ID, numbers ascending."""

    def __init__(self, endpoint: SipEndpoint, account: SipAccount, digest: DigestClient) -> None:
        self.registered = False
        self._endpoint, self._account, self._digest = endpoint, account, digest
        self._call_id, self._tag, self._sequence = f"{secrets.token_hex(12)}@lineside", new_tag(), 0

    async def register(self, flow: Flow, seconds: int) -> int:
        """Register once; the seconds that were granted, 0 where it was refused."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[SipResponse | None] = loop.create_future()

        def heard(response: SipResponse | None) -> None:
            if not done.done() and (response is None or response.status >= 200):
                done.set_result(response)

        self._endpoint.act()
        self._endpoint.agent.ask(lambda added: self._request(flow, seconds, added), flow, heard, self._digest)
        self._endpoint.settle()
        response = await done
        self.registered = response is not None and response.status == 200 and seconds > 0
        if response is not None and response.status == 423 and seconds:
            least = whole_number(response.get("Min-Expires")) or 0
            return await self.register(flow, least) if seconds < least <= LONGEST else 0
        if response is None or response.status != 200:
            status = 408 if response is None else response.status
            log.warning("SIP registration refused", registrar=self._account.host, status=status)
            return 0
        return _granted(response, seconds)

    def _request(self, flow: Flow, seconds: int, added: tuple[Header, ...]) -> SipRequest:
        self._sequence += 1
        agent, account = self._endpoint.agent, self._account
        name, contact = agent.contact(flow)
        headers = (
            ("Via", agent.via(flow)),
            ("Max-Forwards", MAX_FORWARDS),
            ("From", f"<{account.uri}>;tag={self._tag}"),
            ("To", f"<{account.uri}>"),
            ("Call-ID", self._call_id),
            ("CSeq", f"{self._sequence} REGISTER"),
            (name, contact.replace("sip:agent@", f"sip:{account.user}@")),
            ("Expires", str(seconds)),
            ALLOW,
            *added,
        )
        return SipRequest(method="REGISTER", uri=f"sip:{account.host}", headers=headers)


def _granted(response: SipResponse, wanted: int) -> int:
    """The seconds that a registrar grants: in Contact, or in Expires."""
    found = [int(value) for value in re.findall(r"expires\s*=\s*\"?(\d{1,9})", response.get("Contact"), re.IGNORECASE)]
    if (expires := whole_number(response.get("Expires"))) is not None:
        found.append(expires)
    return min([*found, wanted]) if wanted else 0
