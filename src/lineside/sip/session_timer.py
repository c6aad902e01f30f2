"""Session timers (RFC 4028): a call whose other side is gone does not stay for ever. Pure."""

import re
from collections.abc import Callable

from msgspec import Struct

from lineside.sip.message import SipRequest, SipResponse
from lineside.sip.timers import Timer, TimerQueue

SHORTEST, USUAL = 90, 1800  # seconds: Min-SE, and what we ask for
VALUE = re.compile(r"\s*(\d{1,9})\s*(?:;\s*(.*))?")


class SessionInterval(Struct, frozen=True):
    """A Session-Expires."""

    seconds: int
    refresher: str = ""  # "uac" or "uas"; empty: not said


def read_interval(message: SipRequest | SipResponse) -> SessionInterval | None:
    """The Session-Expires of a message; None where there is none that can be read."""
    found = VALUE.fullmatch(message.get("Session-Expires"))
    if found is None:
        return None
    refresher = re.search(r"refresher\s*=\s*(uac|uas)", found[2] or "", re.IGNORECASE)
    return SessionInterval(int(found[1]), refresher[1].lower() if refresher else "")


class SessionTimer:
    """Has one side refresh the call in time, and ends it when the other side does not."""

    def __init__(self, timers: TimerQueue, refresh: Callable[[], None], expired: Callable[[], None]) -> None:
        self._timers, self._refresh, self._expired = timers, refresh, expired
        self._timer: Timer | None = None

    def agree(self, interval: SessionInterval | None, *, ours: bool) -> None:
        """From now on this holds.

        Args:
            interval: None: no timer.
            ours: whether we refresh, at half of it; else the other side does, or the call ends.
        """
        self.stop()
        if interval is None:
            return
        seconds = float(max(interval.seconds, SHORTEST))
        if ours:
            self._timer = self._timers.after(seconds / 2, self._refresh)
        else:
            self._timer = self._timers.after(seconds - min(32.0, seconds / 3), self._expired)

    def stop(self) -> None:
        """The call is over."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
