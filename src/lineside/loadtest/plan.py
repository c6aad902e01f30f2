"""What a load test is to do, and what came of it: the values that travel between the tester and its workers."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from lineside.protocol import Codec, ReplyMetrics

CALLER = "load test"  # who calls, in the records of a gateway that is under test
STAGES: tuple[str, ...] = tuple(
    field
    for field in ReplyMetrics.__struct_fields__
    if field.endswith("_ms") and not field.endswith(("_from_ms", "wasted_ms"))
)


LineName = Literal["browser", "sip", "audiosocket", "asterisk-ws", "twilio", "realtime"]
LINES: tuple[LineName, ...] = ("browser", "sip", "audiosocket", "asterisk-ws", "twilio", "realtime")
PACED: frozenset[LineName] = frozenset({"sip", "audiosocket"})  # lineside sends each frame at its time


class Plan(Struct, frozen=True):
    """One test, or one worker's share of it. Times are seconds."""

    url: str
    callers: Annotated[int, Meta(ge=1)]
    duration: float  # no caller begins a turn after this; the turn under way is heard to its end
    key: str = ""
    line: LineName = "browser"  # how callers come
    sip: str = ""  # the SIP address that they call over `sip`
    audiosocket: str = ""  # host:port that they call over `audiosocket`
    codec: Codec = "pcm"
    recordings: tuple[str, ...] = ()  # WAV files; empty: the package's own
    speech: float = 0.0  # seconds that every turn's speech lasts; 0: as long as its recording
    turn_every: float = (
        0.0  # from the start of a turn to that of the next, or longer for a longer answer; 0: 0.3 to 1 s after it
    )
    ramp: float = 0.0  # over which the callers come
    call_length: float = 0.0  # after which a caller hangs up and calls again; 0: one call for the whole test
    barge_in_rate: float = 0.0  # of the replies, spoken over
    loss: float = 0.0  # of the frames, never sent
    jitter: float = 0.0  # the longest delay of a frame on its way out; order is kept
    greeting: bool = False  # whether the agent greets first, and is heard out
    answer_seconds: float = 0.0  # how long every whole answer is, where that is known; shorter ones were clipped
    keep_sound: int = 0  # whole answers of each worker whose sound is kept, to be transcribed
    seed: int = 0
    silence_ms: int = 0  # that ends a turn, where the caller's program says so (`realtime`); 0: the gateway's usual one
    first: int = 0  # the number of this worker's first caller
    total: int = 0  # callers in all workers together
    began: float = 0.0  # on the system's monotonic clock, which all processes share

    @property
    def rate(self) -> int:
        """Samples a second on the line."""
        return 8000 if self.codec != "pcm" else 24_000 if self.line == "realtime" else 16_000


class TurnResult(Struct):
    """One turn as its caller had it. Milliseconds where the name says so."""

    call: str
    recording: str
    asked: float  # seconds since the test began, at the last sample of speech
    first_ms: float | None = None  # last sample of speech → first sound of the answer
    talked_over: bool = False  # the agent spoke before the caller had finished
    missing: bool = False  # no answer, or one that never came to its end
    seconds: float = 0.0  # of answer received
    worst_gap_ms: float = 0.0  # the longest stretch of the answer in which sound was due and not there
    gaps: int = 0  # such stretches of a millisecond and more
    clipped_ms: float = 0.0  # sound that was cut away without the caller having spoken
    barged: bool = False  # the caller spoke over this answer …
    overlap_ms: float | None = None  # … and it took so long from their first sample to `clear`
    resumed: int = 0  # times that the answer went on after something was said over it
    stale_ms: float = 0.0  # sound of a cleared answer that still came
    errors: list[str] = []  # codes of the server's error events
    reply: int = -1  # the server's number of the answer
    transcript: str = ""  # what the server heard
    answer: str = ""  # what the server meant to say
    stages: ReplyMetrics | None = None  # the server's own times


class CallResult(Struct):
    """One call that is over."""

    call: str
    began: float  # seconds since the test began
    seconds: float
    reason: str  # the server's word, or `refused`, `no_ready`, `line_lost`


class HeardAnswer(Struct):
    """An answer as it was heard, signed 16-bit, and the words that were meant."""

    meant: str
    pcm: bytes
    rate: int


class WorkerReport(Struct):
    """What came of one worker's callers."""

    turns: list[TurnResult]
    calls: list[CallResult]
    late: list[int]  # frames by their lateness at leaving, in tenths of a millisecond; the last one: that and more
    frames: int  # sent
    lost: int  # by intent
    stuck: int  # not sent because the server had not read those before
    cpu_seconds: float
    spoken: list[HeardAnswer] = []
    intervals: list[int] = []  # packets by the milliseconds since the one before, where callers are telephones


class WorkerProgress(Struct, frozen=True):
    """How it goes, once a second."""

    active: int  # calls up
    turns: int  # since the test began, as all below
    first_ms: list[float]  # of the turns since the last word
    errors: int
    late_ms: float  # p99 of the lateness so far


class WorkerMessage(Struct, frozen=True):
    """A line that a worker writes: ready to begin, under way, or done."""

    ready: bool = False
    progress: WorkerProgress | None = None
    report: WorkerReport | None = None


encode_plan = msgspec.json.Encoder().encode
decode_plan = msgspec.json.Decoder(Plan).decode
encode_message = msgspec.json.Encoder().encode
decode_message = msgspec.json.Decoder(WorkerMessage).decode
