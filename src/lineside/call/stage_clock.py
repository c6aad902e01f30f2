"""Where the time of one reply went: stamped where a value passes from one stage to the next. Pure."""

from typing import Literal

from lineside.call.answerers import Answerers
from lineside.call.reply_input import NOTHING_DROPPED, DroppedPreparation
from lineside.protocol import ReplyMetrics

Stage = Literal["asr", "llm", "tts"]


class StageClock:
    """Times of one reply. All moments are seconds on one clock; what comes out is milliseconds."""

    def __init__(self) -> None:
        self._times: dict[str, float] = {}  # as in `ReplyMetrics`
        self._first_asked: dict[Stage, float] = {}
        self._began: dict[Stage, float] = {}  # when the work began that is under way
        self._speech_ended = 0.0
        self._dropped, self._asked = NOTHING_DROPPED, True

    def asked(self, stage: Stage, now: float) -> None:
        """A stage is asked."""
        self._first_asked.setdefault(stage, now)
        self._began[stage] = now

    def first(self, stage: Stage, now: float) -> None:
        """The first of what a stage yields is there; later ones do not count."""
        self._times.setdefault(f"{stage}_first_ms", (now - self._began[stage]) * 1000)

    def done(self, stage: Stage, now: float) -> None:
        """A stage has done a piece of its work; the pieces add up."""
        name = f"{stage}_ms"
        self._times[name] = self._times.get(name, 0.0) + (now - self._began[stage]) * 1000

    def resumed(self, stage: Stage, now: float) -> None:
        """A stage goes on; the time since it was done was not its own."""
        self._began[stage] = now

    def turn_ended(
        self, now: float, silence: float, dropped: DroppedPreparation, *, spoken: bool, asked: bool = True
    ) -> None:
        """The floor is ours, `silence` seconds after the end of speech; `dropped` was prepared for nothing.

        Where nobody has `asked`, as for a greeting, nobody waits for the first sound, and no response time is measured.
        """
        self._speech_ended, self._dropped, self._asked = now - silence, dropped, asked
        if spoken:
            self._times["endpoint_ms"] = silence * 1000

    def since_speech(self, moment: float) -> float:
        """Milliseconds from the caller's last sample of speech to that moment."""
        return (moment - self._speech_ended) * 1000

    def answer_sounds(self, now: float) -> None:
        """Sound of the answer goes out; the first time counts."""
        if self._asked:
            self._times.setdefault("e2e_ms", self.since_speech(now))

    def metrics(self, answerers: Answerers, *, at: float, turn: int, reply: int) -> ReplyMetrics | None:
        """Where the time went, as far as the reply has come; None if nothing was measured. `answerers` know who did."""
        if not self._times and not self._first_asked:
            return None
        times = self._times | {f"{stage}_from_ms": self.since_speech(when) for stage, when in self._first_asked.items()}
        many = self._dropped.many
        if many:
            times |= {
                "wasted_ms": self._dropped.seconds * 1000,
                "wasted_from_ms": self.since_speech(self._dropped.began),
            }
        rounded = {name: round(value, 1) for name, value in times.items()}
        return ReplyMetrics(
            at=at, turn=turn, reply=reply, wasted=many, engines=answerers.of_stages(self._first_asked), **rounded
        )
