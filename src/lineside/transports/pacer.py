"""Twenty milliseconds at a time, for all lines of a process that have no buffer at the far end: one task for all.

A telephone plays what comes when it comes, so a frame must leave every 20 ms, neither sooner nor later. One timer for
each call would wake the process fifty times a second for each; here all lines are served at one waking. The grid is
absolute, so nothing drifts. After a stall of the process at most `CATCH_UP` frames are sent at once, which a jitter
buffer takes; what is missing beyond is skipped, and the sound goes on later by as much.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol
from weakref import WeakKeyDictionary

FRAME = 0.02  # seconds
CATCH_UP = 3  # frames that one waking may send of each line
QUEUE = 2.0  # seconds of sound that may wait; what is more than this ahead is a fault of the sender, and is dropped


class PacedQueue:
    """The sound of one call that waits to leave. Frames leave at the pacer's ticks; silence where there is none."""

    def __init__(
        self,
        send: Callable[[bytes, bool], None],
        *,
        frame_bytes: int,
        silence: bytes,
        reached: Callable[[str], None] = lambda name: None,
        clock: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """
        Args:
            send: takes a frame of exactly `frame_bytes`, and whether there is speech in it. It must not wait or raise.
            frame_bytes: of 20 ms in the line's codec.
            silence: a frame of silence.
            reached: takes the name of a mark, when all that was put before it has been sent.
            clock: seconds, for how soon the line is silent after `clear`.
        """
        self._send, self._size, self._silence, self._reached = send, frame_bytes, silence, reached
        self._frames: deque[bytes | str] = deque()  # whole frames, and the names of marks between them
        self._rest = b""  # the beginning of the next frame
        self._count = 0  # frames that wait
        self.sent = 0  # frames so far, silent ones too
        self.silence_after: float | None = None  # seconds from the last `clear` of sound to the silence that left
        self._cleared_at: float | None = None
        self._clock = clock
        self.dropped = 0  # frames that were more than may wait

    def put(self, payload: bytes) -> None:
        """Sound to be sent after what waits."""
        data = self._rest + payload if self._rest else payload
        size, whole = self._size, len(data) - len(data) % self._size
        view = memoryview(data)
        for at in range(0, whole, size):
            if self._count >= QUEUE / FRAME:
                self.dropped += 1
                continue
            self._frames.append(bytes(view[at : at + size]))
            self._count += 1
        self._rest = bytes(view[whole:])

    def mark(self, name: str) -> None:
        """Have `reached` called when what waits now has been sent."""
        self._flush_rest()
        if self._frames:
            self._frames.append(name)
        else:
            self._reached(name)

    def clear(self) -> float:
        """Forget what waits, marks too; answers how many seconds of sound it was, to the sample."""
        seconds = (self._count * self._size + len(self._rest)) / self._size * FRAME
        self._frames.clear()
        self._rest, self._count = b"", 0
        if seconds:
            self._cleared_at = self._clock()
        return seconds

    @property
    def seconds(self) -> float:
        """Sound that waits."""
        return self._count * FRAME + len(self._rest) / self._size * FRAME

    def tick(self) -> None:
        """Send one frame."""
        if not self._count:
            self._flush_rest()
        self.sent += 1
        if not self._count:
            if self._cleared_at is not None:
                self.silence_after, self._cleared_at = self._clock() - self._cleared_at, None
            self._send(self._silence, False)
        else:
            frame = self._frames.popleft()
            assert isinstance(frame, bytes), "marks never stand first"  # noqa: S101 - for the type
            self._count -= 1
            self._send(frame, True)
        while self._frames and isinstance(mark := self._frames[0], str):
            self._frames.popleft()
            self._reached(mark)

    def _flush_rest(self) -> None:
        """The end of a reply need not fill a frame: it is filled with silence."""
        if self._rest:
            self._frames.append(self._rest + self._silence[len(self._rest) :])
            self._rest, self._count = b"", self._count + 1


class Paced(Protocol):
    """What is served every 20 ms: a `PacedQueue`, or a line with a queue of its own."""

    def tick(self) -> None:
        """Send one frame. It must not wait or raise."""
        ...


class Pacer:
    """The clock of all paced lines of one event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._queues: dict[Paced, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self.skipped = 0  # ticks that were lost to stalls of the process

    def add(self, queue: Paced) -> None:
        """Send this one's frames from the next tick on."""
        self._queues[queue] = None
        if self._timer is None:
            self._due = self._loop.time() + FRAME
            self._timer = self._loop.call_at(self._due, self._tick)

    def remove(self, queue: Paced) -> None:
        """No more."""
        self._queues.pop(queue, None)
        if not self._queues and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        now = self._loop.time()
        ticks, self._due = 1, self._due + FRAME
        while self._due <= now and ticks < CATCH_UP:
            ticks, self._due = ticks + 1, self._due + FRAME
        if self._due <= now:
            late = int((now - self._due) / FRAME) + 1
            self.skipped += late
            self._due += late * FRAME
        for queue in tuple(self._queues):
            for _ in range(ticks):
                queue.tick()
        self._timer = self._loop.call_at(self._due, self._tick) if self._queues else None


_pacers: "WeakKeyDictionary[asyncio.AbstractEventLoop, Pacer]" = WeakKeyDictionary()


def shared_pacer() -> Pacer:
    """The one of this event loop."""
    loop = asyncio.get_running_loop()
    if (pacer := _pacers.get(loop)) is None:
        pacer = _pacers[loop] = Pacer()
    return pacer
