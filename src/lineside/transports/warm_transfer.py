"""A warm transfer, step by step, the same for every line: who hears what, and when the two are joined. Pure.

The caller hears music while a colleague is called; the colleague is told who calls and why, and presses 1; only then
are the two joined. Where nobody takes the call, the caller is back with the agent. The key is not a courtesy: voicemail
answers too, and presses nothing.

A line that can do this has "transfer_warm" among its abilities. It fulfils `WarmLine` of `warm_transfer_run`, which
asks `WarmTransfer` what is to be done next and does it:

    transfer = WarmTransfer(WarmRules())
    transfer.begin(now)                        # "hold_caller", "dial_colleague"
    transfer.feed(ColleagueAnswered(), now)    # "whisper"
    transfer.feed(ColleagueKey("1"), now)      # "hush", "join"
    transfer.due(now)                          # once `deadline` has passed and nothing happened
    transfer.outcome                           # once it is over; then nothing more is to be done
"""

from typing import Literal

from msgspec import Struct

from lineside.reasons import TransferResult
from lineside.transports.line_control import TransferOutcome

TAKES, SENDS_BACK = "1", "2"  # the colleague's keys


class WarmRules(Struct, frozen=True):
    """How long is waited for what, in seconds."""

    ring: float = 25.0  # for the colleague to answer
    whisper: float = 30.0  # for the summary to be said; a line that is slower has failed
    decide: float = 8.0  # for a key, after the summary
    times: int = 2  # that the summary is said; then the colleague has not taken the call
    join: float = 5.0  # for the line to join the two


# What happens. The line says so.


class ColleagueAnswered(Struct, frozen=True):
    """The colleague's telephone was picked up, by a person or a machine."""


class ColleagueGone(Struct, frozen=True):
    """The colleague cannot be reached, or has hung up."""

    result: TransferResult = "no_answer"
    detail: str = ""


class WhisperDone(Struct, frozen=True):
    """All of the summary has been said to the colleague."""


class ColleagueKey(Struct, frozen=True):
    """The colleague pressed a key, during the summary or after it."""

    key: str


class Joined(Struct, frozen=True):
    """Caller and colleague hear each other; the call is the line's alone from now on."""


class CallerGone(Struct, frozen=True):
    """The caller has hung up."""


class LineFailed(Struct, frozen=True):
    """The line could not do a step."""

    detail: str = ""


WarmEvent = ColleagueAnswered | ColleagueGone | WhisperDone | ColleagueKey | Joined | CallerGone | LineFailed

# What is to be done, in this order. The line does so. "hold_caller": music in place of the agent. "whisper": say the
# summary and which key takes the call, to the colleague alone. "hush": stop saying it. "return_caller": the agent is
# heard again.
WarmStep = Literal["hold_caller", "dial_colleague", "whisper", "hush", "join", "drop_colleague", "return_caller"]

_State = Literal["new", "dialling", "whispering", "deciding", "joining", "over"]


class WarmTransfer:
    """One warm transfer. Fed what happens; answers what is to be done. Time is handed in, in seconds."""

    def __init__(self, rules: WarmRules) -> None:
        self._rules = rules
        self._state: _State = "new"
        self._said = 0
        self.deadline: float | None = None  # when `due` has something to say, unless something happens before
        self.outcome: TransferOutcome | None = None  # once it is over

    def begin(self, now: float) -> tuple[WarmStep, ...]:
        """The first steps; called once."""
        self._to("dialling", now + self._rules.ring)
        return ("hold_caller", "dial_colleague")

    def feed(self, event: WarmEvent, now: float) -> tuple[WarmStep, ...]:
        """Something happened: what is to be done. What comes too late, or out of order, changes nothing."""
        if self._state in ("new", "over"):
            return ()
        match event:
            case CallerGone():
                return self._over("failed", "the caller hung up", caller_here=False)
            case ColleagueGone(result=result, detail=detail):
                told = "rejected" if self._state != "dialling" and result == "no_answer" else result
                return self._over(told, detail)
            case LineFailed(detail=detail):
                return self._over("failed", detail)
            case ColleagueAnswered() if self._state == "dialling":
                return self._whisper(now)
            case WhisperDone() if self._state == "whispering":
                self._to("deciding", now + self._rules.decide)
                return ()
            case ColleagueKey(key=key) if self._state in ("whispering", "deciding"):
                return self._key(key, now)
            case Joined() if self._state == "joining":
                self._to("over", None)
                self.outcome = TransferOutcome("transferred")
        return ()

    def due(self, now: float) -> tuple[WarmStep, ...]:
        """What is to be done since nothing happened until now."""
        if self.deadline is None or now < self.deadline:
            return ()
        match self._state:
            case "dialling":
                return self._over("no_answer", f"nobody answered within {self._rules.ring:g} s")
            case "deciding" if self._said < self._rules.times:
                return self._whisper(now)
            case "deciding":
                return self._over("no_answer", "the call was answered, and nobody pressed 1")
        return self._over("failed", f"the line did not get over {self._state!r} in time")

    def _key(self, key: str, now: float) -> tuple[WarmStep, ...]:
        hush: tuple[WarmStep, ...] = ("hush",) if self._state == "whispering" else ()
        if key == TAKES:
            self._to("joining", now + self._rules.join)
            return (*hush, "join")
        if key == SENDS_BACK:
            return (*hush, *self._over("rejected", "the colleague sent the call back"))
        return ()

    def _whisper(self, now: float) -> tuple[WarmStep, ...]:
        self._said += 1
        self._to("whispering", now + self._rules.whisper)
        return ("whisper",)

    def _over(self, result: TransferResult, detail: str, *, caller_here: bool = True) -> tuple[WarmStep, ...]:
        self._to("over", None)
        self.outcome = TransferOutcome(result, detail)
        return ("drop_colleague", "return_caller") if caller_here else ("drop_colleague",)

    def _to(self, state: _State, deadline: float | None) -> None:
        self._state, self.deadline = state, deadline
