"""What a call's signalling needs of the user agent that it belongs to."""

from collections.abc import Callable
from typing import Literal, Protocol

from msgspec import Struct

from lineside.rtp.media_plan import MediaPlan
from lineside.sip.digest import DigestClient
from lineside.sip.flow import Flow
from lineside.sip.message import Header, SipRequest, SipResponse
from lineside.sip.timers import TimerQueue


class SessionEnd(Struct, frozen=True):
    """Why a call's signalling is over."""

    by: Literal["them", "us", "nobody"]  # nobody: a timer ended it, since the other side was gone
    status: int = 0  # of the response that refused our call
    cause: int = 0  # of Q.850, where the other side gave one (RFC 3326)
    detail: str = ""


class SessionListener(Protocol):
    """Who holds the call. Nothing here waits."""

    def on_ringing(self, status: int) -> None:
        """The called telephone rings (180), or something is heard of it (183); only for calls of ours."""
        ...

    def on_connected(self) -> None:
        """The call is up on both sides."""
        ...

    def on_media(self, plan: MediaPlan) -> None:
        """Sound is agreed on, or changed: hold, another address, another direction."""
        ...

    def on_digits(self, digits: str) -> None:
        """Keys came as SIP INFO."""
        ...

    def on_over(self, end: SessionEnd) -> None:
        """The call is over; called once."""
        ...


class SignallingCore(Protocol):
    """The user agent, as its calls see it."""

    timers: TimerQueue

    def via(self, flow: Flow) -> str:
        """A Via of ours with a new branch."""
        ...

    def contact(self, flow: Flow) -> Header:
        """Our Contact."""
        ...

    def send(self, flow: Flow, message: SipRequest) -> None:
        """Send a request that nothing answers: an ACK."""
        ...

    def ask(
        self,
        make: Callable[[tuple[Header, ...]], SipRequest],
        flow: Flow,
        on_response: Callable[[SipResponse | None], None],
        digest: DigestClient | None = None,
    ) -> "Asked":
        """Send a request and hear its responses; a challenge is answered once.

        Args:
            make: the request, with these headers too; each call of it has a CSeq and a branch of its own.
            flow: the way there.
            on_response: hears each response; None: nobody answered.
            digest: who we are there.
        """
        ...

    def forget(self, call_id: str, local_tag: str) -> None:
        """A dialog is over."""
        ...


class Asked(Protocol):
    """A request of ours under way."""

    request: SipRequest

    def cancel(self) -> None:
        """Cancel it, if it is an INVITE that has had a provisional response."""
        ...
