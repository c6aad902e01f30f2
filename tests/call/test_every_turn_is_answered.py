"""Whatever the timing: a turn that ended is answered, once, and the last words of a caller are never lost."""

import asyncio
import random
from array import array
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from lineside.audio.frame import Utterance
from lineside.engines.protocols import Transcription
from lineside.engines.vendors.scripted import ScriptedLLM, ScriptedSTT, ScriptedTTS
from lineside.protocol import AudioDone, BargeIn, ReplyMetrics, Transcript, TurnEnded
from lineside.transports.scripted import CallerSilent, CallerSpeaks, CallerStalls, Doing
from tests.call.fixtures import run_call

FRAME = 0.02
LAST_WORDS = 1.2  # seconds
ANSWERED = 20.0  # seconds of silence after them


class HearsSound(ScriptedSTT):
    """Hears words wherever there is sound, in times of its own."""

    async def transcribe(self, utterance: Utterance) -> Transcription:
        await asyncio.sleep(self._takes * random.uniform(0.5, 1.5))  # noqa: S311 - seeded by hypothesis
        samples = array("h", utterance.pcm)
        sounds = any(abs(samples[at]) > 2000 for at in range(3, len(samples), 53))
        return Transcription("words of a caller" if sounds else "", sure=1.0, no_speech=float(not sounds))


def frames(least: float, most: float) -> st.SearchStrategy[float]:
    """Seconds, in whole frames."""
    return st.integers(round(least / FRAME), round(most / FRAME)).map(lambda many: many * FRAME)


STRETCH = st.tuples(
    st.one_of(frames(0.2, 0.7), frames(0.5, 3.0)).map(CallerSpeaks),
    st.one_of(
        frames(0.1, 0.5).map(CallerSilent),
        frames(0.3, 1.6).map(CallerSilent),
        frames(1.0, 6.0).map(CallerSilent),
        frames(0.2, 2.0).map(CallerStalls),
    ),
)


@settings(max_examples=40)
@given(
    st.lists(STRETCH, max_size=5),
    st.sampled_from(["silence", "fast", "balanced", "patient"]),
    st.sampled_from([0.05, 0.3, 0.8, 1.5]),
    st.sampled_from([0.05, 0.4, 1.5]),
    st.booleans(),
)
def test_every_turn_that_ended_is_answered_once(
    stretches: list[tuple[Doing, Doing]], profile: str, hears: float, thinks: float, speculation: bool
) -> None:
    """Pauses of any length, a program that stops sending, engines quick and slow, with speculation and without."""
    script = [doing for stretch in stretches for doing in stretch]
    call = run_call(
        *script,
        CallerSpeaks(LAST_WORDS),
        CallerSilent(ANSWERED),
        stt=HearsSound(takes=hears),
        llm=ScriptedLLM(answers=["Yes. We open at nine in the morning."], first=thinks),
        tts=ScriptedTTS(takes=0.1),
        turn_profile=profile,
        speculation=speculation,
        caller_silence_s=60,
    )
    ended = [event.turn for event in call.all(TurnEnded)]
    measured = Counter(event.turn for event in call.all(ReplyMetrics))
    assert len(set(ended)) == len(ended)
    interrupted = {event.turn for event in call.all(BargeIn)}
    for turn in ended:
        assert measured[turn] == 1 or (turn in interrupted and measured[turn] == 0)
    last = ended[-1]
    assert [event.text for event in call.all(Transcript) if event.turn == last][-1]
    assert [event.turn for event in call.all(AudioDone)][-1] == last
    assert measured[last] == 1
