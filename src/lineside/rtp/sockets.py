"""The two UDP sockets of a call's sound: RTP on an even port, RTCP on the one above."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress

from lineside.errors import CallRefused
from lineside.rtp.packet import is_rtcp
from lineside.rtp.ports import PortPool
from lineside.rtp.source_lock import Address

EXPEDITED = 0xB8  # DSCP EF: sound goes before other traffic where a network knows it (RFC 3246)
TRIES = 100  # pairs of ports that other programs may have

OnDatagram = Callable[[bytes, Address], None]


class MediaSockets:
    """Both sockets; what comes before `listen` is dropped, and nothing is sent after `close`."""

    def __init__(self, port: int, pool: PortPool) -> None:
        self.port = port
        self._pool = pool
        self._rtp: asyncio.DatagramTransport | None = None
        self._rtcp: asyncio.DatagramTransport | None = None
        self._on_rtp: OnDatagram = lambda data, source: None
        self._on_rtcp: OnDatagram = lambda data, source: None

    def listen(self, on_rtp: OnDatagram, on_rtcp: OnDatagram) -> None:
        """Hand on what comes."""
        self._on_rtp, self._on_rtcp = on_rtp, on_rtcp

    def send(self, packet: bytes, to: Address) -> None:
        """Send RTP, or RTCP on the same port."""
        if self._rtp is not None:
            self._rtp.sendto(packet, to)

    def send_rtcp(self, packet: bytes, to: Address) -> None:
        """Send RTCP."""
        if self._rtcp is not None:
            self._rtcp.sendto(packet, to)

    def close(self) -> None:
        """Give the ports back."""
        rtp, rtcp = self._rtp, self._rtcp
        if rtp is None:
            return
        self._rtp = self._rtcp = None
        self.listen(lambda data, source: None, lambda data, source: None)
        rtp.close()
        if rtcp is not None:
            rtcp.close()
        self._pool.give_back(self.port)

    async def open(self, host: str) -> None:
        """Bind both. Raises `OSError`."""
        loop = asyncio.get_running_loop()
        self._rtp, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self._take), sock=_bound(host, self.port))
        try:
            self._rtcp, _ = await loop.create_datagram_endpoint(
                lambda: _Datagrams(self._take_rtcp), sock=_bound(host, self.port + 1)
            )
        except OSError:
            self._rtp.close()
            self._rtp = None
            raise

    def _take(self, data: bytes, source: Address) -> None:
        if is_rtcp(data):
            self._on_rtcp(data, source)
        else:
            self._on_rtp(data, source)

    def _take_rtcp(self, data: bytes, source: Address) -> None:
        self._on_rtcp(data, source)


async def open_sockets(host: str, pool: PortPool) -> MediaSockets:
    """Two sockets on a pair of ports from the pool. Raises `CallRefused` where none can be had."""
    for _ in range(TRIES):
        port = pool.take()
        if port is None:
            break
        sockets = MediaSockets(port, pool)
        try:
            await sockets.open(host)
        except OSError:
            pool.give_back(port)
            continue
        return sockets
    raise CallRefused("no UDP port for the sound of a call is free (SIP_RTP_PORTS)")


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_DGRAM)
    try:
        made.setblocking(False)
        with suppress(OSError):  # a container may not be allowed to
            if family == socket.AF_INET:
                made.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, EXPEDITED)
            else:
                made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, EXPEDITED)
        made.bind((host, port))
    except OSError:
        made.close()
        raise
    return made


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, take: OnDatagram) -> None:
        self._take = take

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._take(data, (addr[0], addr[1]))

    def error_received(self, exc: Exception) -> None:
        """An ICMP "port unreachable": the other side's socket is gone; the end of the stream is noticed by time."""
