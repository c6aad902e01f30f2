"""Where a SIP port listens, and as whom it speaks."""

import socket
import ssl
from collections import OrderedDict

from msgspec import Struct

from lineside.sip.flow import Flow

MOST_REMEMBERED = 1024  # peers for which our own address is remembered


class SipListen(Struct, frozen=True):
    """Addresses and ports."""

    host: str
    port: int  # UDP and TCP
    udp: bool = True
    tcp: bool = True
    tls_port: int = 0  # 0: none, unless there is a context
    server_tls: ssl.SSLContext | None = None
    client_tls: ssl.SSLContext | None = None
    advertised_host: str = ""  # as the other side reaches us, behind a NAT; empty: our own address


class OwnAddress:
    """Who we are to a peer: what the operator says, or the address from which the peer is reached."""

    name = "lineside"

    def __init__(self, listen: SipListen, port: int, tls_port: int) -> None:
        """The ports that are bound really."""
        self._listen, self._port, self._tls_port = listen, port, tls_port
        self._hosts: OrderedDict[str, str] = OrderedDict()

    def address(self, flow: Flow) -> tuple[str, int]:
        """See `desk.Identity`."""
        return self.host_for(flow.host), self._tls_port if flow.transport == "TLS" else self._port

    def host_for(self, peer: str) -> str:
        """Our address, as this peer reaches it."""
        if self._listen.advertised_host:
            return self._listen.advertised_host
        if self._listen.host not in ("0.0.0.0", "::"):  # noqa: S104
            return self._listen.host
        found = self._hosts.get(peer)
        if found is None:
            found = self._hosts[peer] = _source_address(peer)
            if len(self._hosts) > MOST_REMEMBERED:
                self._hosts.popitem(last=False)
        return found


def _source_address(peer: str) -> str:
    """From which of our addresses a peer is reached. Nothing is sent: a connected UDP socket knows its route."""
    with socket.socket(socket.AF_INET6 if ":" in peer else socket.AF_INET, socket.SOCK_DGRAM) as asked:
        try:
            asked.connect((peer, 9))
        except OSError:
            return "127.0.0.1"
        host: str = asked.getsockname()[0]
        return host
