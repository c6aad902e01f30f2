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
        self._set = False
        try:
            self._judge([(vad, vad.take(MAX_WINDOWS_PER_TICK)) for vad in self._busy])
        finally:
            for vad in [vad for vad in self._busy if not vad.waiting]:
                del self._busy[vad]
            if self._busy and not self._set:
                self._set = True
                self._after(TICK, self._tick)

    def _judge(self, asked: "list[tuple[BatchedVad, list[_Waiting]]]") -> None:
        """Judge these windows, and tell the calls, each in its order."""
        heard = [(it.window, vad.state) for vad, some in asked for it in some if it.judged]
        judged = [0.0] * len(heard)  # what is told where a fault of ours loses the answers: none is ever owed
        try:
            if heard:
                judged = self._model.probabilities([window for window, _ in heard], [state for _, state in heard])
        finally:
            answers = iter(judged)
            for _, some in asked:
                for it in some:
                    probability = next(answers) if it.judged else 0.0
                    if it.on_probability is not None:
                        it.on_probability(probability)


class _Waiting(Struct, frozen=True):
    window: bytes
    judged: bool  # the gate was open, or has opened since; else it is silence
    on_probability: OnProbability | None  # nobody asks for what came before the gate opened


class BatchedVad:
    """The voice detector of one call: its gate here, the network shared."""

    def __init__(self, batcher: VadBatcher, state: VadState) -> None:
        self._batcher, self.state = batcher, state
        self._gate = EnergyGate()
        self._before: deque[bytes] = deque(maxlen=LOOK_BACK)  # from before the gate opened; older ones are forgotten
        self._waiting: deque[tuple[bytes, bool, OnProbability]] = (
            deque()
        )  # of a message at the most; bool: the gate was open

    def feed(self, window: bytes, on_probability: OnProbability) -> float | None:
        """0 while the gate is closed; None where the batcher is to judge: then `on_probability` hears the probability.

        What is told comes in the order of the windows, and before anything that a later `feed` answers at once.
        """
        is_open = self._gate.feed(window)
        if not is_open and not self._waiting:
            self._before.append(window)
            return 0.0
        self._waiting.append((window, is_open, on_probability))
        self._batcher.waits(self)
        return None

    @property
    def waiting(self) -> bool:
        """Whether there are windows that were not taken."""
        return bool(self._waiting)

    def take(self, most: int) -> list[_Waiting]:
        """The next windows in their order: at the most so many for the network, and the silence between them."""
        taken: list[_Waiting] = []
        judged = 0
        while self._waiting and judged < most:
            window, is_open, on_probability = self._waiting[0]
            if is_open and self._before:
                taken.append(_Waiting(self._before.popleft(), True, None))
                judged += 1
                continue
            self._waiting.popleft()
            taken.append(_Waiting(window, is_open, on_probability))
            judged += is_open
            if not is_open:
                self._before.append(window)
        return taken
