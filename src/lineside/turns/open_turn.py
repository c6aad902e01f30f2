"""The caller's turn, window by window: when a sound becomes one, when it pauses, when it is full. Pure.

What counts as speech long enough to begin a turn is *voiced time*: the windows that the voice detector calls speech,
added up over one sound. `VAD_MIN_SPEECH_MS` speaks of a whole sound, from its onset to the last of its decay, and of a
spoken word well under half is voiced: "yes" lasts 300 to 500 ms and holds 200 to 300 ms of voice, a click of 20 ms
holds one window of 32 at most, and often none. So the bar is `VOICED_SHARE` of the setting, counted in voiced time:
200 ms at the default of 500. A click or one knock does not reach it; a spoken "yes" does. Windows that cannot be the
caller's, keys and people behind them, do not count, and breath counts half (`audio.near_end`).

A turn is `TURN_MAX_S` long at most: then it is taken as it stands. Whoever speaks on without a pause is not taken to
interrupt the answer by it, or nobody would ever answer them; what they say is kept for the next turn, which begins with
their next pause, or when it is nearly full in turn.
"""

from msgspec import Struct

from lineside.audio.frame import STT_RATE, Utterance
from lineside.audio.near_end import NearEndLevel
from lineside.turns.floor_events import Silence, SoundDismissed, SoundStarted, SpeechLong, TurnFull, VoiceActivity
from lineside.turns.turn_audio import TurnAudio

WINDOW = 512 / STT_RATE  # 32 ms

SPEECH = 0.5  # probability at which a window begins to be voiced …
STILL_SPEECH = 0.35  # … and under which it is no longer
VOICED_SHARE = 0.4  # of VAD_MIN_SPEECH_MS; see above
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


class OpenTurn:
    """The turn of one caller that is open, or the sound that may become one."""

    def __init__(self, rules: SegmenterRules) -> None:
        self._enough = rules.min_speech * VOICED_SHARE
        self._audio = TurnAudio(rules.turn_max)
        self._windows = 0  # judged
        self._voiced = 0.0  # seconds of voice in the sound
        self._began = 0.0
        self.last_voice = 0.0  # end of the last voiced window that counted
        self._run = 0  # voiced windows in a row
        self._open = False  # a turn is open
        self.paused = False
        self.silence_reported = False  # that this pause has lasted for as long as one may
        self._stirred = False  # a sound too short for a turn has been told of
        self._long = LONG  # seconds of voice at which the sound is told to be long, again
        self._overruns = False  # the last turn was taken while they spoke, and they have not paused since
        self._caller = NearEndLevel()

    def utterance(self) -> Utterance:
        """What the caller has said so far, without the silence at its end."""
        end = self._windows * WINDOW
        surplus = max(0.0, end - self.last_voice - TAIL)
        return Utterance(self._audio.without_last(surplus), end - self._audio.seconds, self._voiced)

    def close(self) -> None:
        """The turn has been taken; what comes next begins another."""
        at = self._windows * WINDOW
        self._caller.spoke(at)
        self._overruns = self._audio.is_full() and at - self.last_voice < OVERRUN_PAUSE
        if self._overruns:
            self._audio.pcm.clear()  # it has been taken: no word of it is heard again
        self._forget()

    def give_back(self, utterance: Utterance) -> None:
        """Put an utterance that nobody understood yet before what is said now: nothing said is lost."""
        self._audio.put_before(utterance.pcm)
        self._voiced += utterance.voiced

    def drop_audio(self) -> None:
        """Nobody will ask for what was said."""
        self._audio.pcm.clear()

    def hear(self, window: bytes, probability: float) -> Heard | None:
        """The caller's next window, and the voice detector's word on it."""
        self._windows += 1
        at = self._windows * WINDOW
        pcm = self._audio.pcm
        pcm += window
        voiced = probability >= (STILL_SPEECH if self._run else SPEECH)
        if self._overruns:
            return self._overrun(window, voiced, at)
        if voiced and (self._open or self._caller.may_be(pcm, at)):
            return self._voiced_window(window, at)
        self._run = 0
        if self._open:
            self.paused = True
            return (TurnFull if len(pcm) >= self._audio.most else Silence)(at, self.last_voice)
        if not self._voiced or at - self.last_voice >= FORGET:
            self._forget()
        if self._stirred and at - self.last_voice >= FADED:
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
                self.last_voice = at
                if self.paused:
                    self.paused = self.silence_reported = False
                    return VoiceActivity(at, at - self._run * WINDOW)
            if self._voiced >= self._long and not self._audio.is_full():
                self._long = self._voiced + LONG
                return SpeechLong(at)
            return TurnFull(at, self.last_voice) if len(self._audio.pcm) >= self._audio.most else None
        self.last_voice = at
        if not self._caller.enough(self._voiced, self._enough, self._audio.pcm):
            return self._stir(at)
        return self._begin(at)

    def _begin(self, at: float) -> VoiceActivity:
        self._open, self.paused, self.silence_reported, self._stirred = True, False, False, False
        return VoiceActivity(at, self._began)

    def _overrun(self, window: bytes, voiced: bool, at: float) -> VoiceActivity | None:
        """They speak on after their turn was taken. It is told when they pause, or have nearly filled another one."""
        if voiced:
            self._began = self._began if self._voiced else at - WINDOW
            self._voiced, self.last_voice, self._run = self._voiced + WINDOW, at, self._run + 1
            self._caller.speaks(window)
        else:
            self._run = 0
        if not self._audio.is_full_but_for(LAST_SECOND) and at - self.last_voice < OVERRUN_PAUSE:
            return None
        self._overruns = False
        return self._begin(at) if self._voiced >= self._enough else None

    def _stir(self, at: float) -> SoundStarted | None:
        if self._stirred:
            return None
        self._stirred = True
        return SoundStarted(at)

    def _forget(self) -> None:
        self._audio.keep_pre_roll()
        self._caller.forget_sound()
        self._voiced, self._open, self.paused, self.silence_reported, self._long = 0.0, False, False, False, LONG
