"""What the voice says for what is written."""

import re
import time
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token
from num2words import num2words

from lineside.text.normalize import CODE, SpokenStretch, said, spoken
from lineside.text.normalize.numbers import cardinal, ordinal, year
from lineside.text.scripts import GREEK, foreign_letters
from lineside.text.speakable import speakable

GOLDEN = Path(__file__).with_name("golden.tsv")
LINES = [line.split("\t") for line in GOLDEN.read_text(encoding="utf-8").splitlines() if "\t" in line]

# What the rules look at, in any order.
SCRAPS = (
    "** _ * ` ``` [ ]( ) ( # - | $ £ € 5 12 1,000 .5 % – — / @ : am pm a.m. Mar March 3rd 2026 st Dr. St. http:// www."
    " x.com a@b.co 👍 ❤️ ½ ٣ é 中文 क्षि ... … ?! & &amp; <br> < A AB ISP v2 Mbps GB order number 0800 +44 no. \\ ~ ² ' ’"
    " Mon 9am x 1/2 12-34-56 *100# >"
)
TEXTS = st.one_of(
    st.text(max_size=60),
    st.lists(st.sampled_from([*SCRAPS.split(), " ", " ", " ", "\n", "# ", "- ", "1. ", "\u2028", "\u200d"])).map(
        "".join
    ),
)

anything = settings(deadline=None, max_examples=200)  # two cores are shared: an example may take a while


def words(text: str) -> list[str]:
    return [word for word in text.split() if any(char.isalnum() for char in word)]


@pytest.mark.parametrize(("written", "expected"), LINES, ids=[written for written, _ in LINES])
def test_golden_line_is_said_as_an_agent_says_it(written: str, expected: str) -> None:
    """Each line of the golden set."""
    assert said(written.replace("\\n", "\n")) == expected


def test_golden_set_is_large_and_has_no_line_twice() -> None:
    """At least 600 different lines, in families that say what they stand for."""
    assert len({written for written, _ in LINES}) == len(LINES) >= 600
    assert len([line for line in GOLDEN.read_text(encoding="utf-8").splitlines() if line.startswith("# ")]) >= 50


SAYABLE = re.compile(r"[A-Za-zÀ-ÖØ-öø-ɏḀ-ỿ\u0300-\u036f.,;:!?'’\"“”‘()«»¿¡\s-]*")


@anything
@given(TEXTS)
def test_nothing_that_is_said_holds_a_sign_that_no_voice_can_say(text: str) -> None:
    """Letters and punctuation, whatever was written: no digit, no sign, no letter of another script."""
    assert SAYABLE.fullmatch(said(text))


@pytest.mark.parametrize("written", [written for written, _ in LINES])
def test_no_golden_line_is_said_with_a_sign(written: str) -> None:
    """Nor has any of them a written character lost."""
    whole = written.replace("\\n", "\n")
    assert SAYABLE.fullmatch(said(whole))
    assert "".join(stretch.written for stretch in spoken(whole)) == whole


@pytest.mark.parametrize(
    ("language", "written", "expected"),
    [
        ("en-US", "On 3/4 we close.", "On March fourth we close."),
        ("en-GB", "On 3/4 we close.", "On the third of April we close."),
        ("en", "On 3/4 we close.", "On three slash four we close."),
        ("en-AU", "You called on 3/4/2026.", "You called on the third of April twenty twenty-six."),
        ("en-US", "You called on 3/4/2026.", "You called on March fourth, twenty twenty-six."),
        ("en-CA", "You called on 3/4/2026.", "You called on three slash four slash twenty twenty-six."),
        ("en-GB", "It is due 2026-11-24.", "It is due the twenty-fourth of November twenty twenty-six."),
        ("en-US", "On 24/11 we close.", "On November twenty-fourth we close."),
        ("en-US", "About 3/4 of you.", "About three quarters of you."),
        ("en_GB", "From 24/12 to 26/12.", "From the twenty-fourth of December to the twenty-sixth of December."),
    ],
)
def test_day_and_month_are_said_in_the_order_of_the_locale(language: str, written: str, expected: str) -> None:
    """And as written where the locale does not tell."""
    assert said(written, language) == expected


@anything
@given(TEXTS, st.sampled_from(["en", "de"]))
def test_no_written_character_is_lost(text: str, language: str) -> None:
    """The written stretches, joined, are the text; none is empty."""
    sayings = spoken(text, language)
    assert "".join(saying.written for saying in sayings) == text
    assert all(saying.written for saying in sayings)


@anything
@given(st.one_of(TEXTS, st.text(max_size=80)), st.sampled_from(["en", "en-GB", "de", "pt-BR", "ru", "el", "ja", "ar"]))
def test_nothing_that_is_spoken_holds_a_character_that_the_voice_cannot_say(text: str, language: str) -> None:
    """No letter of another script, no picture, no control character, nothing invisible."""
    heard = said(speakable(text, language), language)
    unsayable = [char for char in heard if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Cn", "So"}]
    assert unsayable == []
    assert not re.search(f"[{foreign_letters(language).replace(GREEK, '')}]", heard)


@anything
@given(TEXTS, st.sampled_from(["en", "de"]))
def test_no_word_runs_across_two_stretches(text: str, language: str) -> None:
    """Counting the words of each stretch is counting those of the whole: the ledger of heard words lives on it."""
    sayings = spoken(text, language)
    assert words("".join(saying.said for saying in sayings)) == [w for saying in sayings for w in words(saying.said)]


@anything
@given(st.lists(st.from_regex(r"[a-z]{4,9}", fullmatch=True), min_size=1, max_size=8))
def test_ordinary_words_are_said_as_they_stand(plain: list[str]) -> None:
    """Small words without a rule are left alone, each its own stretch."""
    plain = [f"q{word}" for word in plain]  # no English word, so no rule
    assert [saying.said.strip() for saying in spoken(" ".join(plain))] == plain


def test_stretches_are_words_and_amounts() -> None:
    """What was heard is known to the word."""
    assert spoken("It costs **$5** a day, from Mar 3rd.") == [
        SpokenStretch("It ", "It "),
        SpokenStretch("costs ", "costs "),
        SpokenStretch("**$5** ", "five dollars "),
        SpokenStretch("a ", "a "),
        SpokenStretch("day, ", "day, "),
        SpokenStretch("from ", "from "),
        SpokenStretch("Mar ", "March "),
        SpokenStretch("3rd.", "third."),
    ]


def test_a_link_is_said_word_by_word_without_its_address() -> None:
    """The address belongs to the last word of the link."""
    assert [saying.written for saying in spoken("See [our page](https://lineside.example) now")] == [
        "See ",
        "[our ",
        "page](https://lineside.example) ",
        "now",
    ]


def test_code_is_one_stretch() -> None:
    """A code block is announced, not read out, closed or not."""
    assert spoken("```\nx = 1\n")[0] == SpokenStretch("```\nx = 1\n", f" {CODE} ")
    assert said("Try ```rm -rf /``` now.") == f"Try {CODE} now."


@pytest.mark.parametrize("silent", ["", " ", "\n", "👍", "**", "---", "|---|", "<br>", "…", "- ", "🇬🇧 ❤️"])
def test_what_has_no_words_is_silent(silent: str) -> None:
    """The voice is not asked to say nothing."""
    assert said(silent) == ""
    assert "".join(saying.written for saying in spoken(silent)) == silent


def test_other_languages_keep_their_numbers() -> None:
    """German is read by a German voice; only marks and pictures are taken out."""
    assert said("Das kostet **12,50 €** am 3.4. 👍", "de") == "Das kostet 12,50 € am 3.4."


def test_english_of_any_country_is_english() -> None:
    """Language tags carry a country."""
    assert said("$5", "en-GB") == "five dollars"


@anything
@given(st.integers(0, 10**15 - 1))
def test_numbers_agree_with_num2words(number: int) -> None:
    """Cardinal and ordinal numbers, but for the commas that num2words writes."""
    assert cardinal(number) == num2words(number).replace(",", "")
    assert ordinal(number) == num2words(number, to="ordinal").replace(",", "")


def test_a_number_beyond_all_names_is_read_digit_by_digit() -> None:
    """Nobody counts in quadrillions."""
    assert cardinal(10**15) == "one" + " zero" * 15


@anything
@given(st.integers(1000, 2999))
def test_years_agree_with_num2words(number: int) -> None:
    """Years are said in pairs."""
    assert year(number) == num2words(number, to="year").replace(",", "").replace("oh-", "oh ")


MARKED = st.recursive(
    st.lists(st.from_regex(r"q[a-z]{3,8}", fullmatch=True), min_size=1, max_size=3).map(" ".join),
    lambda inner: st.one_of(
        inner.map(lambda text: f"**{text}**" if not text.startswith("*") else text),
        inner.map(lambda text: f"*{text}*" if "*" not in text else text),
        inner.map(lambda text: f"_{text}_" if "_" not in text else text),
        inner.map(lambda text: f"`{text}`" if text.isalpha() else text),
        inner.map(lambda text: f"[{text}](https://q.example/q_q)" if "[" not in text else text),
        st.lists(inner, min_size=2, max_size=3).map(" ".join),
    ),
    max_leaves=6,
)
STARTS = st.sampled_from(["", "- ", "* ", "# ", "### ", "> ", "+ "])


@anything
@given(st.lists(st.tuples(STARTS, MARKED), min_size=1, max_size=4))
def test_markdown_is_read_as_markdown_it_reads_it(lines: list[tuple[str, str]]) -> None:
    """The words that are said are those that a browser would show."""
    text = "\n\n".join(start + line for start, line in lines)
    assert words(said(text).replace(".", " ")) == words(_shown(MarkdownIt().parse(text)))


def _shown(tokens: list[Token]) -> str:
    return " ".join(_shown(token.children) if token.children else token.content for token in tokens)


@pytest.mark.parametrize(
    "scrap", ["a", "a.", "a1", "1 ", "1.", "12-", ".", "…", "*a", "_a ", "[a](", "(", "'", "\n- ", "|-"]
)
def test_no_text_takes_long(scrap: str) -> None:
    """The longest piece there is, of the worst there is: no rule loses itself in it, for all calls would wait."""
    began = time.process_time()
    spoken((scrap * 600)[:599] + "!")
    assert time.process_time() - began < 0.5  # 0.03 s as measured; a rule that is lost takes hours
