"""A long recording cut where nobody speaks, into stretches that a recogniser hears whole. Pure."""

from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct

from lineside.audio.frame import SAMPLE_BYTES, STT_RATE

WINDOW = 512  # samples that are judged together
WINDOW_BYTES = WINDOW * SAMPLE_BYTES
WINDOW_SECONDS = WINDOW / STT_RATE
VOICED = 0.5  # probability from which a window is speech
LONGEST = 27.0  # seconds of one stretch; recognisers hear thirty
LOOKS_BACK = 8.0  # seconds from the end of a stretch that is too long, in which the best place to cut is looked for
PAUSE = 0.6  # seconds without speech that end a stretch
MARGIN = 0.3  # seconds of quiet kept on both sides of speech

Judge = Callable[[Sequence[bytes]], Sequence[float]]  # windows → probabilities of speech


class Stretch(Struct, frozen=True):
    """Some seconds in which somebody speaks, and little else."""

    pcm: bytes  # at `STT_RATE`
    began: float  # seconds since the recording began
    voiced: float  # seconds of it that are speech

    @property
    def seconds(self) -> float:
        """Duration in seconds."""
        return len(self.pcm) / SAMPLE_BYTES / STT_RATE


class Cutter:
    """Cuts one recording. Keeps no more of it than a stretch."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._rest = b""  # less than a window
        self._windows: list[bytes] = []  # of the open stretch, with the quiet before it
        self._speech: list[float] = []  # what was judged of each
        self._first = 0  # the number of the first of them
        self._open = False  # somebody has spoken in them
        self.seconds = 0.0  # of the recording so far

    def feed(self, pcm: bytes) -> Iterator[Stretch]:
        """Take a piece of any length; the stretches that are complete."""
        self._rest += pcm
        self.seconds += len(pcm) / SAMPLE_BYTES / STT_RATE
        whole = len(self._rest) // WINDOW_BYTES
        fresh = [self._rest[at * WINDOW_BYTES : (at + 1) * WINDOW_BYTES] for at in range(whole)]
        self._rest = self._rest[whole * WINDOW_BYTES :]
        for window, speech in zip(fresh, self._judge(fresh) if fresh else (), strict=True):
            self._windows.append(window)
            self._speech.append(speech)
            if stretch := self._cut(speech):
                yield stretch

    def end(self) -> Iterator[Stretch]:
        """The last one, if somebody speaks in it."""
        if self._rest:
            seconds = self.seconds
            yield from self.feed(bytes(WINDOW_BYTES - len(self._rest)))
            self.seconds = seconds  # what the last window was filled up with is not the recording's
        if self._open:
            yield self._take(len(self._windows))

    def _cut(self, speech: float) -> Stretch | None:
        if not self._open and speech < VOICED:
            self._drop(len(self._windows) - _windows(MARGIN))
            return None
        self._open = True
        quiet = next((at for at, heard in enumerate(reversed(self._speech)) if heard >= VOICED), 0)
        if quiet >= _windows(PAUSE):
            return self._take(len(self._windows) - quiet + _windows(MARGIN))
        if len(self._windows) >= _windows(LONGEST):
            back = _windows(LOOKS_BACK)
            late = self._speech[-back:]
            return self._take(len(self._windows) - back + late.index(min(late)) + 1)
        return None

    def _take(self, count: int) -> Stretch:
        """The first so many windows; the others are the beginning of what comes next."""
        voiced = sum(heard >= VOICED for heard in self._speech[:count]) * WINDOW_SECONDS
        stretch = Stretch(b"".join(self._windows[:count]), round(self._first * WINDOW_SECONDS, 3), voiced)
        self._drop(count)
        self._open = any(heard >= VOICED for heard in self._speech)
        return stretch

    def _drop(self, count: int) -> None:
        if count > 0:
            del self._windows[:count], self._speech[:count]
            self._first += count


def _windows(seconds: float) -> int:
    return round(seconds / WINDOW_SECONDS)
