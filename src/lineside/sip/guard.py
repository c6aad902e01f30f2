"""Who may speak to the SIP port at all, and how much. It stands before parsing and answers nobody. Pure.

A scanner looks for answers: so a stranger gets none. What passes costs a lookup in two small tables.
"""

from collections import OrderedDict
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Literal

from msgspec import Struct

from lineside.sip.message import LARGEST_DATAGRAM, LARGEST_STREAMED

PER_SECOND, AT_ONCE = 20.0, 40.0  # messages of one telephone
PEER_PER_SECOND, PEER_AT_ONCE = 400.0, 800.0  # of a trunk or a PBX that is trusted by its address
TOTAL_PER_SECOND, TOTAL_AT_ONCE = 2000.0, 4000.0  # of all
FAILURES, SHUT_OUT = 5, 600.0  # wrong passwords of one source, then seconds of silence
MOST_EXPECTED = 4096  # addresses that we called; the first of all is forgotten
MOST_SOURCES = 4096  # sources that are remembered; the one heard longest ago is forgotten first
STARTS = tuple(
    word.encode()
    for word in (
        "SIP/2.0 ", "INVITE ", "ACK ", "BYE ", "CANCEL ", "OPTIONS ", "INFO ", "UPDATE ", "PRACK ", "NOTIFY ", "REFER ",
        "REGISTER ", "MESSAGE ", "SUBSCRIBE ", "PUBLISH ",
    )
)  # fmt: skip

Network = IPv4Network | IPv6Network
Verdict = Literal["pass", "stranger", "size", "noise", "rate", "shut_out"]


def read_networks(given: Iterable[str]) -> tuple[Network, ...]:
    """Addresses and CIDR blocks. Raises `ValueError` naming the wrong one."""
    found = []
    for text in given:
        try:
            found.append(ip_network(text.strip(), strict=False))
        except ValueError:
            raise ValueError(f"{text!r} is no address and no block of addresses, such as 10.0.0.0/24") from None
    return tuple(found)


class _Source(Struct):
    """What is remembered of one address."""

    left: float
    filled: float
    trusted: bool
    known: bool
    failures: int = 0
    shut_until: float = 0.0


class Guard:
    """Judges every datagram and every connection before anything is read."""

    def __init__(self, trusted: tuple[Network, ...], allowed: tuple[Network, ...]) -> None:
        """
        Args:
            trusted: trunks and PBXs that need no password.
            allowed: where telephones with a password may be.
        """
        self.dropped: dict[str, int] = {}
        self._trusted, self._allowed = trusted, allowed
        self._sources: OrderedDict[str, _Source] = OrderedDict()
        self._left, self._filled = TOTAL_AT_ONCE, 0.0

    def judge(self, host: str, data: bytes, now: float, *, streamed: bool = False) -> Verdict:
        """Whether a message may be read. What may not is counted, and nothing is said to whoever sent it."""
        source = self._source(host, now)
        verdict: Verdict = "pass"
        if not source.known:
            verdict = "stranger"
        elif now < source.shut_until:
            verdict = "shut_out"
        elif len(data) > (LARGEST_STREAMED if streamed else LARGEST_DATAGRAM):
            verdict = "size"
        elif not data.startswith(STARTS) and not _is_method(data):
            verdict = "noise"
        elif not self._spend(source, now):
            verdict = "rate"
        if verdict != "pass":
            self.dropped[verdict] = self.dropped.get(verdict, 0) + 1
        return verdict

    def admits(self, host: str, now: float) -> bool:
        """Whether a connection from there may be opened."""
        source = self._source(host, now)
        if source.known and now >= source.shut_until:
            return True
        self.dropped["stranger"] = self.dropped.get("stranger", 0) + 1
        return False

    def trust(self, host: str) -> None:
        """Trust this address too: a registrar of ours, whose name has been looked up."""
        network = ip_network(host)
        if network not in self._trusted:
            self._trusted = (*self._trusted, network)
            self._sources.pop(host, None)

    def expect(self, host: str) -> None:
        """Read what comes from this address, which we call: it may answer, and calls us with a password only."""
        network = ip_network(host)
        if network not in self._trusted and network not in self._allowed:
            self._allowed = (*self._allowed[-MOST_EXPECTED:], network)
            self._sources.pop(host, None)

    def trusts(self, host: str, now: float) -> bool:
        """Whether it needs no password."""
        return self._source(host, now).trusted

    def failed(self, host: str, now: float) -> None:
        """A wrong password came from there."""
        source = self._source(host, now)
        source.failures += 1
        if source.failures >= FAILURES:
            source.failures, source.shut_until = 0, now + SHUT_OUT

    def succeeded(self, host: str, now: float) -> None:
        """A right password came from there."""
        self._source(host, now).failures = 0

    def _source(self, host: str, now: float) -> _Source:
        found = self._sources.get(host)
        if found is None:
            try:
                address = ip_address(host)
            except ValueError:
                return _Source(0.0, now, False, False)
            mapped = getattr(address, "ipv4_mapped", None) or address
            trusted = any(mapped in network for network in self._trusted)
            known = trusted or any(mapped in network for network in self._allowed)
            found = _Source(PEER_AT_ONCE if trusted else AT_ONCE, now, trusted, known)
            if not known:
                return found  # a flood of forged addresses takes no room
            self._sources[host] = found
            if len(self._sources) > MOST_SOURCES:
                self._sources.popitem(last=False)
        else:
            self._sources.move_to_end(host)
        return found

    def _spend(self, source: _Source, now: float) -> bool:
        rate, most = (PEER_PER_SECOND, PEER_AT_ONCE) if source.trusted else (PER_SECOND, AT_ONCE)
        source.left = min(most, source.left + (now - source.filled) * rate)
        source.filled = now
        self._left = min(TOTAL_AT_ONCE, self._left + (now - self._filled) * TOTAL_PER_SECOND)
        self._filled = now
        if source.left < 1 or self._left < 1:
            return False
        source.left -= 1
        self._left -= 1
        return True


def _is_method(data: bytes) -> bool:
    """Whether it may be a request with a method that we do not know: it is to hear that (405)."""
    word, _, rest = data[:200].partition(b" ")
    return 2 < len(word) < 33 and word.isupper() and word.isalnum() and rest.lower().startswith((b"sip:", b"sips:"))
