"""The ear: the caller's audio in, voice and pauses out. Called once a frame; waits for nothing.

Silence and speech are counted in the caller's samples; what they mean for the caller's turn, `open_turn` knows.

A detector may answer later (`audio.vad_batcher`). Then all that a window means happens when it is judged, with the
times that its samples have; only the call's clock, `at`, runs on with the caller's sound.
"""

from collections import deque
from collections.abc import Callable

from lineside.audio import g711
from lineside.audio.frame import SAMPLE_BYTES, STT_RATE, Utterance
from lineside.audio.input_resampler import InputResampler
from lineside.audio.vad import VoiceDetector
from lineside.protocol import Codec
from lineside.turns.floor_events import Silence
from lineside.turns.open_turn import Heard, OpenTurn, SegmenterRules

WINDOW = 512  # samples that the voice detector takes
WINDOW_BYTES = WINDOW * SAMPLE_BYTES


class SpeechSegmenter:
    """The ear of one call."""

    def __init__(
        self,
        codec: Codec,
        rate: int,
        voice: VoiceDetector,
        rules: SegmenterRules,
        later: Callable[[Heard], None] = lambda event: None,
    ) -> None:
        """`later` hears what happened in windows that were judged after `hear` had returned. It must not raise."""
        self._codec, self._rate, self._voice, self._later = codec, rate, voice, later
        self._silence = rules.silence
        self._resampler = InputResampler(rate, STT_RATE)
        self._raw = bytearray()  # of the caller's own rate, not resampled: no window could be whole with it
        self._waiting = bytearray()  # less than one window
        self._samples = 0  # of the caller's own rate, since the call began
        self._windows = 0  # since the call began
        self._next_window = self._window_ends(1)  # samples of the caller's own rate before which none can be whole
        self._unjudged: deque[bytes] = deque()  # windows that the detector has yet to answer for: a tick's worth
        self._turn = OpenTurn(rules)
        self._fault: Exception | None = None  # of ours, in a window that was judged later

    @property
    def at(self) -> float:
        """The call's clock: seconds of caller audio so far."""
        return self._samples / self._rate

    def hear(self, payload: bytes) -> list[Heard]:
        """Take a frame as it came over the line, of any length; say what happened in it.

        Raises what went wrong in a window that was judged since the last: it ends this call, as it would have at once.
        """
        if self._fault is not None:
            raise self._fault
        pcm = payload if self._codec == "pcm" else g711.decode(payload, self._codec)
        self._samples += len(pcm) // SAMPLE_BYTES
        self._raw += pcm
        turn, events = self._turn, list[Heard]()
        if self._samples >= self._next_window:
            self._hear_windows(events)
        if turn.paused and (silent := self._long_silent()):
            events.append(silent)
        return events

    def _window_ends(self, number: int) -> int:
        """Samples of the caller's own rate that the first `number` windows need at the least."""
        return -(-number * WINDOW * self._rate // STT_RATE) + self._resampler.held_back

    def _hear_windows(self, events: list[Heard]) -> None:
        """All that has come, at once: a frame costs a resampler nearly as much as a window does."""
        turn, waiting = self._turn, self._waiting
        waiting += self._resampler.feed(bytes(self._raw))
        self._raw.clear()
        while len(waiting) >= WINDOW_BYTES:
            self._windows += 1
            window = bytes(waiting[:WINDOW_BYTES])
            del waiting[:WINDOW_BYTES]
            probability = self._voice.feed(window, self._judged)
            if probability is None:
                self._unjudged.append(window)
            elif event := turn.hear(window, probability):
                events.append(event)
        self._next_window = self._window_ends(self._windows + 1)

    def utterance(self) -> Utterance:
        """What the caller has said in the open turn so far, without the silence at its end."""
        return self._turn.utterance()

    def longest_silence(self, seconds: float) -> None:
        """Tell of a pause as soon as it is so long, from now on."""
        self._silence = seconds

    def close_turn(self) -> None:
        """The turn has been taken; what comes next begins another."""
        self._turn.close()

    def give_back(self, utterance: Utterance) -> None:
        """Put an utterance that nobody understood yet before the turn that is open now: nothing said is lost."""
        self._turn.give_back(utterance)

    def close(self) -> None:
        """The call is over: what is judged from here on is nobody's business, and what was heard need not be kept."""
        self._later = lambda event: None
        self._turn.drop_audio()

    def _judged(self, probability: float) -> None:
        """The detector's answer for the oldest window that it owes one for.

        It judges for other calls in the same run: whatever is wrong with this one, they get their answers.
        """
        window = self._unjudged.popleft()
        try:
            if event := self._turn.hear(window, probability):
                self._later(event)
            if self._turn.paused and (silent := self._long_silent()):
                self._later(silent)
        except Exception as fault:
            self._fault = fault

    def _long_silent(self) -> Silence | None:
        """The pause is as long as one inside a turn may be: said as soon as the caller's sound has come so far.

        A turn that waited for the end of the next window would be answered half a window later, on average. All whole
        windows are judged by then: what is not is shorter than one.
        """
        at, turn = self.at, self._turn
        if turn.silence_reported or at - turn.last_voice < self._silence or self._unjudged:
            return None
        turn.silence_reported = True
        return Silence(at, turn.last_voice)
