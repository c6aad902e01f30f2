"""Tokens become pieces that can be spoken."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineside.text.sentences import CODE, ENDLESS, MAX_SENTENCE_CHARS, Sentences

_SCRAPS = (
    "Hello there. Dr. Smith e.g. i.e. ACME Inc. 10.30 a.m. p.m. U.S. 3.5 1,000 $1,250.50 no. No. 5 and but between —"
    " – - , ; : ! ? ?! ... … \" ' ( ) [ ]( ] ** * ` ``` 1. 2. 3. • 。 ！ 你好 ok. word a I'm yes, well, tomorrow, 👍"
)
SCRAPS = _SCRAPS.split()
TEXTS = st.one_of(
    st.text(max_size=80),
    st.lists(st.sampled_from([*SCRAPS, " ", " ", " ", " ", "\n", "\r\n", "\n- "]), max_size=60).map("".join),
    st.lists(st.sampled_from(SCRAPS), max_size=60).map(" ".join),
)
anything = settings(deadline=None, max_examples=200)  # two cores are shared: an example may take a while
AT_EASE = "This is long enough to be speaking for a while. "  # after it no clause is cut early


def cut(text: str, size: int = 1) -> list[str]:
    """The pieces of a text that comes in tokens of so many characters."""
    sentences = Sentences()
    pieces = [piece for at in range(0, len(text), size) for piece in sentences.feed(text[at : at + size])]
    return [*pieces, *sentences.end()]


def later(text: str) -> list[str]:
    """The pieces of a text that is not the first of its reply."""
    return cut(AT_EASE + text)[1:]


def solid(text: str) -> str:
    """Without spaces."""
    return "".join(text.split())


@anything
@given(TEXTS)
def test_nothing_is_lost_doubled_or_moved(text: str) -> None:
    """The pieces joined are the text, but for spaces; none is empty or has spaces around it."""
    pieces = cut(text)
    assert solid("".join(pieces)) == solid(text)
    assert all(piece and piece == piece.strip() for piece in pieces)


@anything
@given(TEXTS, st.lists(st.integers(1, 30), min_size=1))
def test_pieces_do_not_depend_on_the_tokens(text: str, sizes: list[int]) -> None:
    """However the model cuts its words, the caller hears the same."""
    sentences, pieces, at, turn = Sentences(), [], 0, 0
    while at < len(text):
        size = sizes[turn % len(sizes)]
        pieces += sentences.feed(text[at : at + size])
        at, turn = at + size, turn + 1
    assert [*pieces, *sentences.end()] == cut(text)


@anything
@given(TEXTS)
def test_an_ended_reply_holds_nothing_back(text: str) -> None:
    """After the end there is no rest."""
    sentences = Sentences()
    sentences.feed(text)
    sentences.end()
    assert sentences.end() == []


def test_the_first_clause_goes_out_at_its_comma() -> None:
    """The caller waits for it, and the word after the comma is a token away."""
    assert Sentences().feed("I can't see orders myself,") == ["I can't see orders myself,"]
    assert Sentences().feed("That costs 1,") == []  # and perhaps 250
    assert Sentences().feed("He says “I am sorry,") == []  # the quotation may end here
    assert later("That is all,") == ["That is all,"]
    assert Sentences().feed(AT_EASE + "That is all,") == [AT_EASE.strip()]
    assert Sentences().feed("I can't see orders ,") == ["I can't see orders ,"]  # as some models write it


@pytest.mark.parametrize("end", [".", "!", "?", "?!", "!!!", '."', ".)", ".**", "!”", ".'", ".`"])
def test_a_sentence_goes_out_at_the_space_after_it(end: str) -> None:
    """Nothing waits for the next word where the sentence plainly ended."""
    opened = "`" if end.endswith("`") else ""
    sentences = Sentences()
    assert sentences.feed(f"{opened}It is here{end}") == []
    assert sentences.feed(" ") == [f"{opened}It is here{end}"]


@pytest.mark.parametrize(
    "whole",
    [
        "I asked Dr. Smith about it.",
        "It is 3.5 metres, e.g. this one, i.e. the long one.",
        "We are ACME Inc. and they are not.",
        "He comes at 10.30 a.m. today.",
        "The U.S. Army is in the U.K. too.",
        "Take no. 5 or No. 7 or approx. 9.",
        "Mr. J. R. Smith and Mrs. Jones-Brown called.",
        "It is on St. James Road, see Prof. Green.",
        "Wait... what was that?",
        "Well… let me see.",
        "Go to lineside.example/help or write to help@lineside.example today.",
        "See [our help. It is good](https://lineside.example/a.b) now.",
        "Type `one. Two` now.",
        "It takes 5 hrs. or 300 mins. or so.",
    ],
)
def test_a_full_stop_within_a_sentence_does_not_end_it(whole: str) -> None:
    """Abbreviations, numbers, addresses."""
    assert later(whole) == [whole]


@pytest.mark.parametrize(
    "pieces",
    [
        ["We open at 9 a.m.", "Please come then."],
        ["They are ACME Inc.", "We are not."],
        ["Phones, tablets, etc.", "All of them."],
        ["That's ok.", "Anything else?"],
        ["I think not, no.", "Perhaps later."],
        ["You want option A.", "I see."],
        ["Hmm…", "Let me see."],
        ["Just a moment...", "Here it is."],
        ["It costs 5.", "That is all."],
        ['He said "yes."', "She did not."],
        ["(We are closed.)", "Call tomorrow."],
        ["Really?!", "Yes!", "No?"],
        ["你好。", "再见！", "ok"],
    ],
)
def test_sentences_that_end_do_end(pieces: list[str]) -> None:
    """Also where an abbreviation ends one."""
    assert later(" ".join(pieces)) == pieces


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("First line\nSecond line", ["First line", "Second line"]),
        ("Steps:\n1. Unplug it\n2. Wait. Then plug it in", ["Steps:", "1. Unplug it", "2. Wait.", "Then plug it in"]),
        ("- one\n- two. More\n\n* three", ["- one", "- two.", "More", "* three"]),
        ("You get • speed • peace", ["You get", "• speed", "• peace"]),
        ("Choose: 1. Reset 2. Restart 3. Call", ["Choose: 1. Reset", "2. Restart", "3. Call"]),
        ("It is 7. Then 8. And so on.", ["It is 7.", "Then 8.", "And so on."]),
        ("Do:\r\n```py\na = 1. b\n\nc\n```\nDone.", ["Do:", "```py\na = 1. b\n\nc\n```", "Done."]),
        ("So ```a. b``` is it", ["So", "```a. b```", "is it"]),
        ("```\nnever. closed\n\n", ["```\nnever. closed"]),
    ],
)
def test_lines_items_and_code_are_pieces(text: str, pieces: list[str]) -> None:
    """What a page would show apart is said apart; code is held together."""
    assert later(text) == pieces


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("Thank you for calling lineside, my name is Joe.", "Thank you for calling lineside,"),
        ("I can help you with that; what is your name?", "I can help you with that;"),
        ("Let me look at your line – one moment please.", "Let me look at your line –"),
        ("Let me look at your line—one moment please.", "Let me look at your line—"),
        ("I have checked your account details and all is well.", "I have checked your account details"),
        ("I would really like to help but I can not do it.", "I would really like to help"),
        ("Yes, I can certainly look at that, and then I call you.", "Yes, I can certainly look at that,"),
    ],
)
def test_the_first_clause_goes_out_early(text: str, first: str) -> None:
    """The caller is waiting: a clause that is long enough is spoken before its sentence is whole."""
    sentences = Sentences()
    out, taken = list[str](), 0
    for char in text:
        taken += 1
        if out := sentences.feed(char):
            break
    assert out == [first]
    assert taken <= len(first) + len(" and ")
    assert later(text) == [text]


@pytest.mark.parametrize(
    "whole",
    [
        "Yes, it is.",
        "It will cost you exactly $1,250.50 in all.",
        "There are more than twenty thousand and five of them.",
        "It costs you twenty-five pounds and ten pence.",
        "We come to your house between nine and five.",
        "Your bill is due on March 3, 2026.",
        "The numbers that you want are 12, 13 and 14.",
        "There were routers in a box of 12 and cables.",
    ],
)
def test_no_early_cut_chops_what_belongs_together(whole: str) -> None:
    """No lone interjection, and never inside a number, an amount or a date."""
    assert cut(whole) == [whole]


def test_a_short_first_sentence_leaves_the_next_one_early() -> None:
    """After a mere "Yes." the caller is still waiting."""
    assert cut("Yes. I can see your order here, it is on its way.") == [
        "Yes.",
        "I can see your order here,",
        "it is on its way.",
    ]


def test_a_very_long_sentence_is_cut_at_a_clause() -> None:
    """At its last clause before the limit."""
    long = "this is one of many clauses of a sentence that never ends, " * 8
    pieces = later(long)
    assert len(pieces) > 2
    assert all(piece.endswith("ends,") and len(piece) <= MAX_SENTENCE_CHARS + 10 for piece in pieces)


def test_a_very_long_sentence_without_clauses_is_cut_at_a_space() -> None:
    """Words stay whole."""
    pieces = later("word " * 200)
    assert all(set(piece.split()) == {"word"} and len(piece) <= MAX_SENTENCE_CHARS + 10 for piece in pieces)


@pytest.mark.parametrize("number", ["0800 123 45 67 89", "1 234 567", "DE89 3704 0044 0532 0130 00", "12 34"])
def test_a_very_long_sentence_is_not_cut_within_a_number(number: str) -> None:
    """Wherever the limit falls, its groups stay together."""
    for before in range(MAX_SENTENCE_CHARS - 40, MAX_SENTENCE_CHARS + 10):
        text = ("word " * 60)[:before].rsplit(" ", 1)[0] + f" {number} word" + " word" * 20
        pieces = later(text)
        assert " ".join(pieces).split() == text.split()
        groups = number.split()[1:] if number.startswith("DE") else number.split()
        assert any(" ".join(groups) in piece for piece in pieces), pieces


def test_text_without_any_place_to_cut_is_bounded() -> None:
    """No text is held for ever."""
    sentences = Sentences()
    assert [len(piece) for piece in sentences.feed("x" * 1500)] == [ENDLESS, ENDLESS]
    assert [len(piece) for piece in Sentences().feed("```" + "x" * CODE)] == [CODE]
    assert max(len(piece) for piece in cut("[" + "so it goes on. " * 60)) <= MAX_SENTENCE_CHARS + 20


@pytest.mark.parametrize("scrap", ["word ", "a. ", "1. ", "`", "[", "](", "Dr. ", "x", "—", ", ", "…", "。", " ", "\n"])
def test_the_cost_of_a_token_does_not_grow(scrap: str) -> None:
    """A reply of 40 000 characters in tokens of four, of whatever it consists: nothing is read again and again."""
    text = (scrap * 40_000)[:40_000]
    began = time.process_time()
    assert solid("".join(cut(text, 4))) == solid(text)
    assert time.process_time() - began < 4.0  # 0.1 to 0.4 s as measured, for ten thousand tokens
