"""The ear: the caller's audio in, voice and pauses out. Called once a frame; waits for nothing.

Silence and speech are counted in the caller's samples. What counts as speech long enough to begin a turn is *voiced
time*: the windows that the voice detector calls speech, added up over one sound. `VAD_MIN_SPEECH_MS` speaks of a whole
sound, from its onset to the last of its decay, and of a spoken word well under half is voiced: "yes" lasts 300 to
500 ms and holds 200 to 300 ms of voice, a click of 20 ms holds one window of 32 at most, and often none. So the bar is
`VOICED_SHARE` of the setting, counted in voiced time: 200 ms at the default of 500. A click or one knock does not reach
it; a spoken "yes" does. Windows that cannot be the caller's, keys and people behind them, do not count, and breath
counts half (`audio.caller`).

A turn is `TURN_MAX_S` long at most: then it is taken as it stands. Whoever speaks on without a pause is not taken to
interrupt the answer by it, or nobody would ever answer them; what they say is kept for the next turn, which begins with
their next pause, or when it is nearly full in turn.

A detector may answer later (`audio.panel`). Then all that a window means happens when it is judged, with the times that
its samples have; only the call's clock, `at`, runs on with the caller's sound.
"""

from collections import deque
from collections.abc import Callable

from msgspec import Struct

from lineside.audio import g711
from lineside.audio.frame import EAR_RATE, SAMPLE_BYTES, Utterance
from lineside.audio.input_resampler import InputResampler
from lineside.audio.near_end import NearEndLevel
from lineside.audio.vad import VoiceDetector
from lineside.protocol import Codec
from lineside.turns.floor_events import Silence, SoundDismissed, SoundStarted, SpeechLong, TurnFull, VoiceActivity

WINDOW_BYTES = 512 * SAMPLE_BYTES  # what the voice detector takes
WINDOW = 512 / EAR_RATE  # 32 ms
BYTES_PER_SECOND = EAR_RATE * SAMPLE_BYTES

SPEECH = 0.5  # probability at which a window begins to be voiced …
STILL_SPEECH = 0.35  # … and under which it is no longer
VOICED_SHARE = 0.4  # of VAD_MIN_SPEECH_MS; see above
PRE_ROLL = 0.32  # seconds kept from before the first voiced window: soft onsets are in there
TAIL = 0.3  # seconds of quiet given to the recogniser after the last voiced window
BLIP = 2  # windows: a shorter run of voice inside a pause is a click, and the pause goes on
LONG = 0.55  # seconds of voice in a sound: most of "mm-hm", "okay" have less; told of again after as much again
FADED = 0.1  # seconds of quiet after which a sound too short for a turn does not hold the agent's any longer
FORGET = 0.5  # seconds of quiet after which a sound too short for a turn is forgotten
OVERRUN_PAUSE = 0.2  # seconds of quiet in which a caller who did not stop at the limit is taken to have heard us
LAST_SECOND = 1.0  # before the limit of a second turn without a pause: enough for the floor to become theirs again


class SegmenterRules(Struct, frozen=True):
    """How much speech starts a turn, and how much silence ends it."""

    min_speech: float = 0.5  # seconds, as VAD_MIN_SPEECH_MS has it
    silence: float = 1.0  # seconds, as VAD_SILENCE_TIMEOUT_MS has it: told at once, not at the end of a window
    turn_max: float = 27.0  # seconds, as TURN_MAX_S has it


Heard = SoundStarted | SoundDismissed | VoiceActivity | SpeechLong | Silence | TurnFull


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
        self._enough, self._silence = rules.min_speech * VOICED_SHARE, rules.silence
        self._most = _whole(rules.turn_max)
        self._resampler = InputResampler(rate, EAR_RATE)
        self._waiting = bytearray()  # less than one window
        self._samples = 0  # of the caller's own rate, since the call began
        self._windows = 0  # judged
        self._unjudged: deque[bytes] = deque()  # windows that the detector has yet to answer for: a tick's worth
        self._sound = bytearray()  # the turn so far, or the pre-roll of the next one; at most `turn_max`
        self._voiced = 0.0  # seconds of voice in the sound
        self._began = 0.0
        self._last = 0.0  # end of the last voiced window that counted
        self._run = 0  # voiced windows in a row
        self._open = False  # a turn is open
        self._paused = False
        self._stirred = False  # a sound too short for a turn has been told of
        self._told = False  # that this pause has lasted for `silence`
        self._long = LONG  # seconds of voice at which the sound is told to be long, again
        self._overruns = False  # the last turn was taken while they spoke, and they have not paused since
        self._caller = NearEndLevel()

    @property
    def at(self) -> float:
        """The call's clock: seconds of caller audio so far."""
        return self._samples / self._rate

    def hear(self, payload: bytes) -> list[Heard]:
        """Take a frame as it came over the line, of any length; say what happened in it."""
        pcm = payload if self._codec == "pcm" else g711.decode(payload, self._codec)
        self._samples += len(pcm) // SAMPLE_BYTES
        self._waiting += self._resampler.feed(pcm)
        events: list[Heard] = []
        while len(self._waiting) >= WINDOW_BYTES:
            window = bytes(self._waiting[:WINDOW_BYTES])
            del self._waiting[:WINDOW_BYTES]
            probability = self._voice.feed(window, self._judged)
            if probability is None:
                self._unjudged.append(window)
            elif event := self._window(window, probability):
                events.append(event)
        if self._paused and (silent := self._long_silent()):
            events.append(silent)
        return events

    def utterance(self) -> Utterance:
        """What the caller has said in the open turn so far, without the silence at its end."""
        end = self._windows * WINDOW
        surplus = max(0.0, end - self._last - TAIL)
        keep = len(self._sound) - _whole(surplus)
        return Utterance(bytes(self._sound[:keep]), end - len(self._sound) / BYTES_PER_SECOND, self._voiced)

    def close_turn(self) -> None:
        """The turn has been taken; what comes next begins another."""
        at = self._windows * WINDOW
        self._caller.spoke(at)
        self._overruns = self._is_full() and at - self._last < OVERRUN_PAUSE
        if self._overruns:
            self._sound.clear()  # it has been taken: no word of it is heard again
        self._forget()

    def give_back(self, utterance: Utterance) -> None:
        """Put an utterance that nobody understood yet before the turn that is open now: nothing said is lost."""
        room = self._most - len(self._sound)
        self._sound[:0] = utterance.pcm[-room:] if room > 0 else b""
        self._voiced += utterance.voiced

    def close(self) -> None:
        """The call is over: what is judged from here on is nobody's business, and what was heard need not be kept."""
        self._later = lambda event: None
        self._sound.clear()

    def _judged(self, probability: float) -> None:
        """The detector's answer for the oldest window that it owes one for."""
        if event := self._window(self._unjudged.popleft(), probability):
            self._later(event)
        if self._paused and (silent := self._long_silent()):
            self._later(silent)

    def _long_silent(self) -> Silence | None:
        """The pause is as long as one inside a turn may be: said as soon as the caller's sound has come so far.

        A turn that waited for the end of the next window would be answered half a window later, on average. All whole
        windows are judged by then: what is not is shorter than one.
        """
        at = self.at
        if self._told or at - self._last < self._silence or self._unjudged:
            return None
        self._told = True
        return Silence(at, self._last)

    def _window(self, window: bytes, probability: float) -> Heard | None:
        self._windows += 1
        at = self._windows * WINDOW
        self._sound += window
        voiced = probability >= (STILL_SPEECH if self._run else SPEECH)
        if self._overruns:
            return self._overrun(window, voiced, at)
        if voiced and (self._open or self._caller.may_be(self._sound, at)):
            return self._voiced_window(window, at)
        self._run = 0
        if self._open:
            self._paused = True
            return self._full(at) or Silence(at, self._last)
        if not self._voiced or at - self._last >= FORGET:
            self._forget()
        if self._stirred and at - self._last >= FADED:
            self._stirred = False
            return SoundDismissed(at)
        return None

    def _voiced_window(self, window: bytes, at: float) -> Heard | None:
        if not self._voiced:
            self._began = at - WINDOW
        self._run += 1
        self._voiced += WINDOW
        if self._open:
            self._caller.speaks(window)
            if self._run >= BLIP:
                self._last = at
                if self._paused:
                    self._paused = self._told = False
                    return VoiceActivity(at, at - self._run * WINDOW)
            if self._voiced >= self._long and not self._is_full():
                self._long = self._voiced + LONG
                return SpeechLong(at)
            return self._full(at)
        self._last = at
        if not self._caller.enough(self._voiced, self._enough, self._sound):
            return self._stir(at)
        return self._begin(at)

    def _begin(self, at: float) -> VoiceActivity:
        self._open, self._paused, self._told, self._stirred = True, False, False, False
        return VoiceActivity(at, self._began)

    def _overrun(self, window: bytes, voiced: bool, at: float) -> VoiceActivity | None:
        """They speak on after their turn was taken. It is told when they pause, or have nearly filled another one."""
        if voiced:
            self._began = self._began if self._voiced else at - WINDOW
            self._voiced, self._last, self._run = self._voiced + WINDOW, at, self._run + 1
            self._caller.speaks(window)
        else:
            self._run = 0
        nearly_full = len(self._sound) >= self._most - _whole(LAST_SECOND)
        if not nearly_full and at - self._last < OVERRUN_PAUSE:
            return None
        self._overruns = False
        return self._begin(at) if self._voiced >= self._enough else None

    def _stir(self, at: float) -> SoundStarted | None:
        if self._stirred:
            return None
        self._stirred = True
        return SoundStarted(at)

    def _full(self, at: float) -> TurnFull | None:
        return TurnFull(at, self._last) if self._is_full() else None

    def _is_full(self) -> bool:
        return len(self._sound) >= self._most

    def _forget(self) -> None:
        del self._sound[: -_whole(PRE_ROLL)]
        self._caller.forget_sound()
        self._voiced, self._open, self._paused, self._told, self._long = 0.0, False, False, False, LONG


def _whole(seconds: float) -> int:
    """Bytes of so many seconds, a whole number of samples."""
    return int(seconds * EAR_RATE) * SAMPLE_BYTES
