"""Handing a call on: REFER, and what NOTIFY says became of it (RFC 3515). Pure."""

import re
from collections.abc import Callable

from msgspec import Struct

from lineside.sip.message import SipRequest, SipResponse
from lineside.sip.timers import TimerQueue

FRAGMENT = re.compile(rb"SIP/2\.0 ([1-6]\d\d) ?([^\r\n]{0,80})")


class ReferralResult(Struct, frozen=True):
    """What became of it."""

    status: int  # of the call to the target: 200 is success; of the REFER itself, if that was refused; 408: nobody said
    detail: str = ""


class Referral:
    """One REFER of ours, to its end."""

    def __init__(self, timers: TimerQueue, seconds: float, on_result: Callable[[ReferralResult], None]) -> None:
        """`seconds`: how long the target may ring."""
        self._on_result = on_result
        self._late = timers.after(seconds, lambda: self.over(ReferralResult(408, "no NOTIFY said what became of it")))
        self._done = False

    def responded(self, response: SipResponse | None) -> None:
        """The REFER was answered."""
        if response is None:
            self.over(ReferralResult(408, "REFER was not answered"))
        elif response.status >= 300:
            self.over(ReferralResult(response.status, response.reason))

    def notified(self, request: SipRequest) -> None:
        """A NOTIFY came."""
        found = FRAGMENT.match(request.body)
        if found and int(found[1]) >= 200:
            self.over(ReferralResult(int(found[1]), found[2].decode("utf-8", "replace")))

    def over(self, result: ReferralResult) -> None:
        """It is known; the first result counts."""
        if not self._done:
            self._done = True
            self._late.cancel()
            self._on_result(result)
