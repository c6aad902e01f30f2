"""Reasoning: never a word of it among the answer's, however it comes and however it is cut."""

import re
from itertools import groupby, pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lineside.engines.protocols import LlmRequest, Thought, Token
from lineside.engines.reasoning import ROOM, Answer, Habits, Reasoning
from lineside.errors import EngineError

# What models write, a "<" and a stray beginning of a tag among it; no whole tag.
WORDS = st.text(alphabet="ab <>/\nthink", max_size=12).filter(lambda text: "think" not in text)
TAGS = st.sampled_from(["<think>", "</think>", "<thinking>", "</thinking>", "<Think>", "</THINK>"])


def merged(pieces: list[Token | Thought]) -> list[tuple[type, str]]:
    """Neighbours of one kind as one."""
    return [(kind, "".join(piece.text for piece in group)) for kind, group in groupby(pieces, type)]


def sorted_out(pieces: list[str], *, inside: bool = False) -> list[tuple[type, str]]:
    reasoning = Reasoning(inside=inside)
    made = [given for piece in pieces for given in reasoning.feed(piece)]
    return merged(made + reasoning.end())


def cut(text: str, places: list[int]) -> list[str]:
    marks = sorted({0, len(text), *(place % (len(text) + 1) for place in places)})
    return [text[a:b] for a, b in pairwise(marks)]


@given(st.lists(WORDS | TAGS, max_size=8).map("".join), st.lists(st.integers(0, 1000), max_size=20), st.booleans())
def test_any_cut_gives_the_same(text: str, places: list[int], inside: bool) -> None:
    """Letter by letter, at once, or cut anywhere."""
    whole = sorted_out([text], inside=inside)
    assert sorted_out(cut(text, places), inside=inside) == whole
    assert sorted_out(list(text), inside=inside) == whole


@given(st.lists(st.tuples(st.booleans(), WORDS), max_size=6), st.lists(st.integers(0, 1000), max_size=20))
def test_nothing_of_a_thought_is_said_and_nothing_is_lost(parts: list[tuple[bool, str]], places: list[int]) -> None:
    """Thoughts and words go in, tagged; the same thoughts and words come out, but for space beside the tags."""
    text = "".join(f"<think>{words}</think>" if thought else words for thought, words in parts)
    assume(
        len(re.findall(r"<(?:/?)think(?:ing)?>", text)) == 2 * sum(thought for thought, _ in parts)
    )  # none by chance
    made = sorted_out(cut(text, places))
    for kind, thought in ((Thought, True), (Token, False)):
        came = "".join(words for made_kind, words in made if made_kind is kind)
        assert "".join(came.split()) == "".join("".join(w for t, w in parts if t is thought).split())


@given(WORDS, WORDS, st.lists(st.integers(0, 1000), max_size=20))
def test_a_thought_that_the_prompt_opened_ends_at_its_closing_tag(thought: str, said: str, at: list[int]) -> None:
    """As the chat templates of DeepSeek-R1 and Qwen3-Thinking give it."""
    made = dict(sorted_out(cut(f"{thought}</think>{said}", at), inside=True))
    assert made.get(Thought, "") == thought.lstrip()
    assert made.get(Token, "") == said.lstrip()


@pytest.mark.parametrize(
    ("text", "inside", "comes"),
    [
        ("Hello < there", False, [(Token, "Hello < there")]),
        ("a <thin", False, [(Token, "a <thin")]),
        ("a </thinking", False, [(Token, "a </thinking")]),
        ("<think>\n\n</think>\n\nHello", False, [(Token, "Hello")]),
        ("<thinking>why</think>Hello", False, [(Thought, "why"), (Token, "Hello")]),
        ("<think>cut off", False, [(Thought, "cut off")]),
        ("cut off", True, [(Thought, "cut off")]),
        ("<think>why</think>Hello", True, [(Thought, "why"), (Token, "Hello")]),
        ("Hello</think> there", False, [(Token, "Hellothere")]),
    ],
)
def test_what_comes_of_what(text: str, inside: bool, comes: list[tuple[type, str]]) -> None:
    """The tags go; what only looks like one stays."""
    assert sorted_out([text], inside=inside) == comes


def test_a_separate_field_for_thoughts_means_that_the_text_is_none() -> None:
    """A server with a reasoning parser: the model's name alone does not make its answer a thought."""
    reasoning = Reasoning(inside=True)
    assert reasoning.separate("why") + reasoning.feed("Hello") == [Thought("why"), Token("Hello")]


def test_a_model_is_known_by_its_name_or_from_its_first_unopened_tag() -> None:
    """The second answer of a model that nobody has heard of is sorted right from its first letter."""
    habits = Habits()
    for name in ("deepseek-r1:8b", "DeepSeek-R1-Distill-Qwen-7B", "Qwen/QwQ-32B", "qwen3-4b-thinking-2507"):
        assert habits.begins_inside(name)
        assert habits.room(name) == ROOM
    for name in ("llama3.2:3b", "qwen3:4b", "mistral:7b", "gpt-oss:20b"):
        assert not habits.begins_inside(name)
    assert (habits.room("qwen3:4b"), habits.room("llama3.2:3b")) == (ROOM, 0)

    for kind in (Token, Thought):
        answer = Answer("it", "newcomer", LlmRequest(), habits)
        (first,) = answer.feed("", "Hm.")
        assert isinstance(first, kind)
        assert answer.feed("", "</think>Hello") == [Token("Hello")]


def test_a_model_that_thinks_gets_room_for_it_and_says_no_more_than_asked() -> None:
    """Thoughts take from the same tokens: without room a short answer would be all thought."""
    habits = Habits()
    answer = Answer("it", "qwen3:4b", LlmRequest(max_tokens=2), habits)
    assert answer.max_tokens == 2 + ROOM
    for _ in range(50):
        assert answer.feed("hm ", "") == [Thought("hm ")]
    assert not answer.full
    for letter in "one":
        answer.feed("", letter)
    assert not answer.full
    answer.feed("", " two")
    assert answer.full
    assert Answer("it", "qwen3:4b", LlmRequest(max_tokens=2), habits, thinks=False).max_tokens == 2
    assert Answer("it", "newcomer", LlmRequest(max_tokens=2), habits).max_tokens == 2
    Answer("it", "newcomer", LlmRequest(), habits).feed("hm", "")
    assert Answer("it", "newcomer", LlmRequest(max_tokens=2), habits).max_tokens == 2 + ROOM


@pytest.mark.parametrize(
    ("pieces", "says"),
    [
        ([], "gave an empty answer"),
        ([("hm", "")], "used all its tokens for reasoning and gave no answer"),
        ([("", "<think>hm")], "used all its tokens for reasoning and gave no answer"),
        ([("", "word " * 2000)] * 9, "does not stop answering"),
        ([("word " * 2000, "")] * 9, "does not stop answering"),
    ],
)
def test_an_answer_that_is_none_or_has_no_end_is_a_failure(pieces: list[tuple[str, str]], says: str) -> None:
    """So that somebody else can answer."""
    answer = Answer("it", "m", LlmRequest(max_tokens=20), Habits())

    def hear() -> None:
        for thought, text in pieces:
            answer.feed(thought, text)
        answer.end()

    with pytest.raises(EngineError, match=says):
        hear()
