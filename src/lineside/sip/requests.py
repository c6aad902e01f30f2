"""A request of ours, with the challenge that it may meet on its way (RFC 3261, section 22). Pure."""

from collections.abc import Callable
from typing import Protocol

from lineside.sip.digest import DigestClient
from lineside.sip.flow import Flow
from lineside.sip.message import Header, SipRequest, SipResponse
from lineside.sip.transactions import ClientTransaction


class _Starter(Protocol):
    def start(
        self, request: SipRequest, flow: Flow, on_response: Callable[[SipResponse | None], None]
    ) -> ClientTransaction: ...


class AskedRequest:
    """See `core.Asked`."""

    def __init__(
        self,
        starter: _Starter,
        make: Callable[[tuple[Header, ...]], SipRequest],
        flow: Flow,
        on_response: Callable[[SipResponse | None], None],
        digest: DigestClient | None,
    ) -> None:
        self.request: SipRequest
        self._starter, self._make, self._flow, self._on_response = starter, make, flow, on_response
        self._digest = digest
        self._transaction: ClientTransaction | None = None
        self._cancelled = False

    def begin(self, added: tuple[Header, ...]) -> None:
        """Send it, with these headers too."""
        self.request = self._make(added)
        self._transaction = self._starter.start(self.request, self._flow, self._heard)

    def cancel(self) -> None:
        """See `core.Asked`. Before a provisional response came nothing may be sent: then it follows that one."""
        self._cancelled = True
        if self._transaction is not None and self._transaction.state == "proceeding":
            self._send_cancel()

    def _heard(self, response: SipResponse | None) -> None:
        if response is not None and response.status in (401, 407) and self._digest is not None:
            digest, self._digest = self._digest, None
            names = ("WWW-Authenticate", "Authorization")
            if response.status == 407:
                names = ("Proxy-Authenticate", "Proxy-Authorization")
            request = self.request
            answer = digest.authorization(response.all(names[0]), request.method, request.uri, request.body)
            if answer is not None and not self._cancelled:
                self.begin(((names[1], answer),))
                return
        if response is not None and response.status < 200 and self._cancelled:
            self._send_cancel()
        self._on_response(response)

    def _send_cancel(self) -> None:
        """CANCEL has Via, Request-URI and numbers of its INVITE (RFC 3261, section 9.1)."""
        if self.request.method != "INVITE":
            return
        kept = ("Via", "From", "To", "Call-ID", "Max-Forwards", "Route")
        headers = tuple(header for header in self.request.headers if header[0] in kept)
        headers = (*headers, ("CSeq", f"{self.request.sequence} CANCEL"))
        self._cancelled = False
        cancel = SipRequest(method="CANCEL", uri=self.request.uri, headers=headers)
        self._starter.start(cancel, self._flow, lambda response: None)
