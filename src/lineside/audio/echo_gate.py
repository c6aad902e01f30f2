"""A voice detector that does not take the agent's own voice for the caller's."""

from collections.abc import Callable

from lineside.audio.echo_detector import EchoDetector
from lineside.audio.vad import VoiceDetector


class EchoGate:
    """A voice detector to which our own voice is none."""

    def __init__(self, voice: VoiceDetector, echo: EchoDetector) -> None:
        self._voice, self._echo = voice, echo

    def feed(self, window: bytes, on_probability: Callable[[float], None]) -> float | None:
        """See `vad.VoiceDetector`. The detector hears all, for it remembers; what is echo counts for nothing."""
        if not self._echo.may_come:
            self._echo.passed(window)
            return self._voice.feed(window, on_probability)
        judgement = _Judgement(on_probability)
        now = self._voice.feed(window, judgement.on_probability)
        if now == 0.0:  # nobody speaks; nor do we
            self._echo.passed(window)
            return now
        judgement.ours = self._echo.heard(window)
        return 0.0 if judgement.ours and now is not None else now


class _Judgement:
    """Of one window: what the detector will say of it, unless it is ours."""

    __slots__ = ("_on_probability", "ours")

    def __init__(self, on_probability: Callable[[float], None]) -> None:
        self._on_probability, self.ours = on_probability, False

    def on_probability(self, probability: float) -> None:
        self._on_probability(0.0 if self.ours else probability)
