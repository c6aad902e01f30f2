"""Who really asks, where a proxy of the operator's stands in between. Pure.

A proxy tells in X-Forwarded-For, -Host and -Proto (the common form) or in Forwarded (RFC 7239). Anybody can write those
headers, so they count only from an address in TRUSTED_PROXIES; where the common form is there, Forwarded is not looked
at: a proxy that writes the one passes the other on as it came from outside.
"""

import ipaddress
import re
from collections.abc import Sequence

from msgspec import Struct
from multidict import MultiMapping

LONGEST = 1000  # characters of a header that are looked at
PART = re.compile(r'\s*(for|host|proto)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s;,"]*)\s*', re.IGNORECASE)


class ForwardedRequest(Struct, frozen=True):
    """A request as its client meant it."""

    address: str  # the client's; empty: not known
    host: str  # the `Host` that they see
    trusted: bool  # it came by a proxy of the operator's


class TrustedProxies:
    """The addresses whose forwarded headers count."""

    def __init__(self, networks: Sequence[str]) -> None:
        """`networks` are addresses or networks in CIDR form."""
        self._networks = [ipaddress.ip_network(one, strict=False) for one in networks]

    def asked(self, peer: str, host: str, headers: MultiMapping[str]) -> ForwardedRequest:
        """What was asked, and by whom.

        Args:
            peer: the address at the other end of the connection; empty for a socket without one.
            host: the request's `Host`.
            headers: the request's.
        """
        if not self._is_trusted(peer):
            return ForwardedRequest(peer, host, trusted=False)
        if any(name in headers for name in ("X-Forwarded-For", "X-Forwarded-Host")):
            hops = _listed(_joined(headers, "X-Forwarded-For"))
            told = _listed(_joined(headers, "X-Forwarded-Host"))
        else:
            parts = [_parts(hop) for hop in _joined(headers, "Forwarded").split(",")]
            hops = [part["for"] for part in parts if "for" in part]
            told = [part["host"] for part in parts if "host" in part]
        return ForwardedRequest(
            self._client([peer, *map(_bare, reversed(hops))]), told[-1] if told else host, trusted=True
        )

    def _client(self, hops: list[str]) -> str:
        """The first hop from here that is no proxy of ours; a hop that is no address hides all beyond it."""
        client = hops[0]
        for hop in hops:
            if not _is_address(hop):
                return client
            client = hop
            if not self._is_trusted(hop):
                return client
        return client

    def _is_trusted(self, peer: str) -> bool:
        if not self._networks or not _is_address(peer):
            return False
        address = ipaddress.ip_address(peer)
        address = getattr(address, "ipv4_mapped", None) or address  # ::ffff:10.0.0.1, where both families are heard
        return any(address in network for network in self._networks)


def _joined(headers: MultiMapping[str], name: str) -> str:
    return ",".join(headers.getall(name, []))[-LONGEST:]


def _listed(header: str) -> list[str]:
    return [part.strip() for part in header.split(",") if part.strip()]


def _parts(hop: str) -> dict[str, str]:
    found = (PART.fullmatch(part) for part in hop.split(";"))
    return {match[1].lower(): match[2].strip('"') for match in found if match is not None}


def _bare(hop: str) -> str:
    """An address without port and brackets: `[2001:db8::1]:4711`, `192.0.2.1:4711`."""
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
