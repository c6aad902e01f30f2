"""The listening panel: one a worker, which judges the windows of all its calls together.

A window judged alone costs four times what it costs among sixteen (docs/performance.md), so they wait for each other,
`TICK` at the most. A call's windows are judged in order, one a round, for each needs the memory of the one before.
Which windows are judged is the gate's decision, call by call, and the same as without a panel.
"""

from collections import deque
from collections.abc import Callable

from msgspec import Struct

from lineside.audio.vad import LOOK_BACK, EnergyGate, Tell, VoiceModel, VoiceState

TICK = 0.016  # seconds a window waits for those of other calls: half of what it lasts
ROUNDS = 16  # windows of one call judged at one tick, half a second of sound; the rest of a burst waits for the next
TOGETHER = 64  # windows in one run, three milliseconds of it; more are run after one another

After = Callable[[float, Callable[[], None]], object]


class Panel:
    """Judges what its voices have waiting. `after` is the event loop's `call_later`."""

    def __init__(self, model: VoiceModel, after: After) -> None:
        self._model, self._after = model, after
        self._busy: dict[PanelVoice, None] = {}  # those with windows waiting, in the order in which they came
        self._set = False  # the tick is

    def voice(self) -> "PanelVoice":
        """The voice detector of a new call."""
        return PanelVoice(self, VoiceState(self._model.memories))

    def waits(self, voice: "PanelVoice") -> None:
        """Windows of this call wait to be judged."""
        self._busy[voice] = None
        if not self._set:
            self._set = True
            self._after(TICK, self._tick)

    def _tick(self) -> None:
        self._set = False
        try:
            for _ in range(ROUNDS):
                if not self._round():
                    return
        finally:
            if self._busy and not self._set:
                self._set = True
                self._after(TICK, self._tick)

    def _round(self) -> bool:
        """Judge the next window of every call; whether there was one."""
        asked: list[tuple[PanelVoice, _Waiting]] = []
        for voice in tuple(self._busy):
            next_one = voice.next()
            if next_one is None:
                del self._busy[voice]
            else:
                asked.append((voice, next_one))
        for begin in range(0, len(asked), TOGETHER):
            some = asked[begin : begin + TOGETHER]
            judged = [0.0] * len(some)  # what is told where a fault of ours loses the answers: none is ever owed
            try:
                judged = self._model.probabilities([it.window for _, it in some], [voice.state for voice, _ in some])
            finally:
                for (_, it), probability in zip(some, judged, strict=True):
                    if it.tell is not None:
                        it.tell(probability)
        return bool(asked)


class _Waiting(Struct, frozen=True):
    window: bytes
    tell: Tell | None  # nobody asks for what came before the gate opened


class PanelVoice:
    """The voice detector of one call: its gate here, the network shared."""

    def __init__(self, panel: Panel, state: VoiceState) -> None:
        self._panel, self.state = panel, state
        self._gate = EnergyGate()
        self._before: deque[bytes] = deque(maxlen=LOOK_BACK)  # from before the gate opened; older ones are forgotten
        self._waiting: deque[tuple[bytes, bool, Tell]] = deque()  # of a message at the most; bool: the gate was open

    def feed(self, window: bytes, tell: Tell) -> float | None:
        """0 while the gate is closed; None where the panel is to judge: then `tell` hears the probability.

        What is told comes in the order of the windows, and before anything that a later `feed` answers at once.
        """
        is_open = self._gate.feed(window)
        if not is_open and not self._waiting:
            self._before.append(window)
            return 0.0
        self._waiting.append((window, is_open, tell))
        self._panel.waits(self)
        return None

    def next(self) -> _Waiting | None:
        """The next window that the network has to hear; None when none is left. Told are those behind a closed gate."""
        while self._waiting:
            window, is_open, tell = self._waiting[0]
            if is_open and self._before:
                return _Waiting(self._before.popleft(), None)
            self._waiting.popleft()
            if is_open:
                return _Waiting(window, tell)
            self._before.append(window)
            tell(0.0)
        return None
