"""A dialog: who talks with whom, and by which way (RFC 3261, section 12). Pure."""

import secrets
from ipaddress import ip_address

from lineside.sip.address import SipAddress
from lineside.sip.flow import Flow
from lineside.sip.message import Header, SipRequest, SipResponse, read_address, read_uri

MAX_FORWARDS = "70"


def new_tag() -> str:
    """A tag of ours."""
    return secrets.token_hex(8)


class Dialog:
    """One side of a dialog."""

    def __init__(
        self, *, call_id: str, local: str, remote: str, target: str, routes: tuple[str, ...], flow: Flow, sequence: int
    ) -> None:
        """
        Args:
            call_id: of both sides.
            local: our From, with its tag; `remote` is theirs.
            target: the URI of their Contact.
            routes: the proxies between, the nearest first, each with its angle brackets.
            flow: the way that messages took so far.
            sequence: of the latest request of theirs; 0: none.
        """
        self.call_id, self.local, self.remote, self.target = call_id, local, remote, target
        self.routes, self.flow = routes, flow
        self.remote_sequence = sequence
        self.sequence = secrets.randbelow(1 << 16) + 1

    @property
    def next_hop(self) -> Flow:
        """Where the next request goes: along the routes, or to the Contact.

        A Contact behind a NAT, or a name, is reached the way that its messages came.
        """
        if self.flow.reliable:
            return self.flow
        try:
            first = read_uri(self.routes[0].strip("<>") if self.routes else self.target)
            address = ip_address(first.host.strip("[]"))
        except (ValueError, IndexError):
            return self.flow
        if not self.routes and address != ip_address(self.flow.host):
            return self.flow
        return Flow("UDP", str(address), first.port or 5060)

    def takes(self, request: SipRequest) -> bool:
        """Whether a request's number is a new one; it is noted (RFC 3261, section 12.2.2)."""
        if request.method in ("ACK", "CANCEL"):
            return True
        if self.remote_sequence and request.sequence <= self.remote_sequence:
            return False
        self.remote_sequence = request.sequence
        return True

    def refresh(self, message: SipRequest | SipResponse) -> None:
        """Contact of a re-INVITE, an UPDATE or a 2xx is their new one."""
        if contact := contact_of(message):
            self.target = contact

    def request(
        self, method: str, via: str, more: tuple[Header, ...] = (), body: bytes = b"", sequence: int = 0
    ) -> SipRequest:
        """A request inside the dialog. `sequence`: of the INVITE, for its ACK; else the next number."""
        if not sequence:
            self.sequence += 1
            sequence = self.sequence
        uri, routes = self.target, list(self.routes)
        if routes and ";lr" not in routes[0].lower():  # a strict router (RFC 3261, section 12.2.1.1)
            routes.append(f"<{self.target}>")
            uri = routes.pop(0).strip("<>")
        headers = (
            ("Via", via),
            *(("Route", route) for route in routes),
            ("Max-Forwards", MAX_FORWARDS),
            ("From", self.local),
            ("To", self.remote),
            ("Call-ID", self.call_id),
            ("CSeq", f"{sequence} {method}"),
            *more,
        )
        return SipRequest(method=method, uri=uri, headers=headers, body=body)


def called_dialog(request: SipRequest, flow: Flow, local_tag: str) -> Dialog:
    """The dialog of a call that came in. Raises `BadSip`."""
    target = contact_of(request) or read_address(request.get("From"), "From").uri  # RFC 2543 needs no Contact
    return Dialog(
        call_id=request.call_id,
        local=f"{request.get('To')};tag={local_tag}",
        remote=request.get("From"),
        target=target,
        routes=tuple(_route(address) for address in request.addresses("Record-Route")),
        flow=flow,
        sequence=request.sequence,
    )


def calling_dialog(request: SipRequest, response: SipResponse, flow: Flow) -> Dialog:
    """The dialog of a call of ours that was answered. Raises `BadSip`."""
    dialog = Dialog(
        call_id=request.call_id,
        local=request.get("From"),
        remote=response.get("To"),
        target=contact_of(response) or request.uri,
        routes=tuple(_route(address) for address in reversed(response.addresses("Record-Route"))),
        flow=flow,
        sequence=0,
    )
    dialog.sequence = request.sequence
    return dialog


def contact_of(message: SipRequest | SipResponse) -> str:
    """The URI of Contact; empty where there is none. Raises `BadSip`."""
    found = message.addresses("Contact") if message.get("Contact") not in ("", "*") else []
    return found[0].uri if found else ""


def _route(address: SipAddress) -> str:
    return f"<{address.uri}>"
