"""The sound of a kept call's caller, turn by turn: what they said then is heard again, not a voice that reads it."""

from pathlib import Path

import numpy as np

from lineside.engines.registry import EngineRegistry
from lineside.errors import LinesideError
from lineside.records.entries import WholeCall
from lineside.rehearse.caller_sound import CallerVoice, CallerVoices, Samples, levelled, resampled
from lineside.rehearse.caller_words import aloud

AROUND = 0.15  # seconds kept before and after a turn: its soft first and last sounds


class KeptSound:
    """What a caller said, by its words. Made once, used by the voices of every run."""

    def __init__(self, whole: WholeCall, recording: Path) -> None:
        """Raises `LinesideError` when the recording cannot be read."""
        import soundfile

        try:
            both, self.rate = soundfile.read(recording, dtype="int16", always_2d=True)
        except (OSError, RuntimeError) as why:  # libsndfile's faults are of the second kind
            raise LinesideError(f"the recording {recording} cannot be read: {why}") from why
        caller = np.ascontiguousarray(both[:, 0])
        self._turns: dict[str, bytes] = {}
        for turn in whole.turns:
            if turn.heard and turn.speech_began_at is not None and turn.speech_ended_at is not None:
                begin = max(0, round((turn.speech_began_at - AROUND) * self.rate))
                self._turns[aloud(turn.heard)] = caller[
                    begin : round((turn.speech_ended_at + AROUND) * self.rate)
                ].tobytes()

    def said(self, words: str, rate: int) -> Samples | None:
        """The sound of these words, if they were said."""
        pcm = self._turns.get(words)
        return None if not pcm else levelled(resampled(pcm, self.rate, rate), rate)

    def voices(self, registry: EngineRegistry, folder: Path) -> CallerVoices:
        """Voices that say what was said in the call with its sound, and anything else themselves."""
        return _WithKeptSound(registry, folder, self)


class _WithKeptSound(CallerVoices):
    def __init__(self, registry: EngineRegistry, folder: Path, kept: KeptSound) -> None:
        super().__init__(registry, folder)
        self._kept = kept

    async def speak(self, voice: CallerVoice, text: str, rate: int) -> Samples:
        """See `CallerVoices`."""
        found = self._kept.said(text, rate)
        return found if found is not None else await super().speak(voice, text, rate)
