"""The thread that writes recordings. A fault costs the recording it came with, never the thread."""

import queue
import threading
from collections.abc import Callable

from msgspec import Struct

from lineside.processes.background_work import BackgroundWork
from lineside.protocol import Codec
from lineside.records.descriptors import DescriptorReserve
from lineside.records.entries import RecordingFinished
from lineside.records.recorder import RecordedStretch
from lineside.records.recording_file import RecordingFile
from lineside.records.recordings_folder import RecordingsFolder

BACKLOG = 64 << 20  # bytes of sound that wait for the disk; beyond this the recording that brings more is given up
SETTLE_SECONDS = 20.0  # for all that was given so far to be written, where a caller of `settle` waits for it


class _Next(Struct, frozen=True):
    call: str
    stretch: RecordedStretch | None  # None: that was the last


class _Mark(Struct, frozen=True):
    reached: threading.Event  # set when all that came before is written


class RecordingWriter:
    """All recordings of one process."""

    def __init__(
        self,
        folder: RecordingsFolder,
        finished: Callable[[RecordingFinished], None],
        fault: Callable[[BaseException], None],
        reserve: DescriptorReserve,
        work: BackgroundWork,
    ) -> None:
        """`finished` hears what became of each, `fault` what went wrong unexpectedly; both in the writer's thread."""
        self._folder, self._finished, self._fault, self._reserve = folder, finished, fault, reserve
        self._waiting: queue.SimpleQueue[_Next | _Mark | None] = queue.SimpleQueue()  # bounded by `BACKLOG`, below
        self._bytes = 0  # that wait; counted under the lock
        self._lock = threading.Lock()
        self._open: dict[str, RecordingFile] = {}
        self._over = False
        self._thread = work.thread("recordings", self._run, over=lambda: self._over)

    def begin(self, call: str, codec: Codec, rate: int) -> Callable[[RecordedStretch], None]:
        """A new recording; answers what takes its stretches. Any thread; waits for nothing."""
        path = self._folder.of(call)
        self._open[call] = RecordingFile(path, codec, rate, self._folder.make_room, self._reserve)
        return lambda stretch: self._put(call, stretch)

    def end(self, call: str) -> None:
        """The last stretch has been given."""
        self._waiting.put(_Next(call, None))

    def close(self, seconds: float) -> bool:
        """Write what waits, close every file, within this time; whether all was done."""
        self._over = True
        self._waiting.put(None)
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def settle(self) -> None:
        """Wait until all that was given before is written, or `SETTLE_SECONDS` are over."""
        mark = _Mark(threading.Event())
        self._waiting.put(mark)
        mark.reached.wait(SETTLE_SECONDS)

    def complete(self, call: str) -> bool:
        """Whether there is a recording, and this process does not write to it any more."""
        return call not in self._open and self._folder.of(call).is_file()

    # ── in the writer's thread ─────────────────────────────────────────────────────────────────────────────────────

    def _run(self) -> None:
        while (following := self._waiting.get()) is not None:
            self._step(following)
        for call in tuple(self._open):
            self._step(_Next(call, None))

    def _step(self, following: "_Next | _Mark") -> None:
        try:
            if isinstance(following, _Mark):
                following.reached.set()
            elif following.stretch is not None:
                self._write(following.call, following.stretch)
            else:
                self._close(following.call)
        except Exception as fault:  # whatever it is: all other recordings go on
            if isinstance(following, _Next) and (recording := self._open.get(following.call)) is not None:
                recording.give_up(type(fault).__name__)
            self._fault(fault)

    def _write(self, call: str, stretch: RecordedStretch) -> None:
        with self._lock:
            self._bytes -= 2 * len(stretch.caller)
        self._open[call].write(stretch)

    def _close(self, call: str) -> None:
        recording = self._open.pop(call)
        state = recording.close()
        if state == "given_up":
            self._folder.erase(call)
        self._finished(RecordingFinished(call=call, recording=state, seconds=recording.seconds, size=recording.size))
        if state == "kept":
            self._folder.added(recording.size)

    def _put(self, call: str, stretch: RecordedStretch) -> None:
        size = 2 * len(stretch.caller)
        with self._lock:
            full = self._bytes + size > BACKLOG
            self._bytes += 0 if full else size
        if full:
            self._open[call].give_up("the disk is too slow")
        else:
            self._waiting.put(_Next(call, stretch))
