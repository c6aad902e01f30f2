"""What an INVITE says of its call, as facts: who calls, whom, over which number. Values, never instructions."""

from collections.abc import Iterable

from lineside.rtp.codecs import CodecName
from lineside.sip.address import parse_addresses, parse_uri
from lineside.sip.incoming import IncomingCall
from lineside.sip.message import SipRequest
from lineside.transports.call_facts import CallFacts, allowed_headers, clean

ANONYMOUS = ("anonymous", "unknown", "unavailable", "restricted")


def facts_of(call: IncomingCall, codec: CodecName, allowed: Iterable[str], *, trusted: bool) -> CallFacts:
    """The facts of a call that came in.

    Args:
        call: the call.
        codec: that was agreed on.
        allowed: names of the headers that the operator wants kept.
        trusted: whether the peer may say who calls (RFC 3325): a trunk or a PBX, not a telephone.
    """
    request = call.request
    return CallFacts(
        line="sip",
        caller=call.user or _caller(request, trusted=trusted),
        called=_user(request.uri) or _user_of(request.get("To")),
        diverted_from=_user_of(_last(request.all("Diversion"))) if trusted else "",
        carrier_call_id=clean(request.call_id),
        headers=allowed_headers({name: value for name, value in request.headers if name[:2].upper() == "X-"
                                 or name in EXTRA}, allowed),
        codec=codec,
    )  # fmt: skip


EXTRA = ("User-to-User", "Subject", "Alert-Info", "Call-Info")  # beside the X- headers


def _caller(request: SipRequest, *, trusted: bool) -> str:
    """The number of who calls; empty where it is withheld."""
    if trusted and "id" in {one.lower() for value in request.all("Privacy") for one in value.split(";")}:
        return ""
    asserted = request.get("P-Asserted-Identity") or request.get("Remote-Party-ID") if trusted else ""
    found = _user_of(asserted) or _user_of(request.get("From"))
    return "" if found.lower() in ANONYMOUS else found


def _user_of(value: str) -> str:
    found = parse_addresses(value) if value else None
    return _user(found[0].uri) if found else ""


def _user(uri: str) -> str:
    """The user of a URI: a number without what stands behind a semicolon in it, or a name."""
    found = parse_uri(uri)
    return clean(found.user.partition(";")[0]) if found is not None else ""


def _last(values: list[str]) -> str:
    """The first number that was called stands in the last Diversion (RFC 5806)."""
    return values[-1] if values else ""
