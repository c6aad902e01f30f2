"""Words that a recogniser made up start no turn and claim no floor."""

import pytest

from lineside.engines.vendors.scripted import ScriptedLLM, ScriptedSTT
from lineside.protocol import BargeIn, FalseInterruption, Transcript
from lineside.transports.scripted import CallerSilent, CallerSpeaks
from tests.call.fixtures import run_call

MADE_UP = ["Thank you for watching!", "계속", "I'm sorry. " * 40, "[BLANK_AUDIO]"]


@pytest.mark.parametrize("made_up", MADE_UP)
def test_made_up_words_are_no_turn(made_up: str) -> None:
    """Nobody is answered, nothing is remembered, and the language model is not asked."""
    call = run_call(CallerSilent(0.5), CallerSpeaks(1.0), CallerSilent(4.0), stt=ScriptedSTT(hears=[made_up]))
    assert call.conversation == []
    assert call.llm.asked == []
    assert all(event.text == "" for event in call.all(Transcript))


@pytest.mark.parametrize("made_up", MADE_UP)
def test_made_up_words_do_not_claim_the_floor(made_up: str) -> None:
    """A noise over the agent's words holds them for a moment, and they go on."""
    answer = "We are open from nine to six on every day of the week but Sunday, and you can call us at any time."
    call = run_call(
        *(CallerSilent(0.5), CallerSpeaks(1.0), CallerSilent(2.5), CallerSpeaks(0.6), CallerSilent(12.0)),
        stt=ScriptedSTT(hears=["When are you open?", made_up]),
        llm=ScriptedLLM(answers=[answer]),
    )
    assert call.all(BargeIn) == []
    assert call.all(FalseInterruption)
    assert call.conversation == [("user", "When are you open?"), ("assistant", answer)]
