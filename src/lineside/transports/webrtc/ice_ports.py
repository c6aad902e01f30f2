"""Where a call over WebRTC is reached: a UDP port of the operator's range on each address, and nothing outside of it.

aioice binds ports that the system chooses, and leaves loopback out; so its gathering is done here. So is the look
whether the caller is still there (RFC 7675): aioice gives each answer half a second, which a slow network never keeps.
"""

import asyncio
import random
import socket
from contextlib import suppress

from aioice import ice, stun
from aioice.candidate import Candidate, candidate_foundation, candidate_priority
from msgspec import Struct

from lineside.errors import CallRefused

ANY = ("0.0.0.0", "::")  # noqa: S104 - compared, not bound
CONSENT_EVERY = 5.0  # seconds, give or take a fifth
CONSENT_ANSWER = 7.5  # seconds for an answer, with the question asked again meanwhile
CONSENT_LASTS = 30.0  # seconds from the last answer; then the caller is gone (RFC 7675, section 5.1)
RECEIVE_BUFFER = 256 * 1024  # bytes: a stall of the process of seconds loses nothing


class IcePorts(Struct, frozen=True):
    """The operator's addresses and ports."""

    host: str  # to bind
    ports: range
    advertised: str = ""  # what a caller is told instead

    def addresses(self) -> list[str]:
        """To bind: one, or all of this machine's."""
        if self.host not in ANY:
            return ["127.0.0.1" if self.host == "localhost" else self.host]
        return ice.get_host_addresses(use_ipv4=True, use_ipv6=self.host == "::")


async def gather(connection: ice.Connection, where: IcePorts) -> None:
    """Open its sockets. Raises `CallRefused` where no port is free."""
    gathered = [await _candidate(connection, address, where) for address in where.addresses()]

    async def host_candidates(component: int, addresses: list[str]) -> list[Candidate]:
        return gathered

    async def consent() -> None:
        await _keep_consent(connection)

    connection.get_component_candidates = host_candidates  # type: ignore[method-assign,assignment]
    connection.query_consent = consent  # type: ignore[method-assign]
    await connection.gather_candidates()
    if not gathered:
        raise CallRefused("this machine has no address for calls over WebRTC (WEBRTC_HOST)")


async def _candidate(connection: ice.Connection, address: str, where: IcePorts) -> Candidate:
    sock = _bound(address, where.ports)
    loop = asyncio.get_running_loop()
    _, protocol = await loop.create_datagram_endpoint(lambda: ice.StunProtocol(connection), sock=sock)
    connection._protocols.append(protocol)
    host = where.advertised or address
    protocol.local_candidate = Candidate(
        foundation=candidate_foundation("host", "udp", host),
        component=1,  # RTP and RTCP share it
        transport="udp",
        priority=candidate_priority(1, "host"),
        host=host,
        port=sock.getsockname()[1],
        type="host",
    )
    return protocol.local_candidate


async def _keep_consent(connection: ice.Connection) -> None:
    """Ask the caller whether they are still there; close the connection when they have not said so for long."""
    clock = asyncio.get_running_loop().time
    password = (connection.remote_password or "").encode()
    answered = clock()
    while clock() - answered < CONSENT_LASTS:
        await asyncio.sleep(CONSENT_EVERY * random.uniform(0.8, 1.2))  # noqa: S311 - so that calls ask in turn
        for pair in tuple(connection._nominated.values()):
            request = connection.build_request(pair, nominate=False)
            with suppress(stun.TransactionError, TimeoutError):
                async with asyncio.timeout(CONSENT_ANSWER):
                    await pair.protocol.request(request, pair.remote_addr, integrity_key=password)
                answered = clock()
    connection._query_consent_task = None
    await connection.close()


def _bound(address: str, ports: range) -> socket.socket:
    """A socket on a free port; which one cannot be guessed. Raises `CallRefused`."""
    made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    made.setblocking(False)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    why = ""
    for port in random.sample(ports, len(ports)):
        try:
            made.bind((address, port))
        except OSError as no:
            why = no.strerror or str(no)
        else:
            return made
    made.close()
    raise CallRefused(f"no UDP port is free at {address} for a call over WebRTC (WEBRTC_PORTS, WEBRTC_HOST): {why}")
