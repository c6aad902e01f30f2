"""Marks: on a line that plays late, only what it says it has played counts as heard."""

import asyncio
from collections import deque

from hypothesis import given, settings
from hypothesis import strategies as st

from lineside.audio.frame import SpokenAudio
from lineside.call.clock import LineClock
from lineside.call.playout import Playout
from lineside.call.playout_marks import LOST_MOST, OVERDUE, PlayoutMarks
from lineside.protocol import Codec, EndReason, ServerMessage
from lineside.transports.base import TransportListener
from tests.virtual_time import run

RATE = 8000
WORD = 0.25  # seconds of each word


class FarBuffer:
    """A line whose far side is told everything `delay` later, plays what it has, and is heard as much later again."""

    def __init__(self, delay: float, *, echoes_cleared: bool) -> None:
        self.codec: Codec = "pcm"
        self.rate = RATE
        self._delay, self._echoes_cleared = delay, echoes_cleared
        self._loop = asyncio.get_running_loop()
        self._under_way = deque[bytes | str | None]()  # sound, a mark, or None to clear
        self._ends = 0.0
        self._queued: list[tuple[float, str]] = []  # marks, and when they are reached
        self.stretches: list[tuple[float, float, int]] = []  # when each stretch plays, from and to; its first sample
        self.back: list[PlayoutMarks] = []

    async def run(self, listener: TransportListener) -> EndReason:
        raise NotImplementedError

    def on_event(self, event: ServerMessage) -> None: ...

    def send(self, payload: bytes) -> None:
        self._tell_far(payload)

    def mark(self, name: str) -> bool:
        self._tell_far(name)
        return True

    def clear(self) -> float | None:
        self._tell_far(None)
        return None

    def played(self, until: float) -> float:
        """How far into the reply the far side has come: sound that was sent again counts once."""
        return max(
            (first / RATE + min(ends, until) - begins for begins, ends, first in self.stretches if begins < until),
            default=0.0,
        )

    def _tell_far(self, what: bytes | str | None) -> None:
        self._under_way.append(what)
        self._loop.call_later(self._delay, self._arrives)

    def _arrives(self) -> None:
        what, now = self._under_way.popleft(), self._loop.time()
        if isinstance(what, bytes):
            begins = max(self._ends, now)
            self._ends = begins + len(what) / 2 / RATE
            self.stretches.append((begins, self._ends, int.from_bytes(what[:2], "little")))
        elif what is not None:
            reached = max(self._ends, now)
            self._queued.append((reached, what))
            self._loop.call_at(reached, self._reached)
        else:
            self._ends = min(self._ends, now)
            self.stretches = [(begins, min(ends, now), first) for begins, ends, first in self.stretches if begins < now]
            cleared, self._queued = self._queued, []
            for _, name in cleared if self._echoes_cleared else ():
                self._echo(name)

    def _reached(self) -> None:
        while self._queued and self._queued[0][0] <= self._loop.time() + 1e-9:
            self._echo(self._queued.pop(0)[1])

    def _echo(self, name: str) -> None:
        for marks in self.back:
            self._loop.call_later(self._delay, self._is_back, marks, name)

    def _is_back(self, marks: PlayoutMarks, name: str) -> None:
        marks.back(name, self._loop.time())


def spoken(words: int) -> SpokenAudio:
    samples = round(WORD * RATE)
    marks = tuple(((number + 1) * samples, f"w{number} ") for number in range(words))
    return SpokenAudio(b"".join(n.to_bytes(2, "little") for n in range(samples * words)), RATE, marks)


async def interrupted(delay: float, at: float, *, echoes_cleared: bool, held: float | None) -> tuple[int, float]:
    """Words that count as heard, and the seconds that the far side really played before it was cleared."""
    line = FarBuffer(delay, echoes_cleared=echoes_cleared)
    now = asyncio.get_running_loop().time
    marks = PlayoutMarks(line.mark)
    line.back.append(marks)
    playout = Playout(line, LineClock(now, 0.0), lambda gap: None, marks=marks)

    async def play() -> None:
        await playout.play(spoken(24))
        await playout.drain()

    playing = asyncio.create_task(play())
    if held is not None:
        await asyncio.sleep(held)
        playout.pause()
        await asyncio.sleep(0.3)
        playout.resume()
    await asyncio.sleep(at)
    playout.cut()
    heard = len(playout.heard().split())
    await asyncio.sleep(4 * delay + OVERDUE + 1)
    assert len(playout.heard().split()) == heard, "nothing that comes back later changes what was heard"
    playing.cancel()
    await asyncio.wait([playing])
    return heard, line.played(now())


@settings(max_examples=150)
@given(
    delay=st.floats(0.0, 0.6),
    at=st.floats(0.0, 7.0),
    echoes_cleared=st.booleans(),
    held=st.none() | st.floats(0.05, 3.0),
)
def test_unheard_words_stay_out_of_history_whenever_the_caller_interrupts(
    delay: float, at: float, echoes_cleared: bool, held: float | None
) -> None:
    """Wherever it is cut, and whatever marks come back on clear: no word counts that the far side had not played."""
    heard, played = run(interrupted(delay, at, echoes_cleared=echoes_cleared, held=held))
    assert heard * WORD <= played + 2 / RATE
    assert heard * WORD >= played - 3 * delay - 0.5 - WORD, "and hardly one is forgotten that it had"


def test_a_mark_of_before_the_clear_counts_for_nothing() -> None:
    """Twilio and Telnyx send every pending mark back at once when they are cleared."""
    marks = PlayoutMarks(lambda name: True)
    marks.set(10.0)
    marks.cleared()
    marks.set(20.0)
    marks.back("e0-1", 5.0)
    assert marks.position(19.0) == 19.0
    assert marks.position(30.0) == 30.0
    marks.set(40.0)
    assert marks.position(41.0) == 40.0, "what lies behind a mark that is not back is not heard"


def test_a_mark_that_never_comes_is_waited_for_so_long_and_no_longer() -> None:
    """Then the clock is believed; after some, the line is taken for one without marks."""
    marks = PlayoutMarks(lambda name: True)
    for number in range(LOST_MOST):
        marks.set(10.0 * number)
        assert marks.position(10.0 * number + OVERDUE - 0.01) == 10.0 * number
        assert marks.position(10.0 * number + OVERDUE + 0.01) == 10.0 * number + OVERDUE + 0.01
    assert not marks.known


def test_strange_marks_are_passed_over() -> None:
    """Marks of others, garbage, and numbers that nobody set."""
    marks = PlayoutMarks(lambda name: True)
    marks.set(1.0)
    for name in ("", "e0", "e0-2", "e-1", "x", "e0-1 ", "e00000000000-1", "intro"):
        marks.back(name, 1.5)
    assert marks.pending


def test_a_goodbye_is_heard_to_its_end_before_it_counts_as_said() -> None:
    """A line that plays 0.4 s late: the reply is over when the last mark is back, not when the clock says so."""

    async def goodbye() -> float:
        line = FarBuffer(0.4, echoes_cleared=True)
        now = asyncio.get_running_loop().time
        marks = PlayoutMarks(line.mark)
        line.back.append(marks)
        playout = Playout(line, LineClock(now, 0.0), lambda gap: None, marks=marks)
        await playout.play(spoken(4))
        await playout.drain()
        return now()

    assert 1.4 <= run(goodbye()) <= 1.9
