"""The SIP port: UDP, TCP and TLS sockets, and the clock of the user agent behind them."""

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import structlog

from lineside.errors import ConfigError
from lineside.processes.ports import listening_socket
from lineside.sip.connections import Connections
from lineside.sip.desk import CallDesk
from lineside.sip.digest import DigestServer
from lineside.sip.flow import Flow
from lineside.sip.framing import PING
from lineside.sip.guard import Guard
from lineside.sip.listeners import OwnAddress, SipListen
from lineside.sip.timers import TimerQueue
from lineside.sip.user_agent import UserAgent

log = structlog.get_logger()

NOTE_EVERY = 3600.0  # seconds between two log lines about one stranger
MOST_NOTED = 256  # strangers that are remembered for it


class SipEndpoint:
    """One SIP port, open while `opened` runs."""

    def __init__(self, listen: SipListen, guard: Guard, desk: CallDesk, digest: DigestServer | None = None) -> None:
        self.timers = TimerQueue()
        self.agent: UserAgent
        self.address: OwnAddress
        self._listen, self._guard, self._desk, self._digest = listen, guard, desk, digest
        self._loop = asyncio.get_running_loop()
        self._udp: asyncio.DatagramTransport | None = None
        self._connections = Connections(guard, self._take, self._loop)
        self._alarm: asyncio.TimerHandle | None = None
        self._noted: dict[str, float] = {}

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator["SipEndpoint", None]:
        """Listen while the block runs. Raises `ConfigError` where a port cannot be had."""
        listen = self._listen
        servers: list[asyncio.Server] = []
        port, tls_port = listen.port, listen.tls_port
        try:
            if listen.tcp:
                server = await self._serve(listen.port, None)
                servers.append(server)
                port = server.sockets[0].getsockname()[1]
            if listen.udp:
                self._udp, _ = await self._loop.create_datagram_endpoint(
                    lambda: _Datagrams(self), sock=_udp_socket(listen.host, port)
                )
                port = self._udp.get_extra_info("sockname")[1]
            if listen.server_tls is not None:
                server = await self._serve(listen.tls_port, "TLS")
                servers.append(server)
                tls_port = server.sockets[0].getsockname()[1]
            self.address = OwnAddress(listen, port, tls_port)
            self.agent = UserAgent(self.address, self.timers, self._send, self._guard, self._desk, self._digest)
            self.timers.advance(self._loop.time())
            yield self
        finally:
            for server in servers:
                server.close()
            self._connections.close()
            if self._alarm is not None:
                self._alarm.cancel()
            if self._udp is not None:
                self._udp.close()

    @property
    def port(self) -> int:
        """The port of UDP and TCP."""
        return self.address.address(Flow("UDP", "127.0.0.1", 0))[1]

    async def flow_to(self, transport: str, host: str, port: int) -> Flow:
        """The way to a peer, connected if it is a stream. Raises `OSError` where it cannot be reached."""
        found = await self._loop.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
        address = found[0][4]
        if transport.upper() == "UDP":
            return Flow("UDP", str(address[0]), int(address[1]))
        context = self._listen.client_tls if transport.upper() == "TLS" else None
        return await self._connections.connect(str(address[0]), int(address[1]), context, host)

    def act(self) -> None:
        """Whoever is about to use the agent calls this first: its time is now."""
        self.timers.advance(self._loop.time())

    def settle(self) -> None:
        """Whoever has used the agent calls this afterwards: its next timer is waited for."""
        due = self.timers.due
        if self._alarm is not None:
            if due is not None and self._alarm.when() <= due and not self._alarm.cancelled():
                return
            self._alarm.cancel()
            self._alarm = None
        if due is not None:
            self._alarm = self._loop.call_at(due, self._ring)

    def keep_open(self, flow: Flow) -> None:
        """Send an empty line, so that what stands between keeps the way open (RFC 5626, section 3.5)."""
        self._send(flow, PING)

    def _ring(self) -> None:
        self._alarm = None
        self.act()
        self.settle()

    def datagram(self, data: bytes, host: str, port: int) -> None:
        """One datagram."""
        now = self._loop.time()
        verdict = self._guard.judge(host, data, now)
        if verdict == "pass":
            self._take(data, Flow("UDP", host, port))
        elif verdict == "stranger":
            self._note(host, now)

    def _take(self, data: bytes, flow: Flow) -> None:
        self.timers.advance(self._loop.time())
        try:
            self.agent.receive(data, flow)
        except Exception:  # a bug of ours: this message is lost, the port stays
            log.exception("a SIP message could not be handled", transport=flow.transport)
        self.settle()

    def _send(self, flow: Flow, data: bytes) -> None:
        if flow.transport == "UDP":
            if self._udp is not None:
                self._udp.sendto(data, flow.at)
        else:
            self._connections.send(flow, data)

    async def _serve(self, port: int, secure: str | None) -> asyncio.Server:
        listener = listening_socket(
            self._listen.host, port, host_name="SIP_HOST", port_name="SIP_PORT", advice="choose another SIP_PORT"
        )
        context = self._listen.server_tls if secure else None
        return await self._loop.create_server(
            lambda: self._connections.accept("TLS" if secure else "TCP"), sock=listener, ssl=context
        )

    def _note(self, host: str, now: float) -> None:
        """Log a stranger once an hour: which address it is that is not allowed, and nothing else."""
        if now - self._noted.get(host, -NOTE_EVERY) >= NOTE_EVERY and (
            host in self._noted or len(self._noted) < MOST_NOTED
        ):
            self._noted[host] = now
            log.warning("SIP from an address that is not allowed, dropped", host=host)


def _udp_socket(host: str, port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        made.setblocking(False)
        made.bind((host, port))
    except OSError as cause:
        made.close()
        raise ConfigError(f"UDP port {port} on {host} (SIP_HOST, SIP_PORT) cannot be had: {cause.strerror}") from None
    return made


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, endpoint: SipEndpoint) -> None:
        self._endpoint = endpoint

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._endpoint.datagram(data, addr[0], addr[1])

    def error_received(self, exc: Exception) -> None:
        """An ICMP error; the transaction's timers notice."""
