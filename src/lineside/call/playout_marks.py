"""Marks in the sound that a line plays: what has come back has been played, what has not may not have been.

By the clock alone sound plays as soon as it is sent. Behind a carrier it plays later, by a delay that nobody tells. So
a mark is set before a reply and in it every half second: nothing after a mark that has not come back counts as heard,
and the time that marks take is the lag of the line. After `clear` some lines let every pending mark come back at once
(Twilio, Telnyx) and some none (Asterisk): a mark carries the number of clears before it, and an old one counts for
nothing. Pure but for the event that `some_back` waits for; time is handed in, in seconds.
"""

import asyncio
import re
from collections import deque
from collections.abc import Callable

from msgspec import Struct

LEAD = 0.7  # seconds sent ahead of the caller's ear, under the second that is promised: enough to ride out a stall
MARK_EVERY = 0.5  # seconds of sound between two marks
OVERDUE = 2.0  # seconds beyond the lag; a mark that is later is given up, and the clock believed
LOST_MOST = 3  # marks given up in a row; then the line is taken for one without marks
LONGEST_LAG = 5.0  # seconds; what comes later says something of the network, not of the line
SETTLES = 0.2  # how much of a smaller lag is believed at once; a larger one is believed whole
NAME = re.compile(r"e(\d{1,9})-(\d{1,9})")


class _Mark(Struct, frozen=True):
    number: int
    due: float  # when it would be played by the clock


class PlayoutMarks:
    """The marks of one call."""

    def __init__(self, mark: Callable[[str], bool]) -> None:
        """`mark` is the transport's: False, where the line knows none."""
        self._mark = mark
        self.known = True  # the line has them, as far as is known
        self.lag = 0.0  # how much later than by the clock sound is known to be played
        self.heard_back = 0  # marks that came back in time
        self._epoch = self._number = self._lost = 0
        self._pending: deque[_Mark] = deque()
        self._changed = asyncio.Event()

    @property
    def pending(self) -> bool:
        """Whether a mark is under way."""
        return bool(self._pending)

    def set(self, due: float) -> None:
        """Set a mark behind what was sent; by the clock it is played at `due`."""
        if not self.known:
            return
        self._number += 1
        self.known = self._mark(f"e{self._epoch}-{self._number}")
        if self.known:
            self._pending.append(_Mark(self._number, due))

    def cleared(self) -> None:
        """The line has forgotten what it had not played: no mark from before counts any more."""
        self._epoch += 1
        self._pending.clear()
        self._changed.set()

    def back(self, name: str, now: float) -> None:
        """A mark came back from the line. One of an old epoch, a strange or a doubled one is passed over."""
        found = NAME.fullmatch(name)
        if found is None or int(found[1]) != self._epoch:
            return
        number = int(found[2])
        if not any(mark.number == number for mark in self._pending):
            return
        while self._pending and self._pending[0].number <= number:  # an earlier one that was lost is played too
            mark = self._pending.popleft()
        lag = min(LONGEST_LAG, max(0.0, now - mark.due))
        self.lag = lag if lag > self.lag else self.lag + SETTLES * (lag - self.lag)
        self._lost = 0
        self.heard_back += 1
        self._changed.set()

    def position(self, now: float) -> float:
        """The moment, by the clock that sound is sent by, up to which it is known to have been played."""
        self._give_up(now)
        position = now - self.lag
        return min(position, self._pending[0].due) if self._pending else position

    async def some_back(self, now: float) -> None:
        """Wait until a mark comes back, is given up, or the line is cleared."""
        if not self._pending:
            return
        self._changed.clear()
        late = self._pending[0].due + self.lag + OVERDUE
        try:
            async with asyncio.timeout(max(0.0, late - now)):
                await self._changed.wait()
        except TimeoutError:
            self._give_up(late + 1e-6)

    def _give_up(self, now: float) -> None:
        while self._pending and now > self._pending[0].due + self.lag + OVERDUE:
            self._pending.popleft()
            self._lost += 1
            if self._lost >= LOST_MOST:
                self.known, self.lag = False, 0.0
                self._pending.clear()


class PlayoutPacing(Struct, frozen=True):
    """How sound is sent over a line."""

    lead: float = LEAD  # seconds sent ahead of the caller's ear
    takes_back: bool = True  # what was sent can be made unsaid; else a pause only sends nothing more


USUAL_PACING = PlayoutPacing()
