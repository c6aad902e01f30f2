"""The user agent: every message of the SIP port goes through here. Pure: messages and times in, messages out."""

import secrets
from collections.abc import Callable

from lineside.sip.authenticator import Authenticator
from lineside.sip.bodies import SDP, foreign_body
from lineside.sip.core import SessionListener
from lineside.sip.desk import AgentCounts, CallDesk, Identity
from lineside.sip.digest import DigestClient, DigestServer
from lineside.sip.flow import Flow
from lineside.sip.guard import Guard
from lineside.sip.incoming import IncomingCall
from lineside.sip.message import BadSip, Header, SipRequest, SipResponse, parse_sip, read_uri
from lineside.sip.offer_answer import Negotiation
from lineside.sip.outgoing import CallTarget, OutgoingCall
from lineside.sip.requests import AskedRequest
from lineside.sip.responses import ALLOW, EXTENSIONS, METHODS, response_to
from lineside.sip.session import SipSession
from lineside.sip.timers import Timer, TimerQueue
from lineside.sip.transactions import ClientTransaction, Key, Send, ServerTransaction, server_key
from lineside.sip.via import MAGIC, new_via, with_source

MOST_TRANSACTIONS = 4000  # of theirs; one more is dropped, and comes again
ACCEPT: tuple[Header, ...] = (("Accept", SDP), ("Supported", "timer"))
KNOWN = ("MESSAGE", "SUBSCRIBE", "PUBLISH")  # methods that are known, and that we do not take
RETRY_AFTER = 5  # seconds
UNANSWERED = 180.0  # seconds; longer than any call is prepared, and any request is answered


class UserAgent:
    """All transactions, dialogs and calls of one SIP port."""

    def __init__(
        self,
        identity: Identity,
        timers: TimerQueue,
        send: Send,
        guard: Guard,
        desk: CallDesk,
        digest: DigestServer | None = None,
    ) -> None:
        """`digest` asks those for a password whom `guard` does not trust; None: they may not call."""
        self.timers, self.counts = timers, AgentCounts()
        self._identity, self._send, self._desk = identity, send, desk
        self._who = Authenticator(guard, digest, timers, self.counts)
        self._servers: dict[Key, ServerTransaction] = {}
        self._clients: dict[tuple[str, str], ClientTransaction] = {}
        self._sessions: dict[tuple[str, str], SipSession] = {}
        self._arriving: dict[Key, IncomingCall] = {}

    @property
    def sizes(self) -> dict[str, int]:
        """How much is kept, for tests and metrics."""
        return {
            "server_transactions": len(self._servers),
            "client_transactions": len(self._clients),
            "sessions": len(self._sessions),
            "arriving": len(self._arriving),
        }

    # ── what comes in ──────────────────────────────────────────────────────────────────────────────────────────────

    def receive(self, data: bytes, flow: Flow) -> None:
        """One whole message, past the guard. Raises nothing for what it holds."""
        request: SipRequest | None = None
        try:
            message = parse_sip(data, streamed=flow.reliable)
            if isinstance(message, SipResponse):
                self._response(message)
            else:
                request = message
                self._request(message, flow)
        except BadSip as bad:
            self.counts.unreadable += 1
            request = bad.request or request
            if request is not None and request.method != "ACK":
                located = _located(request, flow)
                self._send(flow, bytes(response_to(located, bad.status, tag="bad", reason=str(bad)[:80])))

    def _response(self, response: SipResponse) -> None:
        branch = response.via.branch
        found = self._clients.get((branch, response.method_of_cseq))
        if found is not None:
            found.receive(response)

    def _request(self, request: SipRequest, flow: Flow) -> None:
        self.counts.requests += 1
        if request.method_of_cseq != request.method:
            raise BadSip("CSeq names another method")
        located = _located(request, flow)
        known = self._servers.get(server_key(request))
        if known is not None:
            known.receive(request)
            return
        if request.method == "ACK":
            session = self._sessions.get((request.call_id, request.to_tag))
            if session is not None:
                session.receive(request, None)
            return
        if len(self._servers) >= MOST_TRANSACTIONS:
            return
        transaction = self._transaction(located, flow)
        if request.method == "CANCEL":
            self._cancel(located, transaction)
        elif refused := self._refusal(located):
            transaction.respond(refused)
        elif request.to_tag:
            self._in_dialog(located, transaction)
        else:
            self._outside(located, transaction, flow)

    def _transaction(self, request: SipRequest, flow: Flow) -> ServerTransaction:
        key = server_key(request)
        transaction = ServerTransaction(request, flow, self.timers, self._send)
        unanswered = self.timers.after(UNANSWERED, transaction.end)  # should nothing ever answer it
        transaction.on_over = lambda: self._forget_transaction(key, unanswered)
        self._servers[key] = transaction
        if request.method == "INVITE":
            transaction.respond(response_to(request, 100))
        return transaction

    def _forget_transaction(self, key: Key, unanswered: Timer) -> None:
        unanswered.cancel()
        self._servers.pop(key, None)
        self._arriving.pop(key, None)

    def _refusal(self, request: SipRequest) -> SipResponse | None:
        """What cannot be understood, in the order of RFC 3261, section 8.2."""
        if request.method not in METHODS:
            return response_to(request, 405 if request.method in KNOWN else 501, (ALLOW,), tag="no")
        if not request.to_tag:
            try:
                read_uri(request.uri)
            except BadSip as wrong:
                return response_to(request, wrong.status, tag="no", reason=str(wrong)[:80])
        unknown = [token for token in request.tokens("Require") if token.lower() not in EXTENSIONS]
        if unknown:
            return response_to(request, 420, (("Unsupported", ", ".join(unknown)),), tag="no")
        if request.method == "INVITE" and foreign_body(request):
            return response_to(request, 415, ACCEPT, tag="no")
        accepted = [kind.partition(";")[0].strip().lower() for kind in request.tokens("Accept")]
        if request.method == "INVITE" and accepted and not {SDP, "application/*", "*/*"} & set(accepted):
            return response_to(request, 406, tag="no")
        return None

    def _cancel(self, request: SipRequest, transaction: ServerTransaction) -> None:
        key = server_key(request, "INVITE")
        transaction.respond(response_to(request, 200 if key in self._servers else 481, tag="no"))
        if (call := self._arriving.get(key)) is not None:
            call.cancelled()

    def _in_dialog(self, request: SipRequest, transaction: ServerTransaction) -> None:
        session = self._sessions.get((request.call_id, request.to_tag))
        if session is None:
            transaction.respond(response_to(request, 481))
        else:
            session.receive(request, transaction)

    def _outside(self, request: SipRequest, transaction: ServerTransaction, flow: Flow) -> None:
        """A request outside every dialog."""
        match request.method:
            case "OPTIONS":
                why = self._desk.full()
                more = (ALLOW, *ACCEPT, *((("Retry-After", str(RETRY_AFTER)),) if why else ()))
                transaction.respond(response_to(request, 503 if why else 200, more, tag="options"))
            case "INVITE":
                self._invited(request, transaction, flow)
            case "REGISTER":
                user = self._who.authenticated(request, transaction, flow)
                if user is not None:
                    transaction.respond(self._desk.on_register(user, request, flow))
            case "REFER":
                transaction.respond(response_to(request, 603, tag="no"))
            case _:
                transaction.respond(response_to(request, 481, tag="no"))

    def _invited(self, request: SipRequest, transaction: ServerTransaction, flow: Flow) -> None:
        merged = any(
            (call.request.call_id, call.request.from_tag, call.request.sequence)
            == (request.call_id, request.from_tag, request.sequence)
            for call in self._arriving.values()
        )
        if merged:  # the same request by two ways (RFC 3261, section 8.2.2.2)
            transaction.respond(response_to(request, 482, tag="no"))
            return
        user = self._who.authenticated(request, transaction, flow)
        if user is None:
            return
        call = IncomingCall(self, request, transaction, flow, user)
        if call.too_short_interval():
            return
        if why := self._desk.full():
            self.counts.refused += 1
            call.refuse(503 if "shutting" in why else 486, retry_after_seconds=RETRY_AFTER)
            return
        self._arriving[server_key(request)] = call
        call.on_session = lambda session: self._add(session, call.tag)
        self._desk.on_call(call)

    # ── what goes out ──────────────────────────────────────────────────────────────────────────────────────────────

    def call(self, target: CallTarget, negotiation: Negotiation, listener: SessionListener) -> OutgoingCall:
        """Call somebody; the listener hears what becomes of it."""
        call = OutgoingCall(self, target, negotiation, listener)
        call.on_session = lambda session: self._add(session, call.tag)
        call.begin()
        return call

    def via(self, flow: Flow) -> str:
        """See `SignallingCore`."""
        host, port = self._identity.address(flow)
        return new_via(flow.transport, _bracketed(host), port, f"{MAGIC}{secrets.token_hex(10)}")

    def contact(self, flow: Flow) -> Header:
        """See `SignallingCore`."""
        host, port = self._identity.address(flow)
        transport = "" if flow.transport == "UDP" else f";transport={flow.transport.lower()}"
        return "Contact", f"<sip:agent@{_bracketed(host)}:{port}{transport}>"

    def send(self, flow: Flow, message: SipRequest) -> None:
        """See `SignallingCore`."""
        self._send(flow, bytes(message))

    def ask(
        self,
        make: Callable[[tuple[Header, ...]], SipRequest],
        flow: Flow,
        on_response: Callable[[SipResponse | None], None],
        digest: DigestClient | None = None,
    ) -> AskedRequest:
        """See `SignallingCore`."""
        asked = AskedRequest(self, make, flow, on_response, digest)
        asked.begin(())
        return asked

    def start(
        self, request: SipRequest, flow: Flow, on_response: Callable[[SipResponse | None], None]
    ) -> ClientTransaction:
        """Begin a transaction of ours."""
        key = (request.via.branch, request.method)
        transaction = ClientTransaction(request, flow, self.timers, self._send, on_response)
        transaction.on_over = lambda: self._forget_request(key)
        self._clients[key] = transaction
        transaction.begin()
        return transaction

    def _forget_request(self, key: tuple[str, str]) -> None:
        self._clients.pop(key, None)

    def forget(self, call_id: str, local_tag: str) -> None:
        """See `SignallingCore`."""
        self._sessions.pop((call_id, local_tag), None)

    def _add(self, session: SipSession, tag: str) -> None:
        self._sessions[session.dialog.call_id, tag] = session


def _located(request: SipRequest, flow: Flow) -> SipRequest:
    """The request with the source noted on its topmost Via, so that its responses find back."""
    headers = list(request.headers)
    at = next((n for n, (name, _) in enumerate(headers) if name == "Via"), None)
    if at is None:
        return request
    headers[at] = ("Via", with_source(headers[at][1], flow.host, flow.port))
    return SipRequest(method=request.method, uri=request.uri, headers=tuple(headers), body=request.body)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
