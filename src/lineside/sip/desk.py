"""What a user agent is given: who it is, and who takes its calls."""

from typing import Protocol

from msgspec import Struct

from lineside.sip.flow import Flow
from lineside.sip.incoming import IncomingCall
from lineside.sip.message import SipRequest, SipResponse


class Identity(Protocol):
    """Who we are, by the way that a message takes."""

    name: str  # in User-Agent and Server

    def address(self, flow: Flow) -> tuple[str, int]:
        """Host and port at which the other side reaches us."""
        ...


class CallDesk(Protocol):
    """Who takes calls. Nothing here waits."""

    def full(self) -> str:
        """Why no call can be taken now; empty where one can."""
        ...

    def on_call(self, call: IncomingCall) -> None:
        """A call came; it is to be answered or refused."""
        ...

    def on_register(self, user: str, request: SipRequest, flow: Flow) -> SipResponse:
        """A telephone registers; its password is right, or its address trusted."""
        ...


class AgentCounts(Struct):
    """What became of messages, for metrics."""

    requests: int = 0
    unreadable: int = 0
    unauthorized: int = 0
    refused: int = 0
