"""An answer that the agent has given already to another question does not reach the caller once more."""

from collections.abc import AsyncGenerator, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.call.answer import written_answer
from lineside.call.repetition_guard import (
    ASK_BACK,
    OFFER_PERSON,
    RepetitionGuard,
    SaidAgain,
    in_place_of,
    misplaced,
    without_answer,
)
from lineside.call.written_text import AnswerPiece, WholeText
from lineside.engines.protocols import EngineInfo, LlmRequest, Message, Token, ToolCall
from lineside.engines.vendors.scripted import ScriptedSTT
from lineside.transports.scripted import CallerSilent, CallerSpeaks
from tests.call.fixtures import run_call
from tests.virtual_time import run

HOURS = "On Saturday we open at ten and close at four."
SAID = (Message("user", "When are you open on Saturday?"), Message("assistant", HOURS))


def passed(text: str, cuts: list[int], said: Sequence[str] = (HOURS,)) -> list[str]:
    guard = RepetitionGuard(said)
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    tokens = [Token(text[a:b]) for a, b in pairwise(places)]
    return [one.text for token in tokens for one in guard.feed(token)] + [one.text for one in guard.end()]


@given(cuts=st.lists(st.integers(1, 60), max_size=12), more=st.sampled_from(["", " And then?", "\n"]))
def test_an_earlier_answer_is_caught_wherever_it_is_cut(cuts: list[int], more: str) -> None:
    """By its first sentence, in any case, whatever follows."""
    for text in (HOURS, HOURS.upper(), f"  {HOURS}"):
        with pytest.raises(SaidAgain):
            passed(text + more, cuts)


@given(cuts=st.lists(st.integers(1, 60), max_size=12))
@pytest.mark.parametrize(
    "text",
    [
        "On Saturday we open at ten.",
        "On Saturday we open at ten and close at five.",
        "On Saturday we open at ten and close at four, except in August.",
        "Yes.",
        "On",
        "",
    ],
)
def test_every_other_answer_goes_on_whole(text: str, cuts: list[int]) -> None:
    """Token by token, whatever its first words share with an earlier one."""
    assert "".join(passed(text, cuts)) == text


def test_other_words_are_held_no_longer_than_they_could_be_the_same() -> None:
    """The first token that differs lets all go."""
    guard = RepetitionGuard([HOURS])
    assert guard.feed(Token("On Saturday ")) == []
    assert [one.text for one in guard.feed(Token("the shop"))] == ["On Saturday ", "the shop"]
    assert [one.text for one in guard.feed(Token(" is open"))] == [" is open"]


def test_a_turn_of_phrase_may_come_again() -> None:
    """Short sentences are no answers."""
    assert passed("You're very welcome.", [], ["You're very welcome."]) == ["You're very welcome."]


@pytest.mark.parametrize(
    ("question", "caught"),
    [
        ("My internet connection is terribly slow.", True),
        ("Do you sell mobile telephones?", True),
        ("When are you open on Saturday?", False),  # the same
        ("And what about opening hours on a Saturday afternoon?", False),  # part of it
        ("Please repeat that for my husband.", False),
        ("Sorry, could you say that again for my neighbour?", False),
        ("I didn\u2019t catch your telephone number.", False),
        ("And until when?", False),  # too few words to tell
        ("Okay, wonderful.", False),
        ("", False),
    ],
)
def test_an_answer_may_come_again_where_it_may_be_meant(question: str, caught: bool) -> None:
    """It is asked for again, or nobody can tell that it is not."""
    assert misplaced(SAID, question) == ([HOURS] if caught else [])


@pytest.mark.parametrize(
    "answer",
    ["I don't know that, I'm afraid, but a colleague will.", "I have you down for Tuesday at ten. Is that right?"],
)
def test_what_is_not_known_and_what_is_asked_back_may_be_said_again(answer: str) -> None:
    """An agent that knows neither of two things says so twice; a read-back waits for its yes."""
    said = (Message("user", "Where is my parcel now?"), Message("assistant", answer))
    assert misplaced(said, "Do you sell mobile telephones?") == []


def test_the_greeting_has_its_own_guard() -> None:
    """What was said unasked answers no question."""
    assert misplaced((Message("assistant", HOURS),), "Do you sell mobile telephones?") == []


def test_the_answer_is_taken_out_with_its_question() -> None:
    """Roles still take turns."""
    system, asks = Message("system", "You answer."), Message("user", "Do you sell mobile telephones?")
    assert without_answer((system, *SAID, asks), HOURS) == (system, asks)
    assert without_answer((system, asks), HOURS) == (system, asks)


def test_the_second_time_a_person_is_offered() -> None:
    """Whoever is asked back twice hangs up."""
    assert in_place_of(SAID) == ASK_BACK
    assert in_place_of((*SAID, Message("user", "My internet is slow."), Message("assistant", ASK_BACK))) == OFFER_PERSON


class Parrot:
    """Says its first answer to everything, for as long as it sees it; then what it was given, if anything."""

    info = EngineInfo()

    def __init__(self, otherwise: str = HOURS, calls: bool = False) -> None:
        self.asked: list[Sequence[Message]] = []
        self._otherwise, self._calls = otherwise, calls

    async def reply(self, messages: Sequence[Message], ask: LlmRequest) -> AsyncGenerator[Token | ToolCall, None]:
        copies = not self.asked or any(message.content == HOURS for message in messages)
        self.asked.append(messages)
        if self._calls:
            yield ToolCall("1", "look", "{}")
        for word in (HOURS if copies else self._otherwise).split(" "):
            yield Token(f"{word} ")


def answered(llm: Parrot, question: str, language: str = "en") -> list[str]:
    asks = (*SAID, Message("user", question))

    async def story() -> list[str]:
        parts = [part async for part in written_answer(llm, asks, LlmRequest(), language, said_before=SAID)]
        assert "".join(part.text for part in parts if isinstance(part, AnswerPiece)).strip()
        return [part.text for part in parts if isinstance(part, WholeText)]

    return run(story())


def test_a_model_that_repeats_itself_is_asked_once_more_without_what_it_said() -> None:
    """And what it says then is heard."""
    llm = Parrot("We do not sell telephones.")
    assert answered(llm, "Do you sell mobile telephones?") == ["We do not sell telephones."]
    assert [message.content for message in llm.asked[1]] == ["Do you sell mobile telephones?"]


def test_a_model_that_can_say_nothing_else_asks_back() -> None:
    """The caller hears no answer to a question that they have not asked."""
    assert answered(Parrot(), "Do you sell mobile telephones?") == [ASK_BACK]


def test_the_same_question_gets_the_same_answer_at_once() -> None:
    """Nobody is asked twice for it."""
    llm = Parrot()
    assert answered(llm, "When are you open on Saturday?") == [HOURS]
    assert len(llm.asked) == 1


def test_a_model_that_has_called_a_tool_is_not_asked_once_more() -> None:
    """The tool would be called twice."""
    llm = Parrot(calls=True)
    assert answered(llm, "Do you sell mobile telephones?") == [HOURS]
    assert len(llm.asked) == 1


def test_the_rules_are_of_english() -> None:
    """Which words name a subject is not known of other languages."""
    assert answered(Parrot(), "Do you sell mobile telephones?", "de") == [HOURS]


def test_a_caller_hears_no_answer_to_what_they_have_not_asked() -> None:
    """In a whole call with a model that always says the same: it is asked back, then a person is offered."""
    questions = [
        "When are you open on Saturday?",
        "Do you sell mobile telephones?",
        "My internet connection is terribly slow.",
        "When are you open on Saturday?",
    ]
    script = [part for _ in questions for part in (CallerSpeaks(1.0), CallerSilent(9.0))]
    call = run_call(*script, stt=ScriptedSTT(hears=questions), llm=Parrot())
    told = [text for who, text in call.conversation if who == "assistant"]
    assert told == [HOURS, ASK_BACK, OFFER_PERSON, HOURS]
