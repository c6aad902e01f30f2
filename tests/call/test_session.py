"""Calls, told as sentences: what the caller does, what they hear, what is remembered."""

import asyncio
import gc
from array import array
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import pytest
from msgspec.structs import replace

from lineside.agents.agent import Agent
from lineside.audio.frame import SpokenAudio
from lineside.call.call_context import CallContext
from lineside.call.caller_input import CallerInput
from lineside.call.fillers import FAREWELL, FILLERS, MOMENT, SORRY, STILL
from lineside.call.limits import LEAVE_FOR_OPERATOR
from lineside.call.reply import Reply
from lineside.engines.vendors.scripted import ScriptedLLM, ScriptedSTT, ScriptedTTS
from lineside.protocol import (
    AgentWords,
    AudioDone,
    AudioStarted,
    BargeIn,
    Clear,
    Dtmf,
    Ended,
    EndReason,
    Error,
    FalseInterruption,
    FirstMessage,
    HangUp,
    LlmToken,
    PartialTranscript,
    ReasoningToken,
    ReplyMetrics,
    ReplyText,
    Text,
    Transcript,
    TransferRequested,
    TurnEnded,
    TurnStarted,
    Unanswered,
)
from lineside.transports.scripted import (
    CallerHolds,
    CallerSends,
    CallerSilent,
    CallerSpeaks,
    CallerStalls,
    ScriptedTransport,
)
from lineside.turns.endpointing import CLEAR
from lineside.turns.floor import Floor
from lineside.turns.floor_events import SoundStarted
from tests.call.fixtures import AGENT, FinishedCall, finished_call, run_call
from tests.virtual_time import run

ANSWER = "We are open. From nine to six."


def ordinary(**given: Any) -> FinishedCall:
    return run_call(
        CallerSilent(0.5),
        CallerSpeaks(1.0),
        CallerSilent(6.0),
        stt=ScriptedSTT(hears=["When are you open?"]),
        llm=ScriptedLLM(answers=[ANSWER]),
        **given,
    )


def test_a_question_is_heard_and_answered() -> None:
    """The whole of a turn, in order, and what is remembered of it."""
    call = ordinary()
    assert call.one(Transcript).text == "When are you open?"
    assert call.one(ReplyText).text == ANSWER
    assert call.conversation == [("user", "When are you open?"), ("assistant", ANSWER)]
    order = [
        "TurnStarted",
        "PartialTranscript",
        "TurnEnded",
        "Transcript",
        "LlmToken",
        "AudioStarted",
        "AudioDone",
        "ReplyMetrics",
    ]
    assert [kind for kind in dict.fromkeys(call.kinds) if kind in order] == order
    assert call.reason == "caller_hung_up"
    assert isinstance(call.transport.events[-1], Ended)


def test_the_caller_gets_the_floor_times_in_their_own_seconds() -> None:
    """Speech from 0.5 to 1.5 s is said to be there, to a window's length."""
    call = ordinary()
    assert call.one(TurnStarted).at == pytest.approx(0.5, abs=0.064)
    assert call.one(TurnEnded).at == pytest.approx(1.5, abs=0.064)


def test_the_answer_is_prepared_while_the_pause_is_waited_out() -> None:
    """With speculation the caller waits for the pause alone; without it for all three engines after it."""
    fast, slow = ordinary().one(ReplyMetrics), ordinary(speculation=False).one(ReplyMetrics)
    assert fast.endpoint_ms == pytest.approx(1000, abs=40)
    assert fast.e2e_ms is not None
    assert slow.e2e_ms is not None
    assert fast.e2e_ms == pytest.approx(1000, abs=60)
    assert slow.e2e_ms > fast.e2e_ms + 140  # the three engines take 50 ms each


def test_nothing_is_told_or_sent_before_the_floor_is_ours() -> None:
    """A prepared reply is silent: before the end of turn there is a partial and nothing else."""
    call = ordinary()
    stopped = call.kinds.index("TurnEnded")
    assert set(call.kinds[:stopped]) <= {"TurnStarted", "PartialTranscript"}
    ends = call.one(TurnEnded).at + 1.0
    assert min(at for at, _ in call.transport.sent) >= ends - 0.05


def test_a_pause_inside_a_sentence_wastes_a_reply_and_says_nothing() -> None:
    """The caller stops to think for half a second: one answer, to the whole of it."""
    stt = ScriptedSTT(hears=["I would like", "I would like to know"])
    call = run_call(
        CallerSpeaks(1.0),
        CallerSilent(0.6),
        CallerSpeaks(1.0),
        CallerSilent(5.0),
        stt=stt,
        llm=ScriptedLLM(answers=["No", ANSWER]),
    )
    assert [event.text for event in call.all(PartialTranscript)] == ["I would like", "I would like to know"]
    assert call.one(Transcript).text == "I would like to know"
    assert call.conversation == [("user", "I would like to know"), ("assistant", ANSWER)]
    assert stt.utterances[-1].seconds == pytest.approx(2.6 + 0.18, abs=0.1)


def test_nothing_is_prepared_early_while_the_engines_are_behind() -> None:
    """The recogniser took two seconds for the first turn: in the pauses of the second it is asked once, at its end."""
    stt = ScriptedSTT(hears=["First.", "Second."], takes=2.0)
    call = run_call(
        CallerSpeaks(1.0), CallerSilent(9.0), *(CallerSpeaks(1.0), CallerSilent(0.5)) * 3, CallerSilent(6.0), stt=stt
    )
    assert [event.text for event in call.all(Transcript)] == ["First.", "Second."]
    assert [metrics.wasted for metrics in call.all(ReplyMetrics)] == [0, 0]
    quick = ScriptedSTT(hears=["First.", "No", "No", "Second."], takes=0.1)
    call = run_call(
        CallerSpeaks(1.0), CallerSilent(9.0), *(CallerSpeaks(1.0), CallerSilent(0.5)) * 3, CallerSilent(6.0), stt=quick
    )
    assert [metrics.wasted for metrics in call.all(ReplyMetrics)] == [0, 2]


def test_a_noise_in_a_pause_and_another_comma_do_not_make_the_model_think_again() -> None:
    """The same words in other marks: the answer that was written already is said, and the first wording is kept."""
    stt = ScriptedSTT(hears=["When are you open?", "when are you, open"])
    call = run_call(
        CallerSpeaks(1.0),
        CallerSilent(0.7),
        CallerSpeaks(0.1),
        CallerSilent(6.0),
        stt=stt,
        llm=ScriptedLLM(answers=[ANSWER, "No"]),
    )
    assert len(stt.utterances) == 2
    assert len(call.llm.asked) == 1
    assert call.conversation == [("user", "When are you open?"), ("assistant", ANSWER)]
    assert call.one(ReplyMetrics).wasted == 1


def test_other_words_are_thought_about_again() -> None:
    """What was written to half of the question is not said to all of it."""
    stt = ScriptedSTT(hears=["When are you open?", "When are you open on Sunday?"])
    call = run_call(
        CallerSpeaks(1.0),
        CallerSilent(0.7),
        CallerSpeaks(0.5),
        CallerSilent(6.0),
        stt=stt,
        llm=ScriptedLLM(answers=["No", ANSWER]),
    )
    assert len(call.llm.asked) == 2
    assert call.conversation == [("user", "When are you open on Sunday?"), ("assistant", ANSWER)]


def test_an_answer_that_was_half_written_is_asked_for_in_the_same_words() -> None:
    """The model has read them already, and reads nothing new."""
    stt = ScriptedSTT(hears=["When are you open?", "When are you open"])
    llm = ScriptedLLM(answers=[ANSWER], first=0.3)
    call = run_call(CallerSpeaks(1.0), CallerSilent(0.4), CallerSpeaks(0.1), CallerSilent(6.0), stt=stt, llm=llm)
    assert len(llm.asked) == 2
    assert llm.asked[0] == llm.asked[1]
    assert call.conversation == [("user", "When are you open?"), ("assistant", ANSWER)]


def test_an_answer_from_before_the_keys_is_not_said_after_them() -> None:
    """The words are the same, what they answer is not."""
    stt = ScriptedSTT(hears=["When are you open?"])
    llm = ScriptedLLM(answers=["To words.", "To keys.", "To all."])
    call = run_call(
        CallerSpeaks(1.0), CallerSilent(0.7), CallerSends(Dtmf(digits="3")), CallerSilent(6.0), stt=stt, llm=llm
    )
    assert call.conversation == [("user", "[keys pressed: 3] When are you open?"), ("assistant", "To all.")]


def test_what_was_prepared_for_nothing_is_told_with_the_turn_it_belongs_to() -> None:
    """How often, how long, and when; the turn after it begins anew."""
    stt = ScriptedSTT(hears=["I would like", "I would like to know"])
    call = run_call(
        CallerSpeaks(1.0),
        CallerSilent(0.6),
        CallerSpeaks(1.0),
        CallerSilent(6.0),
        CallerSpeaks(1.0),
        CallerSilent(6.0),
        stt=stt,
    )
    first, second = call.all(ReplyMetrics)
    assert first.wasted == 1
    assert first.wasted_ms == pytest.approx(420, abs=80)
    assert first.wasted_from_ms == pytest.approx(-1420, abs=80)
    assert (second.wasted, second.wasted_ms, second.wasted_from_ms) == (0, None, None)


def test_an_answer_that_was_talked_over_is_measured_as_far_as_it_came() -> None:
    """It has its place in the averages like any other; once."""
    llm = ScriptedLLM(answers=[LONG, "So."])
    call = run_call(
        *(CallerSends(Text("Go")), CallerSilent(1.5), CallerSends(Text("Stop")), CallerSilent(9.0)), llm=llm
    )
    assert [told.turn for told in call.all(ReplyMetrics)] == [1, 2]
    assert call.all(ReplyMetrics)[0].e2e_ms == pytest.approx(call.all(ReplyMetrics)[1].e2e_ms, abs=60)


def test_an_answer_that_is_over_keeps_no_memory_until_the_garbage_is_looked_through() -> None:
    """Heard to its end, dropped before anybody heard it, or talked over: each holds the caller's sound."""

    def kept() -> int:
        return sum(isinstance(each, Reply) for each in gc.get_objects())

    gc.collect()
    before = kept()  # by other tests
    gc.disable()
    try:
        call = run_call(
            *(
                CallerSpeaks(1.0),
                CallerSilent(0.4),
                CallerSpeaks(1.0),
                CallerSilent(2.0),
                CallerSpeaks(2.0),
                CallerSilent(9.0),
            )
            * 2,
            stt=ScriptedSTT(hears=[f"question {number}" for number in range(20)]),
            llm=ScriptedLLM(answers=[LONG]),
        )
        assert len(call.all(BargeIn)) == 2
        assert sum(told.wasted for told in call.all(ReplyMetrics)) >= 2
        assert kept() == before
    finally:
        gc.enable()


def test_the_stages_of_an_answer_say_when_they_began() -> None:
    """Each after the one before; what was prepared in the pause, before the turn was over."""
    told = run_call(
        *(CallerSpeaks(1.0), CallerSilent(6.0)),
        stt=ScriptedSTT(hears=["When?"], takes=0.1),
        llm=ScriptedLLM(answers=[ANSWER], first=0.2),
    ).one(ReplyMetrics)
    began = [told.asr_from_ms or 0, told.llm_from_ms or 0, told.tts_from_ms or 0]
    assert began[0] == pytest.approx(180, abs=30)
    assert began[1] == pytest.approx(began[0] + 100, abs=5)
    assert began[1] + 200 <= began[2] < 1000


def test_sound_is_paced_at_most_one_second_ahead() -> None:
    """However fast the voice is, the caller's buffer never holds more than a second."""
    call = run_call(
        CallerSends(Text("Hello")), CallerSilent(12.0), llm=ScriptedLLM(answers=[" ".join(["word"] * 30) + "."])
    )
    began, sent = call.transport.sent[0][0], 0.0
    for at, payload in call.transport.sent:
        sent += len(payload) / 2 / 16000
        assert sent - (at - began) <= 1.0
    assert sent == pytest.approx(30 * 0.3, abs=0.1)


def test_a_held_call_stops_speaking_and_goes_on_when_the_caller_is_back() -> None:
    """History holds what was heard before; nobody is asked whether they are there; the next turn is answered."""
    call = run_call(
        *(CallerSends(Text("When?")), CallerSilent(1.2), CallerHolds(True), CallerStalls(40.0), CallerHolds(False)),
        *(CallerSilent(0.5), CallerSpeaks(1.0), CallerSilent(4.0)),
        stt=ScriptedSTT(hears=["Back"]),
        llm=ScriptedLLM(answers=["one two three four five six seven eight.", "Welcome."]),
    )
    heard = call.one(BargeIn).heard
    assert 0 < len(heard.split()) < 8
    assert call.conversation == [("user", "When?"), ("assistant", heard), ("user", "Back"), ("assistant", "Welcome.")]


@pytest.mark.parametrize("after", [0.05, 0.2, 0.7, 1.0, 1.33, 1.9, 2.1])
def test_barge_in_keeps_only_what_was_heard(after: float) -> None:
    """When the caller interrupts, history holds the words that reached them and no more."""
    call = run_call(
        *(CallerSends(Text("When?")), CallerSilent(0.2 + after), CallerSpeaks(1.0), CallerSilent(4.0)),
        stt=ScriptedSTT(hears=["Stop"]),
        llm=ScriptedLLM(answers=["one two three four five six seven eight.", "Sorry."]),
    )
    barge_in = call.one(BargeIn)
    heard = barge_in.heard.split()
    assert len(heard) == int(
        (call.transport.cleared[0] - call.transport.sent[0][0]) / 0.3 + 1e-6 if call.transport.sent else 0
    )
    assert " ".join(heard) == " ".join(["one", "two", "three", "four", "five", "six", "seven", "eight."][: len(heard)])
    assert (
        call.conversation
        == [
            ("user", "When?"),
            *([("assistant", barge_in.heard)] if heard else []),
            ("user", "Stop" if heard else "When? Stop"),
            ("assistant", "Sorry."),
        ][slice(0, None) if heard else slice(1, None)]
    )


def test_sound_stops_within_a_frame_of_the_decision() -> None:
    """After the barge-in not one frame of the old reply goes out, and the line is cleared."""
    call = run_call(
        CallerSends(Text("Go")),
        CallerSilent(1.5),
        CallerSpeaks(0.6),
        CallerSilent(0.3),
        llm=ScriptedLLM(answers=["a b c d e f g h i."]),
    )
    cleared = call.transport.cleared[0]
    assert all(at <= cleared for at, _ in call.transport.sent)
    assert {clear.reply for clear in call.all(Clear)} == {call.one(BargeIn).reply} == {1}
    told = [type(event) for event in call.transport.events]
    assert told[told.index(BargeIn) - 1] is Clear, "first the sound stops, then it is told why"


class Counting(ScriptedTTS):
    """Every sample is another, so that one that is lost or said twice is seen."""

    async def speak(self, sentence: str, voice: str) -> AsyncGenerator[SpokenAudio, None]:
        number = 0
        async with aclosing(super().speak(sentence, voice)) as sounds:
            async for sound in sounds:
                pcm = array("h", (n % 20_000 for n in range(number, number + sound.samples)))
                number += len(pcm)
                yield SpokenAudio(pcm.tobytes(), sound.rate, sound.words)


LONG = "one two three four five six seven eight nine ten."


def test_the_callers_program_is_told_which_words_are_in_the_sound_and_where_they_end() -> None:
    """So that it can show what has been heard, and no more; a word is told with its sound, before it is over."""
    call = ordinary()
    words = [told for told in call.all(AgentWords) if told.text.strip()]
    assert "".join(told.text for told in call.all(AgentWords)).split() == ANSWER.split()
    assert [told.ends for told in words] == pytest.approx([0.3 * n for n in range(1, len(words) + 1)], abs=0.03)


@pytest.mark.parametrize("said", ["Mm-hm.", "", "Okay, right.", "Yeah."])
@pytest.mark.parametrize("at", [0.31, 0.84, 1.5])
def test_a_backchannel_holds_the_sound_and_lets_it_go_on_from_the_very_sample(said: str, at: float) -> None:
    """The first sound of the caller stops the agent within 60 ms; not one sample of the reply is lost or repeated."""
    call = run_call(
        *(CallerSends(Text("Go")), CallerSilent(at), CallerSpeaks(0.3), CallerSilent(8.0)),
        stt=ScriptedSTT(hears=[said]),
        llm=ScriptedLLM(answers=[LONG]),
        tts=Counting(),
    )
    assert call.transport.cleared == [pytest.approx(at + 0.03, abs=0.03)]
    assert list(memoryview(bytes(call.transport.played)).cast("h")) == [n % 20_000 for n in range(10 * 4800)]
    assert call.one(FalseInterruption).text == said
    assert "".join(told.text for told in call.all(AgentWords)).strip() == LONG  # none is told twice
    assert [told.ends for told in call.all(AgentWords)] == sorted(told.ends for told in call.all(AgentWords))
    assert call.all(BargeIn) == []
    assert call.conversation == [("user", "Go"), ("assistant", LONG)]


def test_the_sound_is_held_for_half_a_second_at_most_while_nobody_knows() -> None:
    """The recogniser is slow: the reply goes on, and still gives way when the words turn out to be an interruption."""
    call = run_call(
        *(CallerSends(Text("Go")), CallerSilent(1.0), CallerSpeaks(0.3), CallerSilent(8.0)),
        stt=ScriptedSTT(hears=["Stop it."], takes=1.0),
        llm=ScriptedLLM(answers=[LONG, "Sorry."]),
    )
    finished_call = call.transport.cleared[0]
    assert (
        next(at for at, _ in call.transport.sent if at > finished_call) - finished_call < 0.85
    )  # 0.3 of speech, and half a second
    assert call.one(BargeIn).heard != ""
    assert call.conversation[-2:] == [("user", "Stop it."), ("assistant", "Sorry.")]


def test_a_word_that_claims_the_floor_gets_it() -> None:
    """One short word is enough, if it is not one of those that people say while they listen."""
    call = run_call(
        *(CallerSends(Text("Go")), CallerSilent(1.0), CallerSpeaks(0.3), CallerSilent(8.0)),
        stt=ScriptedSTT(hears=["Stop."]),
        llm=ScriptedLLM(answers=[LONG, "Sorry."]),
    )
    assert call.one(BargeIn).turn == 1
    assert call.conversation[-2:] == [("user", "Stop."), ("assistant", "Sorry.")]


def test_yes_to_a_question_is_an_answer() -> None:
    """The same word is a backchannel in the middle of a statement, and an answer where a question has been heard."""
    call = run_call(
        *(CallerSends(Text("Go")), CallerSilent(0.3 * 8), CallerSpeaks(0.3), CallerSilent(8.0)),
        stt=ScriptedSTT(hears=["Yes."]),
        llm=ScriptedLLM(answers=["one two three four five six seven shall we?", "Done."]),
    )
    assert call.conversation[-2:] == [("user", "Yes."), ("assistant", "Done.")]


def test_a_click_over_the_reply_is_hardly_heard() -> None:
    """The reply is held for a moment and goes on; nobody is asked what it was."""
    call = run_call(
        *(CallerSends(Text("Go")), CallerSilent(1.0), CallerSpeaks(0.04), CallerSilent(8.0)),
        llm=ScriptedLLM(answers=[LONG]),
        tts=Counting(),
    )
    assert call.stt.utterances == []
    assert call.longest_silence(0.5, until=3.0) < 0.25
    assert list(memoryview(bytes(call.transport.played)).cast("h")) == [n % 20_000 for n in range(10 * 4800)]


def test_the_model_is_stopped_when_the_caller_interrupts() -> None:
    """Cancelling a reply closes the model's stream: nothing is thought for nobody."""
    llm = ScriptedLLM(answers=["word " * 140, "ok."], each=0.2)
    run_call(CallerSends(Text("Go")), CallerSilent(2.0), CallerSpeaks(1.0), CallerSilent(3.0), llm=llm)
    assert llm.closed_early == 1


def test_a_click_starts_no_turn() -> None:
    """Twenty milliseconds of sound, again and again, are no speech."""
    call = run_call(*(CallerSpeaks(0.02), CallerSilent(0.6)) * 5)
    assert call.kinds == ["Ended"]


def test_a_short_yes_is_answered() -> None:
    """Three hundred milliseconds of voice are a turn at the default of 500 ms minimum."""
    assert (
        run_call(CallerSilent(0.3), CallerSpeaks(0.3), CallerSilent(4.0), stt=ScriptedSTT(hears=["Yes."]))
        .one(Transcript)
        .text
        == "Yes."
    )


def test_the_minimum_of_speech_acts() -> None:
    """With VAD_MIN_SPEECH_MS at 2000 the same "yes" is too short."""
    assert run_call(CallerSilent(0.3), CallerSpeaks(0.3), CallerSilent(4.0), vad_min_speech_ms=2000).kinds == ["Ended"]


def test_the_silence_timeout_acts() -> None:
    """With VAD_SILENCE_TIMEOUT_MS at 500 the turn ends half a second after the last word."""
    assert ordinary(vad_silence_timeout_ms=500).one(ReplyMetrics).endpoint_ms == pytest.approx(500, abs=40)


def endpoint(over: float | None, said: str = "Well, yes", *, after: float = 0.1, **given: Any) -> float:
    """How long the silence was that ended the turn, in ms, with a turn model that says so after some seconds."""
    asked: list[int] = []

    async def judge(pcm: bytes) -> float | None:
        asked.append(len(pcm))
        await asyncio.sleep(after)
        return over

    given = {"turn_profile": "balanced"} | given
    call = run_call(CallerSpeaks(1.0), CallerSilent(6.0), stt=ScriptedSTT(hears=[said]), turns=judge, **given)
    assert asked or given["turn_profile"] == "silence"
    return call.one(ReplyMetrics).endpoint_ms or 0.0


def test_the_turn_model_ends_a_turn_sooner_or_later() -> None:
    """Sure of an end it is answered sooner than by the timer, sure of none later; TURN_PROFILE=silence asks nobody."""
    assert endpoint(0.99) < endpoint(None) < endpoint(0.01)
    assert endpoint(0.99) < 1000 < endpoint(0.01)
    assert endpoint(0.01, turn_profile="silence") == pytest.approx(1000, abs=40)


def test_the_recogniser_begins_at_once_and_the_turn_model_a_moment_later() -> None:
    """An answer is waited for; the turn model was fitted on pauses of 0.2 s."""
    asked: list[int] = []

    async def judge(pcm: bytes) -> float | None:
        asked.append(len(pcm))
        return None

    stt = ScriptedSTT(hears=["My name is Ann."])
    run_call(CallerSpeaks(1.0), CallerSilent(6.0), stt=stt, turns=judge, turn_profile="balanced")
    later = (asked[0] - len(stt.utterances[0].pcm)) / 32_000
    assert later == pytest.approx(0.05, abs=0.02)


def test_a_call_knows_how_far_the_voice_stands_out_from_its_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    """The turn model is weighed apart in noise, in calls as in the bench."""
    frames = ScriptedTransport._frames

    def noisy(line: ScriptedTransport) -> tuple[bytes, bytes]:
        tone = array("h", frames(line)[0])  # 12 dB apart, the softer one under the detector's bar
        return array("h", (each // 5 for each in tone)).tobytes(), array("h", (each // 20 for each in tone)).tobytes()

    def clear() -> float | None:
        return run_call(CallerSpeaks(1.0), CallerSilent(3.0), turn_profile="balanced").evidence.clear

    assert (clear() or 0.0) > CLEAR
    monkeypatch.setattr(ScriptedTransport, "_frames", noisy)
    assert clear() == pytest.approx(12, abs=1)


def test_a_patient_call_waits_longer_and_a_call_may_say_so_itself() -> None:
    """The profile is a setting, and a word of the first message."""
    long: dict[str, Any] = {"vad_silence_timeout_ms": 5000}
    fast, balanced, patient = (endpoint(None, turn_profile=name, **long) for name in ("fast", "balanced", "patient"))
    assert fast < balanced < patient
    own = (
        run_call(CallerSpeaks(1.0), CallerSilent(6.0), hello=FirstMessage(codec="pcm", turn_profile="patient"))
        .one(ReplyMetrics)
        .endpoint_ms
    )
    assert own == pytest.approx(endpoint(None, "scripted words", turn_profile="patient"), abs=40)


def waited_after(asked: str, *said: str, pause: float = 0.0, **given: Any) -> float:
    """How long the silence was that ended the turn, in ms, when the agent had asked this and the caller says that."""
    set_up: dict[str, Any] = {"turn_profile": "balanced", "vad_silence_timeout_ms": 5000} | given
    speaks = [doing for _ in said[:-1] for doing in (CallerSpeaks(0.8), CallerSilent(pause))]
    stt = ScriptedSTT(hears=said)
    agent = Agent(name="Test", prompt="You answer.", greeting=asked)
    call = run_call(CallerSilent(4.0), *speaks, CallerSpeaks(0.8), CallerSilent(9.0), agent=agent, stt=stt, **set_up)
    assert [event.text for event in call.all(Transcript)] == [said[-1]]
    return call.all(ReplyMetrics)[-1].endpoint_ms or 0.0


def test_what_the_agent_asked_changes_how_long_it_waits() -> None:
    """A yes to "Is that correct?" is answered at once; the same yes to an open question may go on."""
    assert waited_after("Is that correct?", "Yes.") < waited_after("How can I help you?", "Yes.") - 50


def test_a_code_that_is_read_out_in_groups_is_waited_for_and_then_answered_soon() -> None:
    """Three digits of six, a pause, three more: one turn. Nobody waits once all six were said."""
    code = "Please tell me the six-digit code."
    assert waited_after(code, "4 7 1", "4 7 1 9 0 2", pause=0.9) < 900
    assert waited_after(code, "4 7 1") > 1500
    assert waited_after(code, "4 7 1 9 0 2") < waited_after("How can I help you?", "4 7 1 9 0 2")


def test_a_number_of_unknown_length_waits_longer_than_one_that_is_complete() -> None:
    """After a group of digits another may come; the profile for digits waits longer still."""
    asked = "What is your account number?"
    assert waited_after(asked, "4 7 1 9") > waited_after("Please tell me the four-digit code.", "4 7 1 9")
    assert waited_after(asked, "4 7 1 9", turn_profile="digits") > waited_after(asked, "4 7 1 9", turn_profile="fast")


def test_the_callers_words_can_be_followed_while_they_speak() -> None:
    """Every second, and only what two hearings agree on; without the setting nobody asks."""
    heard = ["I would", "I would like", "I would like two", "I'd like to know", "I would like to know"]
    script = (CallerSpeaks(4.5), CallerSilent(6.0))
    call = run_call(*script, stt=ScriptedSTT(hears=heard), partials_every_ms=1000)
    assert [event.text for event in call.all(PartialTranscript)][:2] == ["I would", "I would like"]
    assert call.one(Transcript).text == "I would like to know"
    assert len(run_call(*script, stt=ScriptedSTT(hears=heard)).stt.utterances) == 1


def foreseen(ends: float | None, *, each: float = 0.005, said: str = "I'd like a table", **given: Any) -> FinishedCall:
    """A call whose language model says how likely the words may end where they do."""
    set_up: dict[str, Any] = {"turn_profile": "balanced", "vad_silence_timeout_ms": 5000} | given
    llm = ScriptedLLM(answers=[ANSWER], ends=ends, each=each)
    return run_call(CallerSpeaks(1.0), CallerSilent(9.0), stt=ScriptedSTT(hears=[said]), llm=llm, **set_up)


def test_the_language_model_says_whether_the_words_may_end_here() -> None:
    """Likely, the turn ends sooner; unlikely, later; an engine that cannot tell changes nothing."""
    likely, unknown, unlikely = (foreseen(ends).one(ReplyMetrics).endpoint_ms or 0.0 for ends in (4.0, None, -6.0))
    assert likely < unknown < unlikely


def test_the_language_model_is_asked_with_the_words_of_the_answer_and_without_the_last_mark() -> None:
    """So it has read them when the answer is asked for; whether a mark belongs there is the question."""
    call = foreseen(0.0, said="I'd like a table.")
    assert [asked[-1].content for asked in call.llm.foresaw] == ["I'd like a table"]
    assert [asked[:-1] for asked in call.llm.foresaw] == [asked[:-1] for asked in call.llm.asked]
    assert foreseen(0.0, turn_profile="silence").llm.foresaw == []


def test_a_language_model_that_is_slow_to_foresee_is_not_waited_for() -> None:
    """The answer is asked for all the same, no later than the deadline; and it is not asked again in this call."""
    script = (CallerSpeaks(1.0), CallerSilent(0.9), CallerSpeaks(1.0), CallerSilent(20.0))
    stt, llm = ScriptedSTT(hears=["I'd like a", "I'd like a table."]), ScriptedLLM(ends=4.0, each=3.0)
    call = run_call(*script, stt=stt, llm=llm, turn_profile="patient")
    assert len(stt.utterances) == 2
    assert len(llm.foresaw) == 1
    call = foreseen(4.0, each=60.0, said="Yes.")
    assert len(call.llm.foresaw) == 1
    assert len(call.llm.asked) == 1
    assert call.evidence.ends is None


def test_a_turn_model_that_hangs_costs_nothing() -> None:
    """The end of the turn is told without it, and nothing of it outlives the call."""
    assert endpoint(0.01, after=1e6) == endpoint(None, after=0.0)


def test_words_that_ask_for_more_are_waited_for() -> None:
    """An unfinished sentence is given longer than a question, whatever its sound."""
    assert endpoint(None, "When are you open on Saturday?") < endpoint(None, "I would like to speak about the")


def test_the_time_out_holds_for_whoever_seems_to_have_finished() -> None:
    """VAD_SILENCE_TIMEOUT_MS is the longest wait after a whole sentence, and not after half of one."""
    assert endpoint(None, "When are you open?", vad_silence_timeout_ms=500) == pytest.approx(500, abs=40)
    assert endpoint(0.01, "I would like to speak about the", vad_silence_timeout_ms=500) > 1000


def test_the_turn_ends_without_speculation_too() -> None:
    """Nothing is prepared, and the turn model is asked all the same."""
    long: dict[str, Any] = {"vad_silence_timeout_ms": 5000}
    assert endpoint(0.99, speculation=False, **long) < endpoint(0.01, speculation=False, **long)


def test_the_token_limit_acts() -> None:
    """LLM_MAX_TOKENS reaches the model."""
    assert len(ordinary(llm_max_tokens=3).all(LlmToken)) == 3


def test_a_noise_that_was_no_interruption_costs_nothing() -> None:
    """A long noise over the reply, in which no words are found: the agent says what was not heard."""
    call = run_call(
        *(CallerSends(Text("When?")), CallerSilent(1.0), CallerSpeaks(1.5), CallerSilent(7.0)),
        stt=ScriptedSTT(hears=[""]),
        llm=ScriptedLLM(answers=["one two three four five six."]),
    )
    assert call.conversation == [("user", "When?"), ("assistant", "one two three four five six.")]
    assert len(call.all(BargeIn)) == 1


def test_a_noise_of_a_second_without_words_only_holds_the_reply() -> None:
    """It is asked about twice, while it lasts and when it is over; not one sample of the reply is lost."""
    call = run_call(
        *(CallerSends(Text("Go")), CallerSilent(1.0), CallerSpeaks(0.9), CallerSilent(8.0)),
        stt=ScriptedSTT(hears=["", ""]),
        llm=ScriptedLLM(answers=[LONG]),
        tts=Counting(),
    )
    assert call.all(BargeIn) == []
    assert list(memoryview(bytes(call.transport.played)).cast("h")) == [n % 20_000 for n in range(10 * 4800)]


def test_words_cut_off_before_they_were_understood_are_not_lost() -> None:
    """The caller goes on before the recogniser has answered: the next turn has both halves."""
    stt = ScriptedSTT(hears=["both halves"], takes=1.5)
    call = run_call(
        CallerSpeaks(1.0), CallerSilent(1.2), CallerSpeaks(1.0), CallerSilent(6.0), stt=stt, speculation=False
    )
    assert call.one(Transcript).text == "both halves"
    assert stt.utterances[0].seconds > 2.3


def test_the_greeting_is_said_and_can_be_interrupted() -> None:
    """Turn 0 is the agent's; what was not heard of it is not remembered."""
    agent = AGENT.__class__(name="T", prompt="P", greeting="Hello this is the test desk.")
    call = run_call(CallerSilent(0.9), CallerSpeaks(0.6), CallerSilent(3.0), agent=agent, stt=ScriptedSTT(hears=["Hi"]))
    assert call.all(AudioStarted)[0].turn == 0
    heard = call.one(BargeIn).heard
    assert 0 < len(heard.split()) < 6
    assert call.conversation[0] == ("assistant", heard)


def test_a_greeting_in_the_first_message_replaces_the_agents() -> None:
    """An empty one means: say nothing first."""
    agent = AGENT.__class__(name="T", prompt="P", greeting="Hello there.")
    assert run_call(
        CallerSilent(2.0), agent=agent, hello=FirstMessage(codec="pcm", greeting="Good day.")
    ).conversation == [("assistant", "Good day.")]
    assert run_call(CallerSilent(2.0), agent=agent, hello=FirstMessage(codec="pcm", greeting="")).kinds == ["Ended"]


def test_keys_are_a_turn() -> None:
    """DTMF digits reach the model as what they are."""
    call = run_call(CallerSends(Dtmf("42#")), CallerSilent(4.0))
    assert call.conversation[0] == ("user", "[keys pressed: 42#]")


def test_transcribe_only_answers_nothing() -> None:
    """A call that only wants the words gets the words, and no sound."""
    hello = FirstMessage(codec="pcm", mode="transcribe_only")
    call = run_call(CallerSpeaks(1.0), CallerSilent(4.0), hello=hello, stt=ScriptedSTT(hears=["Note this."]))
    assert call.one(Transcript).text == "Note this."
    assert call.transport.sent == []
    assert call.llm.asked == []


@pytest.mark.parametrize(("codec", "rate"), [("g711_ulaw", 8000), ("g711_alaw", 8000), ("pcm", 48000), ("pcm", 11025)])
def test_every_codec_is_heard_and_answered_in_its_own_kind(codec: str, rate: int) -> None:
    """The reply comes in the caller's codec and rate, as long as it should be."""
    hello = FirstMessage(codec=codec, sample_rate=rate)  # type: ignore[arg-type]
    call = run_call(CallerSpeaks(1.0), CallerSilent(5.0), hello=hello, llm=ScriptedLLM(answers=["one two three."]))
    size = sum(len(payload) for _, payload in call.transport.sent) / (2 if codec == "pcm" else 1)
    assert size / rate == pytest.approx(0.9, abs=0.02)


def test_reasoning_is_shown_and_never_spoken() -> None:
    """Thoughts are told under their turn; the voice gets none of them."""
    call = run_call(
        CallerSends(Text("Why?")), CallerSilent(4.0), llm=ScriptedLLM(answers=["<think> hm well </think> Because."])
    )
    assert "".join(event.token for event in call.all(ReasoningToken)) == "<think> hm well </think> "
    assert call.tts.spoken == ["Because."]
    assert call.conversation[-1] == ("assistant", "Because.")


def test_who_asks_for_a_person_is_answered_by_rule_and_promised_nothing_that_the_line_cannot_do() -> None:
    """Whatever the model would say: it is not asked, and whoever follows the call is told."""
    call = run_call(CallerSpeaks(1.0), CallerSilent(9.0), stt=ScriptedSTT(hears=["Let me speak to a person."]))
    assert call.conversation[-1] == ("assistant", AGENT.no_transfer)
    assert call.llm.asked == []
    assert call.one(TransferRequested).by == "caller"
    assert call.reason == "caller_hung_up"


def test_a_call_may_end_after_the_caller_asked_for_a_person() -> None:
    """The agent's file says so; the sentence is heard to its end first."""
    agent = replace(AGENT, on_transfer="hang_up")
    hears = ["Let me speak to a person."]
    call = run_call(CallerSpeaks(1.0), CallerSilent(30.0), stt=ScriptedSTT(hears=hears), agent=agent)
    assert call.reason == "asked_for_person"
    assert call.conversation[-1] == ("assistant", AGENT.no_transfer)


@pytest.mark.parametrize(
    ("answer", "unanswered", "promised"),
    [
        ("We open at nine.", 0, 0),
        ("I'm sorry, I don't know that.", 1, 0),
        ("I will transfer you to a colleague.", 0, 1),
        ("Ask my mother.", 1, 0),
    ],
)
def test_what_a_model_does_not_know_or_promises_is_told(answer: str, unanswered: int, promised: int) -> None:
    """By what it says, in words of its own or in the agent's `unknown` lines."""
    call = run_call(
        *(CallerSpeaks(1.0), CallerSilent(6.0)),
        stt=ScriptedSTT(hears=["Hm?"]),
        llm=ScriptedLLM(answers=[answer]),
        agent=replace(AGENT, unknown="Ask my mother."),
    )
    assert [event.why for event in call.all(Unanswered)] == ["not_known"] * unanswered
    assert [event.by for event in call.all(TransferRequested)] == ["agent"] * promised


def test_an_engine_that_fails_once_is_asked_again() -> None:
    """One failure of each engine costs the caller a moment, not the answer."""
    call = run_call(
        *(CallerSpeaks(1.0), CallerSilent(6.0)),
        stt=ScriptedSTT(hears=["Hm?"], fails=1),
        llm=ScriptedLLM(answers=[ANSWER], fails=1),
        tts=ScriptedTTS(fails=1),
    )
    assert call.conversation == [("user", "Hm?"), ("assistant", ANSWER)]
    assert call.all(Error) == []


@pytest.mark.parametrize("dead", ["stt", "llm", "tts"])
def test_a_dead_engine_is_apologised_for_and_the_call_goes_on(dead: str) -> None:
    """The caller hears that something is wrong, in a voice that was kept for it, and the next turn works."""
    stt, llm, tts = ScriptedSTT(hears=["Hm?"]), ScriptedLLM(answers=[ANSWER]), ScriptedTTS()
    engine: Any = {"stt": stt, "llm": llm, "tts": tts}[dead]
    engine.fails = 4  # the prepared reply twice, and the one after it twice
    call = run_call(
        CallerSpeaks(1.0), CallerSilent(9.0), CallerSpeaks(1.0), CallerSilent(6.0), stt=stt, llm=llm, tts=tts
    )
    assert [error.code for error in call.all(Error)] == ["engine_error"]
    assert call.conversation[-1] == ("assistant", ANSWER)
    assert any(SORRY in content for role, content in call.conversation if role == "assistant")


def test_a_slow_engine_costs_at_most_two_seconds_of_silence() -> None:
    """A model that needs nine seconds: again and again the caller hears that somebody is there; history does not."""
    call = run_call(CallerSends(Text("Hm?")), CallerSilent(20.0), llm=ScriptedLLM(answers=[ANSWER], first=9.0))
    assert call.longest_silence(0.0, until=9.5) < 2.0
    spoken = sum(len(payload) for _, payload in call.transport.sent) / 2 / 16000
    words = sum(len(phrase.split()) for phrase in (FILLERS[1], MOMENT, STILL, ANSWER))
    assert spoken == pytest.approx(0.3 * words, abs=0.05)
    assert call.conversation[-1] == ("assistant", ANSWER)


def test_an_answer_that_takes_longer_is_announced_by_a_filler() -> None:
    """0.7 s after the end of turn, or as FILLER_AFTER_MS has it, another wording each turn, and in no history."""
    llm = ScriptedLLM(answers=[ANSWER], first=2.5)
    call = run_call(CallerSends(Text("Hm?")), CallerSilent(9.0), CallerSends(Text("And?")), CallerSilent(9.0), llm=llm)
    began = [event.at for event in call.all(AudioStarted)]
    assert began == [pytest.approx(0.7, abs=0.05), pytest.approx(9.7, abs=0.05)]
    assert call.conversation == [("user", "Hm?"), ("assistant", ANSWER), ("user", "And?"), ("assistant", ANSWER)]
    assert FILLERS[1] != FILLERS[2]
    late = run_call(CallerSends(Text("Hm?")), CallerSilent(9.0), llm=llm, filler_after_ms=1200)
    assert late.one(AudioStarted).at == pytest.approx(1.2, abs=0.05)


def test_an_answer_that_is_being_written_is_waited_for() -> None:
    """Its first words are there, so it is said sooner than a filler would be over; or somebody speaks after 1.6 s."""
    soon = run_call(CallerSends(Text("Hm?")), CallerSilent(9.0), llm=ScriptedLLM(answers=[ANSWER], first=0.5, each=0.2))
    assert sum(len(payload) for _, payload in soon.transport.sent) / 2 / 16000 == pytest.approx(0.3 * 7, abs=0.05)
    assert soon.one(AudioStarted).at > 0.75
    late = run_call(CallerSends(Text("Hm?")), CallerSilent(9.0), llm=ScriptedLLM(answers=[ANSWER], first=0.4, each=1.0))
    assert late.one(AudioStarted).at == pytest.approx(1.6, abs=0.05)


def test_an_answer_that_is_there_in_time_is_not_announced() -> None:
    """Nothing but the answer is heard."""
    call = run_call(CallerSends(Text("Hm?")), CallerSilent(9.0), llm=ScriptedLLM(answers=[ANSWER], first=0.5))
    assert sum(len(payload) for _, payload in call.transport.sent) / 32000 == pytest.approx(0.3 * len(ANSWER.split()))


def test_a_noise_gets_no_filler() -> None:
    """The recogniser takes a second to find no words in it: nobody says that they will see."""
    stt = ScriptedSTT(hears=[""], takes=1.4)
    assert run_call(CallerSpeaks(1.0), CallerSilent(8.0), stt=stt, speculation=False).transport.sent == []


def test_a_filler_gives_way_to_a_caller_who_goes_on() -> None:
    """It is held at their first sound, as any speech is, and not begun while they speak."""
    llm = ScriptedLLM(answers=[ANSWER], first=5.0)
    call = run_call(CallerSends(Text("Hm?")), CallerSilent(0.4), CallerSpeaks(1.2), CallerSilent(1.0), llm=llm)
    assert [at for at, _ in call.transport.sent if 0.45 < at < 1.6] == []


def test_a_voice_that_stalls_between_sentences_is_covered_too() -> None:
    """The silence in the middle of a reply is as dead as the one before it."""

    class Stalling(ScriptedTTS):
        async def speak(self, sentence: str, voice: str) -> AsyncGenerator[SpokenAudio, None]:
            if sentence.startswith("It"):
                await asyncio.sleep(5.0)
            async with aclosing(super().speak(sentence, voice)) as sounds:
                async for sound in sounds:
                    yield sound

    llm = ScriptedLLM(answers=["One sentence. It has two."])
    call = run_call(CallerSends(Text("Hm?")), CallerSilent(20.0), llm=llm, tts=Stalling())
    assert call.longest_silence(0.0, until=6.5) < 2.0
    assert call.conversation[-1] == ("assistant", "One sentence. It has two.")


def test_a_model_that_answers_nothing_is_apologised_for() -> None:
    """Reasoning alone is no answer: the caller is not left in silence."""
    call = run_call(CallerSends(Text("Hm?")), CallerSilent(9.0), llm=ScriptedLLM(answers=["<think> hm </think>"]))
    assert call.one(Error).code == "engine_error"
    assert call.conversation[-1] == ("assistant", SORRY)


def test_a_silent_engine_is_given_up() -> None:
    """A recogniser that never answers ends in an apology, not in dead air."""
    call = run_call(CallerSpeaks(1.0), CallerSilent(30.0), stt=ScriptedSTT(takes=1e6))
    assert "say that again" in call.conversation[-1][1]


def test_a_caller_who_hangs_up_ends_the_call_at_once() -> None:
    """Nothing is synthesised for nobody."""
    call = run_call(CallerSends(Text("Go")), CallerSilent(0.5), CallerSends(HangUp()), CallerSilent(60.0))
    assert call.reason == "caller_hung_up"
    assert call.transport.sent[-1][0] < 0.6


@pytest.mark.parametrize("seconds", [0.0, 0.04, 0.1, 0.22, 0.5, 0.9, 1.31, 1.34, 1.37, 1.4, 1.5, 2.5, 3.3])
def test_wherever_the_caller_vanishes_no_task_is_left(seconds: float) -> None:
    """The line ends at any point of a turn; `run` checks that every task of the call is gone."""
    assert run_call(CallerSpeaks(min(seconds, 1.0)), CallerSilent(max(0.0, seconds - 1.0))).reason == "caller_hung_up"


def test_a_silent_caller_is_ended() -> None:
    """Nobody speaks for CALL_IDLE_TIMEOUT_S: the line is freed, with a reason."""
    call = run_call(CallerSilent(100.0), call_idle_timeout_s=20)
    assert call.reason == "idle"
    assert call.one(Ended).at == pytest.approx(20, abs=1.1)


POLITE = Agent(name="T", prompt="P", reprompt="Are you there?", goodbye="Goodbye then, I will hang up.")


def test_a_silent_caller_is_asked_once_then_told_goodbye_and_hung_up_on() -> None:
    """After eight seconds, and eight more; the goodbye is heard to its end before the line is."""
    call = run_call(CallerSilent(60.0), agent=POLITE)
    assert call.reason == "caller_silent"
    assert call.conversation == [("assistant", "Are you there? Goodbye then, I will hang up.")]
    assert call.one(Ended).at == pytest.approx(8 + 0.9 + 8 + 1.8, abs=2.5)
    assert call.transport._ends <= call.one(Ended).at + 0.2


def test_a_caller_who_speaks_again_is_asked_again_before_any_goodbye() -> None:
    """What was silent once is not held against anybody."""
    call = run_call(*(CallerSilent(10.0), CallerSpeaks(1.0)) * 3, CallerSilent(4.0), agent=POLITE)
    assert call.reason == "caller_hung_up"
    assert [c for r, c in call.conversation if "Goodbye" in c] == []


def test_a_caller_who_talks_over_the_goodbye_does_not_stop_it() -> None:
    """It is protected: the last words are heard."""
    call = run_call(CallerSilent(19.5), CallerSpeaks(1.0), CallerSilent(30.0), agent=POLITE)
    assert call.reason == "caller_silent"
    assert call.conversation[-1][1].endswith("I will hang up.")
    assert call.all(BargeIn) == []


def test_a_caller_hears_that_an_operator_ends_the_call() -> None:
    """The sentence is heard to its end, then the line is hung up; where the call only transcribes, at once."""
    call = run_call(CallerSilent(30.0), operator_ends=3.0)
    assert call.reason == "ended_by_operator"
    assert call.conversation == [("assistant", FAREWELL)]
    assert 4.0 < call.one(Ended).at < 3.0 + LEAVE_FOR_OPERATOR
    mute = run_call(CallerSilent(30.0), operator_ends=3.0, hello=FirstMessage(codec="pcm", mode="transcribe_only"))
    assert mute.transport.sent == []
    assert mute.one(Ended).at == pytest.approx(3.0, abs=0.2)


def test_an_agent_without_words_for_it_leaves_the_silence_alone() -> None:
    """And so does a call that only wants the words written down."""
    assert run_call(CallerSilent(60.0)).transport.sent == []
    assert (
        run_call(
            CallerSilent(60.0), agent=POLITE, hello=FirstMessage(codec="pcm", mode="transcribe_only")
        ).transport.sent
        == []
    )


def test_a_call_has_a_longest_length() -> None:
    """CALL_MAX_S ends even a lively call."""
    call = run_call(*(CallerSpeaks(1.0), CallerSilent(3.0)) * 20, call_max_s=30)
    assert call.reason == "too_long"


def test_a_caller_who_never_pauses_is_answered() -> None:
    """A minute of speech without a pause is taken in pieces, and memory stays bounded."""
    stt = ScriptedSTT(hears=["a long story"])
    call = run_call(
        CallerSpeaks(60.0), CallerSilent(5.0), stt=stt, echo_gate=False
    )  # a tone over a tone: the gate takes it for ours
    assert len(call.all(TurnEnded)) == 3
    assert max(utterance.seconds for utterance in stt.utterances) < 28


def test_metrics_name_every_stage() -> None:
    """Each reply says where its time went."""
    metrics = ordinary(speculation=False).one(ReplyMetrics)
    assert metrics.asr_ms == pytest.approx(50, abs=5)
    assert metrics.llm_first_ms == pytest.approx(50, abs=5)
    assert metrics.tts_first_ms == pytest.approx(50, abs=5)
    assert (metrics.llm_ms or 0) > (metrics.llm_first_ms or 0)


def test_audio_starts_before_the_last_token() -> None:
    """Sentences go to the voice while the model goes on."""
    call = run_call(CallerSends(Text("Hm?")), CallerSilent(9.0), llm=ScriptedLLM(answers=[ANSWER], each=0.2))
    assert call.kinds.index("AudioStarted") < call.kinds.index("ReplyText")
    assert call.one(AudioDone).turn == 1


def test_a_reply_is_measured_once_however_it_ends() -> None:
    """Heard to its end, talked over, talked over while its sound was held, or replaced by another: one event each."""
    for after in (0.06, 0.3, 0.9, 1.33, 1.7):
        call = run_call(
            *(CallerSends(Text("Go")), CallerSilent(after), CallerSpeaks(1.0), CallerSilent(6.0)),
            stt=ScriptedSTT(hears=["Stop."]),
            llm=ScriptedLLM(answers=[LONG, "Sorry."]),
        )
        measured = [told.reply for told in call.all(ReplyMetrics)]
        assert measured == sorted(set(measured))
        assert {told.reply for told in call.all(BargeIn)} < set(measured)


def test_an_interrupted_reply_tells_nothing_more() -> None:
    """After the barge-in there is no end of its sound, no word, no token and no measure of it."""
    for after in (0.06, 0.3, 0.9, 1.33, 1.7):
        call = run_call(
            *(CallerSends(Text("Go")), CallerSilent(after), CallerSpeaks(1.0), CallerSilent(6.0)),
            stt=ScriptedSTT(hears=["Stop."]),
            llm=ScriptedLLM(answers=[LONG, "Sorry."], each=0.1),
        )
        barge_in = call.one(BargeIn)
        later = call.transport.events[call.transport.events.index(barge_in) + 1 :]
        assert [event for event in later if getattr(event, "reply", 0) == barge_in.reply] == []


def test_an_answer_that_was_talked_over_before_its_sound_is_measured_without_it() -> None:
    """As far as it came: the model was asked, and the caller has heard nothing that could be measured."""
    llm = ScriptedLLM(answers=[ANSWER, "So."], first=3.0)
    call = run_call(CallerSends(Text("Go")), CallerSilent(0.3), CallerSends(Text("Stop")), CallerSilent(9.0), llm=llm)
    cut, whole = call.all(ReplyMetrics)
    assert (cut.reply, cut.e2e_ms) == (1, None)
    assert cut.llm_from_ms == pytest.approx(0.0, abs=5)
    assert whole.e2e_ms is not None


def test_a_filler_is_told_apart_from_the_answer() -> None:
    """Its words are shown and not remembered, and the answer's latency is that of the answer's own first sound."""
    llm = ScriptedLLM(answers=[ANSWER], first=2.5)
    call = run_call(CallerSends(Text("Hm?")), CallerSilent(9.0), llm=llm)
    assert call.one(AudioStarted).filler
    assert call.one(AudioStarted).latency_ms == pytest.approx(700, abs=50)
    fillers = [told for told in call.all(AgentWords) if told.filler]
    assert "".join(told.text for told in fillers).split() == FILLERS[1].split()
    assert fillers[-1].ends == pytest.approx(0.3 * len(FILLERS[1].split()), abs=0.05)
    answer = [told for told in call.all(AgentWords) if not told.filler]
    assert "".join(told.text for told in answer).split() == ANSWER.split()
    assert answer[0].ends > fillers[-1].ends
    assert (call.one(ReplyMetrics).e2e_ms or 0.0) > 2500
    assert call.conversation[-1] == ("assistant", ANSWER)


def test_an_answer_without_a_filler_says_so() -> None:
    """Nor are its words a filler's."""
    call = ordinary()
    assert not call.one(AudioStarted).filler
    assert not any(told.filler for told in call.all(AgentWords))


def test_a_call_that_is_over_leaves_no_circle() -> None:
    """Ended in the middle of a reply, a pause, a check of an interruption: nothing waits for the garbage collector."""
    scripts = (
        (CallerSpeaks(1.0), CallerSilent(0.4)),
        (CallerSends(Text("Go")), CallerSilent(1.0)),
        (CallerSends(Text("Go")), CallerSilent(1.0), CallerSpeaks(0.3), CallerSilent(0.2)),
        (CallerSpeaks(1.0), CallerSilent(2.0), CallerSpeaks(2.0)),
    )

    async def story() -> list[object]:
        gc.collect()
        before = {id(one) for one in gc.get_objects()}
        for script in scripts:
            await finished_call(
                *script, llm=ScriptedLLM(answers=[LONG]), turn_profile="balanced", partials_every_ms=500
            )
        ours = ("lineside.call", "lineside.turns", "lineside.audio", "lineside.text")
        return [one for one in gc.get_objects() if str(type(one).__module__).startswith(ours) and id(one) not in before]

    gc.disable()
    try:
        assert run(story()) == []
    finally:
        gc.enable()


@pytest.mark.parametrize("wanted", ["server_stopping", "caller_silent", "ended_by_operator"])
def test_what_the_transport_says_counts_before_what_we_wanted(
    monkeypatch: pytest.MonkeyPatch, wanted: EndReason
) -> None:
    """The caller is gone already when the call is to be ended: that is why it ends."""

    async def leaves(context: CallContext, hears: CallerInput) -> EndReason:
        hears._end(wanted)
        return "line_lost"

    monkeypatch.setattr("lineside.call.session.run_line", leaves)
    assert run_call().reason == "line_lost"


def test_a_fault_of_ours_counts_before_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is raised, so that the log has it, and not hidden behind a caller who hung up."""

    async def leaves(context: CallContext, hears: CallerInput) -> EndReason:
        context.segmenter._later(SoundStarted(1.0))
        return "caller_hung_up"

    def broken(self: Floor, event: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("lineside.call.session.run_line", leaves)
    monkeypatch.setattr(Floor, "feed", broken)
    with pytest.raises(ExceptionGroup) as fault:
        run_call()
    assert fault.group_contains(ZeroDivisionError)


def test_the_first_reason_to_end_a_call_counts() -> None:
    """An operator who ends a call that is ending already changes nothing."""

    async def story() -> str:
        call = await finished_call(CallerSends(HangUp()), CallerSilent(5.0))
        call.call.end("ended_by_operator")
        return call.reason

    assert run(story()) == "caller_hung_up"
