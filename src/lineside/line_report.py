"""How good a line was over one call: what a transport tells when the call is over."""

from collections import deque
from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import asdict

PACKETS = ("received", "lost", "late", "concealed", "strangers", "far_lost")


class LineMeasured(Struct, frozen=True, kw_only=True):
    """One call's line. None: it cannot be known on this line."""

    received: int  # packets or messages of sound
    lost: int = 0  # that never came
    late: int = 0  # that came too late, or twice
    concealed: int = 0  # in whose place sound was made up
    strangers: int = 0  # of somebody else, dropped
    far_lost: int = 0  # of ours, as the other side reports
    jitter: float | None = None  # seconds, of what comes (RFC 3550, appendix A.8)
    mark_lag: float | None = None  # seconds that sound is played later than it would be by the clock
    silence_after: float | None = None  # seconds from the last `clear` until the line is known to be silent

    @property
    def packets(self) -> dict[str, int]:
        """By what became of them."""
        return {kind: max(0, getattr(self, kind)) for kind in PACKETS}

    def in_words(self) -> str:
        """For people: what is not nought."""
        told = [f"{self.received} packets"]
        told += [
            f"{count} {kind.replace('_', ' ')}" for kind, count in self.packets.items() if count and kind != "received"
        ]
        for name, value in asdict(self).items():
            if isinstance(value, float):
                told.append(f"{name.replace('_', ' ')} {value * 1000:.0f} ms")
        return ", ".join(told)


class ArrivalJitter:
    """How evenly sound comes that carries no timestamps: each piece is due when the one before it has been played."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.pieces = 0
        self._due = 0.0  # when the next one would come on a line without jitter, by the first

    def came(self, now: float, seconds: float) -> None:
        """A piece of so many seconds came at `now`."""
        late = now - self._due
        if not self.pieces or abs(late) > 2.0:  # the first, or a line that stood still
            late, self._due = 0.0, now
        self.pieces += 1
        self.seconds += (abs(late) - self.seconds) / 16
        self._due = now + seconds


class SilenceWatch:
    """How soon a line is silent after `clear`: until silence leaves, or until the far end is known to have done it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.seconds: float | None = None  # of the last clear; None: there was none, or it is not known
        self._clock = clock
        self._cleared_at: float | None = None
        self._marks, self._before = deque[str](maxlen=64), frozenset[str]()  # set since the last clear; before it

    def mark(self, name: str) -> None:
        """A mark was set."""
        self._marks.append(name)

    def clear(self, *, sounding: bool) -> None:
        """The line is told to forget; only where something sounded is it told anything."""
        self._cleared_at = self._clock() if sounding else None
        self._before, self._marks = frozenset(self._marks), deque(maxlen=64)

    def marked(self, name: str) -> None:
        """A mark came back: one from before the clear says that the clear is done."""
        if name in self._before:
            self.silent()

    def silent(self) -> None:
        """Silence leaves, or the far end says that it has forgotten."""
        if self._cleared_at is not None:
            self.seconds, self._cleared_at = self._clock() - self._cleared_at, None
