"""Words over the agent's: which of them claim the floor."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.audio.frame import Utterance
from lineside.engines.protocols import Transcription
from lineside.turns.interruption import claims, overheard, score, signs

NODS = """
Mm-hmm.|Mhm|Uh-huh.|Uh huh|Yeah.|Yes.|Okay, right.|OK.|I see.|Oh, I see!|Got it, thanks.|Sure|Of course.|All right.|Hmm
Right, right, right.|Make sense.|Yep
"""
CLAIMS = """
No.|Stop.|Wait.|Yes, but I have a question.|Okay, and what about Sunday?|Sorry, what?|Hello?|What?|Right, my number is
Hang on|I don't understand.|Excuse me.|Can I speak to a person?|Actually, it is the other one.
"""


def lines(text: str) -> list[str]:
    return [said for line in text.strip().splitlines() for said in line.split("|")]


@pytest.mark.parametrize("said", ["", "...", *lines(NODS)])
def test_who_only_shows_that_they_listen_does_not_claim_the_floor(said: str) -> None:
    """Short, and of the kind that people say while another speaks."""
    assert not claims(Transcription(said, sure=0.6), over=True)


@pytest.mark.parametrize("said", lines(CLAIMS))
@pytest.mark.parametrize("over", [True, False])
def test_who_has_something_to_say_claims_it(said: str, over: bool) -> None:
    """A refusal, a question, or more words than a nod has; already while they go on."""
    assert claims(Transcription(said, sure=0.6), over=over)


@pytest.mark.parametrize("said", ["Yeh.", "Oh, okey.", "Mm-hmn."])
def test_a_nod_that_was_misheard_is_a_nod(said: str) -> None:
    """The recogniser is not sure, and what it writes looks like one."""
    assert not claims(Transcription(said, sure=0.3), over=True)


def test_the_recogniser_is_told_what_to_lean_towards() -> None:
    """And hears the same sound."""
    sound = Utterance(b"\1\0", 1.5, 0.2)
    told = overheard(sound)
    assert told.prompt
    assert (told.pcm, told.began, told.voiced) == (sound.pcm, sound.began, sound.voiced)


@pytest.mark.parametrize("said", ["What's up?", "I'm on.", "What now?"])
def test_what_sounds_like_a_nod_is_one_though_its_words_were_misheard(said: str) -> None:
    """And what sounds like none is none; where nobody knows the sound, the words count alone."""
    assert not claims(Transcription(said, sure=0.4, nod=5.0), over=True)
    assert claims(Transcription(said, sure=0.4, nod=-2.0), over=True)
    assert claims(Transcription(said, sure=0.6), over=True)


@given(st.text(max_size=200), st.floats(0, 1), st.none() | st.floats(allow_nan=False), st.booleans())
def test_any_words_at_all_are_weighed(said: str, sure: float, nod: float | None, over: bool) -> None:
    """Whatever a recogniser writes, in any language, gets an answer."""
    found = signs(Transcription(said, sure=sure, nod=nod), over=over)
    assert found["always"] == 1.0
    assert -50 < score(found) < 50
