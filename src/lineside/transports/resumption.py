"""A call outlives its connection for some seconds: how its caller proves who they are, and how many calls may wait."""

import asyncio
import hmac
import secrets
from collections.abc import Callable

from lineside.errors import TransportError

WAITING = 1000  # calls of one process that may wait for their callers at once; with one more a broken call ends
LAG = 2.0  # seconds that a caller's program may need to notice that its connection is dead


class WaitingRoom:
    """The calls of one process whose callers are away."""

    def __init__(self, seconds: float, report: Callable[[str], None], most: int = WAITING) -> None:
        """
        Args:
            seconds: how long a call waits; 0: not at all.
            report: hears what became of a broken connection: `resumed`, `expired`, `no_room` or `refused`.
            most: calls that may wait at once.
        """
        self.seconds, self.report, self.most = seconds, report, most
        self.waiting = 0


class Resumption:
    """How one call is resumed. Tokens are unguessable; one that has been used is void once its successor came through.

    A connection may break again before its `resumed` has come. So the token before is good until the caller has sent
    something over the new connection, which they do only after that.
    """

    def __init__(self, room: WaitingRoom) -> None:
        self._room = room
        self.token, self._before = secrets.token_urlsafe(32), ""
        self._messages = 0  # that the caller had sent when the token was issued
        self._left: float | None = None  # when their connection broke, while it is
        self._timer: asyncio.TimerHandle | None = None

    @property
    def seconds(self) -> float:
        """How long the call waits."""
        return self._room.seconds

    @property
    def remembers(self) -> float:
        """How long what was sent may be asked for again, in seconds."""
        return self._room.seconds + LAG

    def leave(self, expired: Callable[[], None]) -> bool:
        """The connection broke. True: the call waits, and `expired` is called when its time is up."""
        if self._left is not None:
            return True
        if self._room.waiting >= self._room.most:
            self._room.report("no_room")
            return False
        self._room.waiting += 1
        loop = asyncio.get_running_loop()
        self._left = loop.time()
        self._timer = loop.call_later(self.seconds, self._expire, expired)
        return True

    def come_back(self, token: str, messages: int) -> float:
        """The caller is here again; answers how many seconds they were known to be away. A new token is issued.

        Args:
            token: what they know.
            messages: how many messages they had sent.

        Raises:
            TransportError: it is not the token of this call, or no longer.
        """
        good = hmac.compare_digest(token.encode(), self.token.encode())
        before = hmac.compare_digest(token.encode(), self._before.encode()) and messages == self._messages
        if not (good or (before and self._before)):
            raise refused()
        self._before, self.token, self._messages = token, secrets.token_urlsafe(32), messages
        away = 0.0 if self._left is None else asyncio.get_running_loop().time() - self._left
        self.stop()
        self._room.report("resumed")
        return away

    def stop(self) -> None:
        """Wait no longer: the caller is back, or the call is over."""
        if self._left is not None:
            self._left = None
            self._room.waiting -= 1
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _expire(self, expired: Callable[[], None]) -> None:
        self.stop()
        self._room.report("expired")
        expired()


def refused() -> TransportError:
    """Whatever is wrong with a token: who guesses learns nothing from the answer."""
    why = "no call waits for this token: the call is over, or the token was used or is wrong; begin a new call"
    return TransportError("resume_refused", f"resume: {why}")
