"""Thoughts are separated from speech, whatever family of marks a model uses and wherever the stream is cut."""

from itertools import groupby, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.text.thoughts import MAX_HEADER_CHARS, ThoughtSplitter

MARKERS = st.sampled_from(
    [
        "<think>",
        "</think>",
        "<Thinking>",
        "</thinking>",
        "◁think▷",
        "◁/think▷",
        "[THINK]",
        "[/THINK]",
        "<seed:think>",
        "</seed:think>",
        "<|channel|>",
        "<|message|>",
        "<|end|>",
        "<|start|>",
        "<|constrain|>",
        "<|START_THINKING|>",
        "<|END_THINKING|>",
        "<|return|>",
        "assistantfinal",
    ]
)
WORDS = st.sampled_from(
    ["analysis", "final", "commentary to=f", "assistant", " Hello", "<", "[", "◁", "<|", "a", " ", "\n"]
)


def split(pieces: list[str], *, inside: bool = False) -> list[tuple[bool, str]]:
    splitter = ThoughtSplitter(inside=inside)
    out = [given for piece in pieces for given in splitter.feed(piece)] + splitter.end()
    return [(kind, "".join(text for _, text in group)) for kind, group in groupby(out, lambda piece: piece[0])]


def cut(text: str, places: list[int]) -> list[str]:
    marks = sorted({0, len(text), *(place % (len(text) + 1) for place in places)})
    return [text[a:b] for a, b in pairwise(marks)]


@given(
    st.lists(MARKERS | WORDS | st.text(max_size=4), max_size=12).map("".join),
    st.lists(st.integers(0, 1000), max_size=20),
    st.booleans(),
)
def test_any_cut_gives_the_same(text: str, places: list[int], inside: bool) -> None:
    """Letter by letter, at once, or cut anywhere."""
    whole = split([text], inside=inside)
    assert split(cut(text, places), inside=inside) == whole
    assert split(list(text), inside=inside) == whole


def test_a_piece_without_words_is_none() -> None:
    """Servers send empty ones to begin, to stay awake and at the end."""
    splitter = ThoughtSplitter()
    assert [splitter.feed(text) for text in ("We", "", " open", "")] == [[(False, "We")], [], [(False, " open")], []]


@pytest.mark.parametrize(
    ("text", "thought", "said"),
    [
        (
            "<|channel|>analysis<|message|>The user wants hours.<|end|><|start|>assistant<|channel|>final<|message|>"
            "We open at nine.<|return|>",
            "The user wants hours.",
            "We open at nine.",
        ),
        (
            "<|start|>assistant<|channel|>commentary to=functions.hours <|constrain|>json<|message|>{}<|call|>"
            "<|start|>functions.hours to=assistant<|channel|>commentary<|message|>nine<|end|>"
            "<|start|>assistant<|channel|>final<|message|>At nine.",
            "{}nine",
            "At nine.",
        ),
        ("<|channel|>final<|message|>At nine.", "", "At nine."),
        ("<|start|>assistant<|message|>At nine.<|end|>", "", "At nine."),
        ("<|start|>user<|message|>And then?<|end|>", "And then?", ""),
        ("<|channel|>final At nine.", "", "At nine."),
        ("<|channel|>analysis hm <|channel|>final<|message|>At nine.", "", "At nine."),
        ("<|channel|>analysis Hm.<|end|>At nine.", "Hm.", "At nine."),
        ("analysisThe user wants hours.assistantfinalWe open at nine.", "The user wants hours.", "We open at nine."),
        ("analysisHm.assistantcommentaryWell.assistantfinalYes.", "Hm.Well.", "Yes."),
        ("analysis of your bill takes a day.", "", "analysis of your bill takes a day."),
        ("analysis", "", "analysis"),
        ("<thinking>why</thinking>Hello.", "why", "Hello."),
        ("<reasoning>why</reasoning>\n\nHello.", "why", "Hello."),
        ("<thought>why</thought>Hello.", "why", "Hello."),
        ("◁think▷why◁/think▷Hello.", "why", "Hello."),
        ("[THINK]why[/THINK]Hello.", "why", "Hello."),
        ("<seed:think>why</seed:think>Hello.", "why", "Hello."),
        ("<|START_THINKING|>why<|END_THINKING|>Hello.", "why", "Hello."),
        ("<|begin_of_thought|>why<|end_of_thought|>Hello.", "why", "Hello."),
        ("Hello [12], a < b, <b>bold</b>, [think", "", "Hello [12], a < b, <b>bold</b>, [think"),
    ],
)
def test_each_family_is_split(text: str, thought: str, said: str) -> None:
    """At once and letter by letter."""
    for pieces in ([text], list(text)):
        out = split(pieces)
        assert "".join(words for kind, words in out if kind) == thought
        assert "".join(words for kind, words in out if not kind) == said


def test_a_header_without_end_is_text() -> None:
    """No answer is lost for a <|message|> that never comes."""
    text = "<|channel|>final " + "We open at nine. " * 20
    assert len(text) > 2 * MAX_HEADER_CHARS
    assert split(list(text)) == [(False, "We open at nine. " * 20)]


def test_an_unopened_thought_ends_at_its_closing_tag() -> None:
    """What the prompt opened, the answer closes; and a model that nobody knew is known by that."""
    splitter = ThoughtSplitter(inside=True)
    assert splitter.feed("why</think>Hello.") == [(True, "why"), (False, "Hello.")]
    assert splitter.unopened
    splitter = ThoughtSplitter(inside=True)
    splitter.outside()
    splitter.outside()  # a second thought in its own field changes nothing
    assert splitter.feed("Hello.") == [(False, "Hello.")]
    assert not splitter.unopened
