"""Who has taken a call of ours: what they say, and how long they speak before they wait."""

import pytest

from lineside.turns.answer_detector import AnswerDetector, kind_of

PERSONS = """
Hello?
Hello, Anna speaking.
Good morning, Miller Heating, Anna speaking, how can I help you?
Yeah?
He is not available right now, can I take something down for him?
She's not here at the moment.
Who is calling, please?
Hi, yes, this is she.
Can you hear me? Hello?
One moment, I'll get him.
No, you have the wrong number.
I'm busy, what is it?
"""
MACHINES = """
Hi, you've reached Anna. I can't come to the phone right now. Please leave a message after the tone.
Your call has been forwarded to an automatic voice message system. At the tone, please record your message.
The person you are trying to reach is not available. Please leave your message after the tone.
The customer you are calling is unavailable. Please try again later.
The mailbox is full and cannot accept any messages at this time.
Hello, this is Bob, sorry I'm unable to take your call. Leave your name and number and I'll get back to you.
You have reached the voicemail of Dr. Smith.
We're currently closed. Please leave a message and we'll call you back.
The subscriber you have dialled cannot be reached at the moment.
"""
SCREENS = """
Hi, if you record your name and reason for calling, I'll see if this person is available.
The person you're calling is using a screening service from Google and will get a copy of this conversation. Go ahead and say your name and why you're calling.
Please state your name after the tone and the reason for your call.
Hello, this is the assistant for the person you are calling. Can I ask what this is about?
"""  # noqa: E501
MENUS = """
Thank you for calling. For sales, press 1. For support, press 2.
Welcome to Acme. Please listen carefully as these options have changed.
To reach an operator press zero.
You are in the main menu.
"""


def lines(text: str) -> list[str]:
    return [line for line in text.strip().splitlines() if line]


SAID = {"voicemail": MACHINES, "screening": SCREENS, "ivr": MENUS}


@pytest.mark.parametrize("said", lines(PERSONS))
def test_what_a_person_says_is_nothing_of_a_machine(said: str) -> None:
    """Also where they speak of somebody who is not there."""
    assert kind_of(said) is None


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (one, kind)
        for text, kind in ((MACHINES, "voicemail"), (SCREENS, "screening"), (MENUS, "ivr"))
        for one in lines(text)
    ],
)
def test_machines_say_what_they_are(said: str, kind: str) -> None:
    """Voicemail of networks and of people, screening programs, menus."""
    assert kind_of(said) == kind


def test_a_short_greeting_and_half_a_second_of_silence_is_a_person() -> None:
    """The words are asked for once, in the pause; with them it is decided at its half second."""
    one = AnswerDetector()
    one.voice(0.8)
    assert one.verdict(1.2) is None
    one.silence(1.3)
    assert not one.words_wanted(1.4)
    assert one.words_wanted(1.6)
    assert not one.words_wanted(1.7)
    assert one.verdict(1.9) is None, "the words have not come"
    one.words("Hello?", 1.9)
    assert one.verdict(1.75) is None
    assert one.verdict(1.85) == "human"


def test_words_of_before_they_went_on_do_not_decide() -> None:
    """ "Hello." may be the beginning of a machine's sentence."""
    one = AnswerDetector()
    one.voice(0.5)
    one.silence(1.0)
    one.words("Hello.", 1.3)
    one.voice(1.4)
    one.silence(3.0)
    assert one.verdict(3.6) is None
    assert one.words_wanted(3.6)
    one.words("Hello. You have reached the voicemail of Anna.", 3.6)
    assert one.verdict(3.6) == "voicemail"


def test_who_talks_on_is_a_machine() -> None:
    """Its words are asked for while it talks; without any, nine seconds say enough."""
    one = AnswerDetector()
    one.voice(0.5)
    assert one.words_wanted(3.1)
    assert not one.words_wanted(4.0)
    assert one.words_wanted(5.7)
    assert one.verdict(9.0) is None
    assert one.verdict(9.6) == "voicemail"


def test_nobody_says_anything_and_noises_are_nobody() -> None:
    """After five seconds somebody may wait for us; a noise without words begins nothing."""
    one = AnswerDetector()
    assert one.verdict(4.9) is None
    assert one.verdict(5.0) == "unknown"
    noisy = AnswerDetector()
    noisy.voice(0.5)
    noisy.silence(0.8)
    noisy.words("", 1.2)
    assert noisy.verdict(1.4) is None
    assert noisy.verdict(5.1) == "unknown"


def test_a_recogniser_that_fails_holds_nobody_up() -> None:
    """After two and a half seconds of silence the agent speaks."""
    one = AnswerDetector()
    one.voice(0.5)
    one.silence(1.0)
    assert one.verdict(3.4) is None
    assert one.verdict(3.5) == "unknown"


def test_a_tone_is_a_machine_and_says_when_to_speak() -> None:
    """Once it is over; without a tone, two seconds after the greeting; after a minute in any case."""
    one = AnswerDetector()
    one.voice(0.5)
    one.silence(4.0)
    one.beep(4.4)
    assert one.verdict(4.5) == "voicemail"
    assert not one.message_due(4.6, sounding=True)
    assert one.message_due(4.8, sounding=False)
    without = AnswerDetector()
    without.voice(0.5)
    assert not without.message_due(3.0, sounding=False)
    without.silence(3.5)
    assert not without.message_due(5.4, sounding=False)
    assert without.message_due(5.5, sounding=False)
    without.voice(6.0)
    assert without.message_due(60.0, sounding=False)
