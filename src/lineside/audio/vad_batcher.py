"""Judges the VAD windows of all calls of a worker together.

A window judged alone costs four times what it costs among sixteen (docs/measured/performance.md), so windows wait for
each other, `TICK` at the most. Which windows are judged is each call's own decision, and the same as without batching;
when a gate opens, the eight or so windows before it are judged too.
"""

from collections import deque
from collections.abc import Callable

from msgspec import Struct

from lineside.audio.vad import LOOK_BACK, EnergyGate, OnProbability, VadModel, VadState

TICK = 0.016  # seconds a window waits for those of other calls: half of what it lasts
MAX_WINDOWS_PER_TICK = (
    16  # windows of one call judged at one tick, half a second of sound; the rest of a burst waits for the next
)

After = Callable[[float, Callable[[], None]], object]


class VadBatcher:
    """Judges what its voices have waiting. `after` is the event loop's `call_later`."""

    def __init__(self, model: VadModel, after: After) -> None:
        self._model, self._after = model, after
        self._busy: dict[BatchedVad, None] = {}  # those with windows waiting, in the order in which they came
        self._set = False  # the tick is

    def new_vad(self) -> "BatchedVad":
        """The voice detector of a new call."""
        return BatchedVad(self, VadState(self._model.memories))

    def waits(self, vad: "BatchedVad") -> None:
        """Windows of this call wait to be judged."""
        self._busy[vad] = None
        if not self._set:
            self._set = True
            self._after(TICK, self._tick)

    def _tick(self) -> None:
        busy, self._busy, self._set = self._busy, {}, False
        asked = [waiting for vad in busy for waiting in vad.take(MAX_WINDOWS_PER_TICK)]
        judged, faults = self._judge([waiting for waiting in asked if waiting.judged])
        number = 0
        for waiting in asked:
            try:
                if waiting.on_probability is not None:
                    waiting.on_probability(judged[number] if waiting.judged else 0.0)
            except Exception as fault:  # the other calls hear of theirs all the same
                faults.append(fault)
            number += waiting.judged
        if faults:
            raise ExceptionGroup("the voice detector's tick", faults)

    def _judge(self, asked: "list[_Waiting]") -> tuple[list[float], list[Exception]]:
        """All at once; where that fails each by itself, so that it is 0 for those alone that cannot be judged."""
        if not asked:
            return [], []
        try:
            states = [waiting.state for waiting in asked]
            return self._model.probabilities([waiting.window for waiting in asked], states), []
        except Exception as fault:
            if len(asked) == 1:
                return [0.0], [fault]
        each = [self._judge([one]) for one in asked]
        return [judged[0] for judged, _ in each], [fault for _, faults in each for fault in faults]


class _Waiting(Struct, frozen=True):
    state: VadState
    window: bytes
    judged: bool  # the gate was open, or has opened since; else it is silence
    on_probability: OnProbability | None  # nobody asks for what came before the gate opened


class BatchedVad:
    """The voice detector of one call: its gate here, the network shared."""

    def __init__(self, batcher: VadBatcher, state: VadState) -> None:
        self._batcher, self.state = batcher, state
        self._gate = EnergyGate()
        self._before: deque[bytes] = deque(maxlen=LOOK_BACK)  # from before the gate opened; older ones are forgotten
        self._waiting: deque[_Waiting] = deque()  # of a message at the most

    def feed(self, window: bytes, on_probability: OnProbability) -> float | None:
        """0 while the gate is closed; None where the batcher is to judge: then `on_probability` hears the probability.

        What is told comes in the order of the windows, and before anything that a later `feed` answers at once.
        """
        is_open = self._gate.feed(window)
        if not is_open and not self._waiting:
            self._before.append(window)
            return 0.0
        self._waiting.append(_Waiting(self.state, window, is_open, on_probability))
        self._batcher.waits(self)
        return None

    def take(self, most: int) -> list[_Waiting]:
        """The next windows in their order: at the most so many for the network, and the silence between them.

        What is left waits for the next tick.
        """
        taken: list[_Waiting] = []
        judged = 0
        while self._waiting and judged < most:
            if self._before and self._waiting[0].judged:
                taken.append(_Waiting(self.state, self._before.popleft(), True, None))
                judged += 1
                continue
            first = self._waiting.popleft()
            taken.append(first)
            judged += first.judged
            if not first.judged:
                self._before.append(first.window)
        if self._waiting:
            self._batcher.waits(self)
        return taken
