"""Who a request is from: trusted by address, or a telephone that knows its password. Pure."""

from lineside.sip.desk import AgentCounts
from lineside.sip.digest import DigestServer
from lineside.sip.flow import Flow
from lineside.sip.guard import Guard
from lineside.sip.message import SipRequest
from lineside.sip.responses import response_to
from lineside.sip.timers import TimerQueue
from lineside.sip.transactions import ServerTransaction


class Authenticator:
    """Asks whom the guard does not trust for a password, before anything is kept of the request."""

    def __init__(self, guard: Guard, digest: DigestServer | None, timers: TimerQueue, counts: AgentCounts) -> None:
        """`digest`: None, where nobody has a password; then only trusted addresses may call."""
        self._guard, self._digest, self._timers, self._counts = guard, digest, timers, counts

    def authenticated(self, request: SipRequest, transaction: ServerTransaction, flow: Flow) -> str | None:
        """The user's name, empty for one who is trusted by address; None: a challenge or a refusal has gone out."""
        now = self._timers.now
        if self._guard.trusts(flow.host, now):
            return ""
        if self._digest is None:
            transaction.respond(response_to(request, 403, tag="no"))
            return None
        given = request.get("Authorization")
        user, stale = self._digest.check(given, request.method, request.body, now) if given else ("", False)
        if user:
            self._guard.succeeded(flow.host, now)
            return user
        if given and not stale:
            self._counts.unauthorized += 1
            self._guard.failed(flow.host, now)
        challenges = (("WWW-Authenticate", value) for value in self._digest.challenges(now, stale=stale))
        transaction.respond(response_to(request, 401, tuple(challenges), tag="no"))
        return None
