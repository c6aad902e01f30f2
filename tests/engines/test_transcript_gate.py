"""Words that recognisers write where nobody said them start no turn, claim no floor and reach no model."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from lineside.audio.frame import Utterance
from lineside.engines.protocols import Transcription
from lineside.engines.transcript_gate import PACKED, GatedSTT, believable, compression, find_loop, gated
from lineside.engines.vendors.scripted import ScriptedSTT

anything = settings(deadline=None)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Thank you for watching!", 2.0),
        ("Thanks for watching and don't forget to like and subscribe.", 3.0),
        ("Please subscribe to my channel.", 2.0),
        ("Subtitles by the Amara.org community", 2.0),
        ("Captions by GetTranscribed.com", 2.0),
        ("Transcription by CastingWords", 2.0),
        ("See you in the next video.", 2.0),
        ("© 2023 Example Films", 2.0),
        ("The end.", 1.0),
        ("Untertitel im Auftrag des ZDF, 2020", 3.0),
        ("Sous-titrage ST' 501", 2.0),
        ("[BLANK_AUDIO]", 1.0),
        ("[ Silence ] (wind blowing)", 1.0),
        ("(upbeat music)", 2.0),
        ("♪ la la la ♪", 2.0),
        ("*coughs*", 1.0),
        ("...", 1.0),
        ("I'm sorry. " * 40, 3.0),
        ("I'm sorry. " * 40, 30.0),
        ("Okay. " * 30, 2.0),
        ("계속", 1.0),
        ("ご視聴ありがとうございました", 2.0),
        ("Продолжение следует...", 2.0),
        ("Thank you for calling, how can I help you today?", 0.3),
        ("word " * 200_000, 10.0),
    ],
)
def test_what_nobody_said_is_known_by_its_shape(text: str, seconds: float) -> None:
    """From a recogniser that gives no figures."""
    assert gated(Transcription(text), seconds).text == ""


@pytest.mark.parametrize(
    ("heard", "seconds"),
    [
        (Transcription("Thank you.", no_speech=0.93, avg_logprob=-0.3), 1.0),
        (Transcription("you", no_speech=0.85), 1.0),
        (Transcription("So what do you think?", no_speech=0.7, avg_logprob=-1.1), 2.0),
        (Transcription("I'm going to go.", no_speech=0.3, avg_logprob=-1.5), 2.0),
        (Transcription("Gracias a todos.", no_speech=0.4, language="spanish"), 2.0),
        (Transcription("Gracias a todos.", avg_logprob=-0.9, language="es"), 2.0),
    ],
)
def test_what_nobody_said_is_known_by_the_figures(heard: Transcription, seconds: float) -> None:
    """The probabilities that the recogniser gives, and the language that it heard."""
    assert gated(heard, seconds) == Transcription(
        "", sure=heard.sure, no_speech=heard.no_speech, avg_logprob=heard.avg_logprob, language=heard.language
    )


@pytest.mark.parametrize(
    ("heard", "seconds"),
    [
        (Transcription("No."), 0.15),
        (Transcription("No.", no_speech=0.22, avg_logprob=-1.1, language="english"), 0.3),
        (Transcription("No.", language="es", avg_logprob=-0.5), 0.3),
        (Transcription("Yes, please."), 0.4),
        (Transcription("Thank you.", no_speech=0.1, avg_logprob=-0.3), 0.8),
        (Transcription("Thank you for your help."), 1.2),
        (Transcription("Yes yes yes yes."), 1.0),
        (Transcription("I would like to watch the next video on my TV."), 3.0),
        (Transcription("Can I subscribe to the sports channel?"), 2.5),
        (Transcription("My name is Müller, I live in Łódź."), 3.0),
        (Transcription("It says (error five) on the box."), 2.0),
        (Transcription("Ich möchte kündigen.", language="German"), 2.0),
        (Transcription("And at the end it stops."), 2.0),
    ],
)
def test_what_was_said_passes(heard: Transcription, seconds: float) -> None:
    """One-word answers above all."""
    assert gated(heard, seconds) == heard


def test_digits_that_were_asked_for_may_be_five_times_the_same() -> None:
    """The recogniser listened for them; without that, they are a loop that nobody said."""
    heard = Transcription("3 3 3 3 3", no_speech=0.7, avg_logprob=-0.4)
    assert gated(heard, 2.0).text == ""
    assert gated(replace(heard, clear=False), 2.0).text == "3 3 3 3 3"


def test_only_what_was_made_up_is_taken_out() -> None:
    """The rest of what was heard stays."""
    assert gated(Transcription("My bill is wrong. Thank you for watching!"), 3.0).text == "My bill is wrong."
    assert gated(Transcription("[Music] My bill is wrong."), 3.0).text == "My bill is wrong."


def test_an_agent_of_another_language_hears_it() -> None:
    """A Russian desk takes Russian for words and Korean for none."""
    assert gated(Transcription("Здравствуйте."), 1.0, "ru").text == "Здравствуйте."
    assert gated(Transcription("계속"), 1.0, "ru").text == ""
    assert gated(Transcription("Guten Tag.", no_speech=0.4, language="german"), 1.0, "de-DE").text == "Guten Tag."


def test_every_recogniser_can_be_gated() -> None:
    """The gate stands behind a client, whatever the client is."""
    stt = GatedSTT(ScriptedSTT(hears=["Thank you for watching!", "No."], takes=0.0))
    noise = Utterance(b"\1\0" * 16000, 0.0, 1.0)
    assert [asyncio.run(stt.transcribe(noise)).text for _ in range(2)] == ["", "No."]


@anything
@given(st.text(max_size=300), st.floats(0, 60), st.sampled_from(["en", "ja", "ru"]))
def test_the_gate_adds_nothing(text: str, seconds: float, language: str) -> None:
    """What passes is made of characters that were heard, in their order."""
    left = iter(text)
    assert all(char in left for char in gated(Transcription(text), seconds, language).text if not char.isspace())


def test_loops_are_found_with_their_broken_last_copy() -> None:
    """Four words, said twice and a half."""
    loop = find_loop(["so", "thank", "you", "very", "much", "thank", "you", "very", "much", "thank", "you"])
    assert loop is not None
    assert (loop.start, loop.size, loop.end, loop.copies) == (1, 4, 11, 2)
    assert find_loop(["no", "two", "words", "here", "are", "the", "same"]) is None


def test_compression_tells_loops_from_speech() -> None:
    """The bound between them is 2.4."""
    assert compression("He was not an ill-disposed young man.") < 1.8
    assert compression("I'm sorry, " * 10) > 2.4
    assert compression("") == 0.0


def test_a_phrase_repeated_faster_than_anybody_speaks_is_kept_once() -> None:
    """Nine words in one second: the model said it again, the caller did not."""
    assert believable("Thank you very much. Thank you very much. Thank", 1.1, 0.02, -0.4) == "Thank you very much."
    assert believable("One moment please. One moment please.", 1.0, 0.05, -0.3) == "One moment please."


def test_a_phrase_repeated_at_the_pace_of_speech_is_the_callers() -> None:
    """Callers repeat themselves, and read out numbers with the same digit many times."""
    assert believable("No, no, no, no.", 1.6, 0.1, -0.5) == "No, no, no, no."
    digits = "It is 4 4 4 4 7 7."
    assert believable(digits, 3.0, 0.05, -0.3) == digits
    sentence = (
        "And so my fellow Americans ask not what your country can do for you ask what you can do for your country"
    )
    assert compression(f"{sentence} {sentence}") > PACKED, "what packs like a loop"
    assert believable(f"{sentence} {sentence}", 23.0, 0.09, -0.37) == f"{sentence} {sentence}"
    assert believable(" ".join([sentence] * 4), 30.0, 0.09, -0.37) == "", "faster than anybody speaks, and packed"


@pytest.mark.parametrize(
    ("said", "seconds", "no_speech", "avg_logprob"),
    [
        ("you", 1.0, 0.68, -1.74),  # digital silence
        ("You", 4.0, 0.63, -1.14),  # more of it
        ("I'm sorry.", 2.0, 0.30, -1.90),  # a telephone bell
        ("Oh", 2.0, 0.35, -1.24),  # a bark
        ("I'm going to use the airbrush.", 2.0, 0.53, -1.93),  # white noise
        ("Thank you.", 3.0, 0.68, -1.36),  # ringback
        ("I'm sorry, I'm sorry, I'm sorry.", 4.0, 0.32, -0.67),  # babble
        ("I'm going to put it on the side. " * 5, 5.0, 0.62, -0.65),  # white noise, long
        ("R" * 37, 1.5, 0.18, -0.75),  # a breath
    ],
)
def test_what_was_measured_on_noise_is_not_believed(
    said: str, seconds: float, no_speech: float, avg_logprob: float
) -> None:
    """Each of these came from a sound in which nobody speaks."""
    assert believable(said, seconds, no_speech, avg_logprob) == ""


@pytest.mark.parametrize(
    ("said", "seconds", "no_speech", "avg_logprob"),
    [
        ("Yes.", 0.56, 0.11, -0.93),
        ("No.", 0.88, 0.22, -1.10),
        ("Hello.", 0.72, 0.02, -1.17),
        ("Can you help me with something?", 1.2, 0.11, -0.39),
        ("Sarah.adams at Yahoo.com", 2.6, 0.51, -0.81),
        ("Can you check the status of my order number 1, 2, 3, 4, 5?", 3.6, 0.01, -0.3),
    ],
)
def test_what_was_measured_on_speech_is_believed(
    said: str, seconds: float, no_speech: float, avg_logprob: float
) -> None:
    """Each of these was said, some in noise."""
    assert believable(said, seconds, no_speech, avg_logprob) == said


@settings(deadline=None)
@given(st.text(max_size=300), st.floats(0, 60), st.floats(0, 1), st.floats(-5, 0))
def test_the_gates_add_nothing(said: str, seconds: float, no_speech: float, avg_logprob: float) -> None:
    """Whatever comes in, what goes out are words of it in their order, and the gates end."""
    words = iter(said.split())
    assert all(word in words for word in believable(said, seconds, no_speech, avg_logprob).split())
