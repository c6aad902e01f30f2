"""One answer as a simulated caller hears it. Pure; times and lengths are seconds."""

from msgspec import Struct

from lineside.audio.frame import SAMPLE_BYTES
from lineside.loadtest.listener import Listener
from lineside.loadtest.plan import TurnResult
from lineside.loadtest.recordings import silence
from lineside.protocol import Codec

KEEP_SECONDS = 20.0  # of an answer's sound at the most, where it is kept


class CallerLine(Struct, frozen=True):
    """How sound travels on the caller's line."""

    silence: bytes  # a frame
    bytes_per_second: int
    kept_bytes: float  # of an answer's sound; 0: none is kept

    @classmethod
    def of(cls, codec: Codec, rate: int, *, keep: bool) -> "CallerLine":
        """A line with this codec."""
        bytes_per_second = rate * (SAMPLE_BYTES if codec == "pcm" else 1)
        return cls(silence(codec, rate), bytes_per_second, KEEP_SECONDS * bytes_per_second if keep else 0.0)


class AnswerPlayback:
    """What sounds now, from its begin to its end."""

    def __init__(self, reply: int, line: CallerLine) -> None:
        self.reply = reply  # the server's number of it
        self._line = line
        self._listener = Listener()
        self._taken = 0.0  # seconds of it that were taken back
        self._sound = bytearray()  # in the line's codec, where it is kept

    def hear(self, payload: bytes, at: float) -> bool:
        """Sound came; whether it is the first."""
        first = not self._listener.seconds
        self._listener.sound(len(payload) / self._line.bytes_per_second, at)
        if len(self._sound) < self._line.kept_bytes:
            self._sound += payload
        return first

    def take_back(self, at: float) -> None:
        """The sound stops."""
        taken = self._listener.take_back(at)
        self._taken += taken
        if size := min(len(self._sound), round(taken * self._line.bytes_per_second)):
            del self._sound[-size:]

    def resume(self) -> None:
        """The sound goes on: nothing was lost."""
        self._taken = 0.0

    @property
    def sound(self) -> bytes:
        """What was kept."""
        return bytes(self._sound)

    @property
    def ends(self) -> float:
        """When all that has come will have been played."""
        return self._listener.ends

    @property
    def lost_ms(self) -> float:
        """What was taken back, if the answer does not go on."""
        return round(self._taken * 1000, 2)

    def unplayed_ms(self, at: float) -> float:
        """What has come and has not been heard yet."""
        return round(self._listener.unplayed(at) * 1000, 2)

    def score(self, turn: TurnResult) -> None:
        """The caller listens to this answer no longer: add it to its turn."""
        turn.seconds = round(turn.seconds + self._listener.seconds, 3)
        turn.gaps += self._listener.gaps
        turn.worst_gap_ms = round(max(turn.worst_gap_ms, self._listener.worst_gap * 1000), 2)
