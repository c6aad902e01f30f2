"""Encrypted sound (RFC 3711), by libsrtp. Where the package is not installed, calls that want it are refused."""

from importlib.util import find_spec
from typing import Protocol

from lineside.errors import TransportError
from lineside.rtp.media_plan import SrtpKeys


class Protection(Protocol):
    """What stands between a packet and the network."""

    def protect(self, packet: bytes) -> bytes:
        """RTP that goes out."""
        ...

    def unprotect(self, packet: bytes) -> bytes | None:
        """RTP that came; None: it is forged, or comes twice."""
        ...

    def protect_rtcp(self, packet: bytes) -> bytes:
        """RTCP that goes out."""
        ...

    def unprotect_rtcp(self, packet: bytes) -> bytes | None:
        """RTCP that came."""
        ...


def can_encrypt() -> bool:
    """Whether libsrtp is there."""
    return find_spec("pylibsrtp") is not None


def no_protection() -> Protection:
    """For plain RTP."""
    return _Plain()


def protection_of(keys: SrtpKeys) -> Protection:
    """For RTP with these keys. Raises `TransportError` where libsrtp is missing."""
    if not can_encrypt():
        raise TransportError("line_lost", "encrypted sound needs the package pylibsrtp: pip install 'lineside[srtp]'")
    return _Srtp(keys)


class _Plain:
    def protect(self, packet: bytes) -> bytes:
        return packet

    def unprotect(self, packet: bytes) -> bytes | None:
        return packet

    def protect_rtcp(self, packet: bytes) -> bytes:
        return packet

    def unprotect_rtcp(self, packet: bytes) -> bytes | None:
        return packet


class _Srtp:
    def __init__(self, keys: SrtpKeys) -> None:
        from pylibsrtp import Error, Policy, Session

        self._refused: type[Exception] = Error
        self._out = Session(Policy(keys.ours, Policy.SSRC_ANY_OUTBOUND))
        self._in = Session(Policy(keys.theirs, Policy.SSRC_ANY_INBOUND))

    def protect(self, packet: bytes) -> bytes:
        return self._out.protect(packet)

    def unprotect(self, packet: bytes) -> bytes | None:
        try:
            return self._in.unprotect(packet)
        except (self._refused, TypeError, ValueError):
            return None

    def protect_rtcp(self, packet: bytes) -> bytes:
        return self._out.protect_rtcp(packet)

    def unprotect_rtcp(self, packet: bytes) -> bytes | None:
        try:
            return self._in.unprotect_rtcp(packet)
        except (self._refused, TypeError, ValueError):
            return None
