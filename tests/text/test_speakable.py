"""The door before the voice: what a caller may hear goes on, whatever the model wrote and however it was cut."""

import re
import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineside.text.scripts import GREEK, foreign_letters
from lineside.text.speakable import Speakable, speakable

_SCRAPS = """*smiles* *really* (laughs) (sighs [pause] [pause]( [x] [12] <break/> <break <|im_end|> <|im_start|>user
<|im_start|>assistant </s> [INST] [/INST] {"name": {"a":1} [{"b": }] <tool_call> </tool_call> ``` ```json ` get_balance(
functions.x( Agent: User: Customer: Thought: **Agent:** 您的 账单 。 счёт π μm (北京) iPhone 20 👍 \u200b
é < > ( ) [ ] * _ { }
<think> </think> <|channel|>final<|message|> $5 . , Hello there assistant <<SYS>> <</SYS>> <p> <your name> \x1f"""
SCRAPS = st.sampled_from([*_SCRAPS.split(), " ", " ", "\n"])
TEXTS = st.lists(SCRAPS | st.text(max_size=5), max_size=14).map("".join)
anything = settings(deadline=None, max_examples=400)


def stream(pieces: list[str], language: str = "en") -> str:
    speakable = Speakable(language)
    return "".join(speakable.feed(piece) for piece in pieces) + speakable.end()


def cut(text: str, places: list[int]) -> list[str]:
    marks = sorted({0, len(text), *(place % (len(text) + 1) for place in places)})
    return [text[a:b] for a, b in pairwise(marks)]


@anything
@given(TEXTS, st.lists(st.integers(0, 1000), max_size=20), st.sampled_from(["en", "ru", "ja"]))
def test_any_cut_gives_the_same(text: str, places: list[int], language: str) -> None:
    """Letter by letter, at once, or cut anywhere."""
    whole = speakable(text, language)
    assert stream(cut(text, places), language) == whole
    assert stream(list(text), language) == whole


@anything
@given(TEXTS)
def test_nothing_that_an_english_voice_cannot_say_goes_on(text: str) -> None:
    """No foreign word, no picture, no invisible character, no control token."""
    said = speakable(text)
    assert not re.search(f"[{foreign_letters('en').replace(GREEK, '')}]|[{GREEK}]{{2}}", said)  # pi has a name
    assert not set(said) & set("👍\u200b\x1f")
    assert "```" in text or "<|im_end|>" not in said


GONE = [
    # what models write, what goes on
    ("*smiles* Of course!", "Of course!"),
    ("*smiles warmly and nods* Of course!", "Of course!"),
    ("**Chuckles softly** Well.", "Well."),
    ("_sighs_ I see.", "I see."),
    ("Let me look. *typing sounds* There it is.", "Let me look. There it is."),
    ("*checks the account* It is paid.", "It is paid."),
    ("(laughs) Yes.", "Yes."),
    ("*The agent smiles* Yes.", "Yes."),
    ("*in a cheerful tone* Yes.", "Yes."),
    ("(with a warm smile) Yes.", "Yes."),
    ("[2 second pause] Yes. [pause 2s] No.", "Yes. No."),
    ("Goodbye. [hang up]", "Goodbye. "),
    ("One<#0.5#>two", "One two"),
    ("<tool>search</tool>Done.", "Done."),
    ("Well (chuckles softly), yes.", "Well , yes."),
    ("(short pause) Yes.", "Yes."),
    ("[pause] Yes.", "Yes."),
    ("[clears throat] Yes.", "Yes."),
    ("[excited] We open at nine! [whispers] Come early.", "We open at nine! Come early."),
    ("[BLANK_AUDIO] Yes.", "Yes."),
    ('<break time="500ms"/> One moment.', "One moment."),
    ("One<break/>two", "One two"),
    ('<speak><prosody rate="slow">One <emphasis level="strong">moment</emphasis></prosody>.</speak>', "One moment."),
    ('Your code is <say-as interpret-as="digits">4821</say-as>.', "Your code is 4821."),
    ('<amazon:effect name="whispered">Yes</amazon:effect>', "Yes"),
    ("Sure.<|im_end|>", "Sure."),
    ("Sure.<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nYes.", "Sure.\n\nYes."),
    ("Sure.<|im_end|>\n<|im_start|>user\nThanks!<|im_end|>\n<|im_start|>assistant\nBye.", "Sure.\n\nBye."),
    ("Sure.</s>", "Sure."),
    ("Sure.<end_of_turn>\n<start_of_turn>user\nThanks", "Sure.\n"),
    ("Sure.<｜end▁of▁sentence｜>", "Sure."),
    ("Sure.<|im_e", "Sure."),
    ("<s>[INST] <<SYS>>be kind<</SYS>> Hours? [/INST] At nine.</s>", "At nine."),
    ("[gMASK]Yes.<eos>", "Yes."),
    ("<|assistant|>Yes.<|user|>And?<|assistant|>No.", "Yes. No."),
    ("<0x0A>Yes.", "Yes."),
    ('{"name": "get_balance", "arguments": {"account": 123}}', ""),
    ('[{"name": "get_balance", "arguments": {"note": "a } or ] \\" in it"}}] Done.', "Done."),
    ("{'name': 'get_balance', 'arguments': {}} Done.", "Done."),
    ('One moment. {"name": "get_balance", "arguments": {"account', "One moment. "),
    ('{"name": "x", "arguments": {"a": 1}\n\nYour balance is 5.', "\nYour balance is 5."),
    ('<tool_call>\n{"name": "x", "arguments": {}}\n</tool_call>\nDone.', "\n\nDone."),
    ("<tool_call>get_x\n<arg_key>a</arg_key>\n<arg_value>1</arg_value>\n</tool_call>Done.", "Done."),
    ("<function=get_x><parameter=a>1</parameter></function>Done.", "Done."),
    ('<function_calls><invoke name="x"><parameter name="a">1</parameter></invoke></function_calls>Done.', "Done."),
    ('[TOOL_CALLS][{"name": "x", "arguments": {}}]', ""),
    ('[TOOL_CALLS]get_x{"a": 1}\nDone.', "\nDone."),
    ('<|python_tag|>get_x.call(a="1")<|eom_id|>', ""),
    ("<|tool_calls_section_begin|><|tool_call_begin|>functions.x:0<|tool_call_end|>", ""),
    ("[get_balance(account=123)] Done.", "Done."),
    ("get_balance(account=')') Done.", "Done."),
    ("functions.hours({}) Done.", "Done."),
    ('```json\n{"name": "x"}\n```\nDone.', "\nDone."),
    ("```tool_code\nprint(default_api.x())\n```\nDone.", "\nDone."),
    ('Action: get_x\nAction Input: {"a": 1}\nObservation: 5\nFinal Answer: Five.', "\n\n\nFive."),
    ("Thought: They want the hours.\nAnswer: At nine.", "\nAt nine."),
    ("<think>why</think>Because.", "Because."),
    ("<|channel|>analysis<|message|>why<|end|><|start|>assistant<|channel|>final<|message|>Because.", "Because."),
    ("Assistant: Hello.", "Hello."),
    ("**Agent:** Hello.", "Hello."),
    ("AI: Hello.\nUser: Thanks.\nAI: Bye.", "Hello.\nBye."),
    ("assistant\n\nHello.", "\nHello."),
    ("We open at nine.\nCustomer: Thanks!\nAgent: Bye.", "We open at nine.\nBye."),
    ("Your bill is 20 dollars. 您的账单是20美元。 Anything else?", "Your bill is 20 dollars. Anything else?"),
    ("Your bill is 20 dollars. Ваш счёт 20 долларов. Anything else?", "Your bill is 20 dollars. Anything else?"),
    ("Yes. 네, 20달러입니다. Anything else?", "Yes. Anything else?"),
    ("Yes. نعم، ٢٠ دولار. Anything else?", "Yes. Anything else?"),
    ("您的iPhone账单是20美元。", ""),
    ("It is called Пекин in Russian.", "It is called in Russian."),
    ("Great!👍Bye 👨‍👩‍👧 now", "Great! Bye now"),
    ("Zero\u200bwidth, \u202ebidi\u202c, soft\u00adhyphen", "Zerowidth, bidi, softhyphen"),
]


@pytest.mark.parametrize(("written", "said"), GONE, ids=[repr(written)[:40] for written, _ in GONE])
def test_what_nobody_should_hear_is_gone(written: str, said: str) -> None:
    """At once, letter by letter and in pieces of three."""
    assert speakable(written) == said
    assert stream(list(written)) == said
    assert stream([written[at : at + 3] for at in range(0, len(written), 3)]) == said


@pytest.mark.parametrize(
    "text",
    [
        "5 * 3 is 15, and 5*3*2 is 30.",
        "a < b and b > c, x <y",
        "See [12] and [x] and [our page](https://lineside.example/a_b) now.",
        "[pause](https://lineside.example) is a link.",
        "Note: it is free.\nStep 1: Unplug it.\nWarning: hot.",
        "Here is your booking:\nCustomer: Joe Smith\nCaller: none",
        "It is *really* _quite_ **simple**, on the *Basic* plan.",
        "* Wait a bit.\n* Plug it in.\n- [x] Done",
        "Item(s) sent (we are closed), (555) 010-1234.",
        "Press *100# and snake_case stays.",
        "Write to <help@lineside.example> or <https://lineside.example>.",
        "One<br>two <b>three</b> H<sub>2</sub>O",
        "Say <your name> after the tone.",
        "So {name} is a placeholder, {1, 2} a set.",
        'Type `ls` or ```rm <x> {"a": 1}``` now.',
        "I think so. The assistant is kind: yes.",
        "agent and user are words; assistant too.",
        "5 µm, π and 10 Ω",
        "Café, naïve, Zürich, Łódź, “quoted” — 5 € …",
        "get some rest(ing) now; please_wait is odd",
        "analysis of the bill takes a day",
        "He said [sic] that",
        "I laughed (a lot), then paused.",
        "The file is my_smiles_folder, the sum a*sighs*b.",
        "It takes 5 days (in the city) or (with a box) (5 seconds).",
        "Model: X100\nAnother [5 of 6] (2 lines)",
        "*The customer* is [agent] and [in stock].",
    ],
)
def test_what_people_write_survives(text: str) -> None:
    """To the letter, however it is cut."""
    assert speakable(text) == text
    assert stream(list(text)) == text


def test_plain_words_wait_for_nothing() -> None:
    """The first word of an answer goes on with its token."""
    speakable = Speakable()
    assert [speakable.feed(token) for token in ("Hello", ",", " how", " can", " I", " help?")] == (
        ["Hello", ",", " how", " can", " I", " help?"]
    )


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("ru", "Ваш счёт 20 долларов."),
        ("ja", "こんにちは、20ドルです。"),
        ("ko", "네, 20달러입니다."),
        ("el", "Καλημέρα"),
    ],
)
def test_a_voice_keeps_the_script_of_its_language(language: str, text: str) -> None:
    """And an English one gets none of them."""
    assert speakable(text, language) == text
    assert speakable(text).strip(" .") == ""


@pytest.mark.parametrize(
    "scrap", ["word ", "*", "<", "[", "(", "{", "`", "<a ", '{"', "您", "您1", "_", "a_", "<|", "\n", "[{"]
)
def test_no_text_takes_long(scrap: str) -> None:
    """An answer of 40 000 characters in tokens of four, of whatever it consists: nothing is read again and again."""
    text, began = (scrap * 40_000)[:40_000], time.process_time()
    stream([text[at : at + 4] for at in range(0, len(text), 4)])
    assert time.process_time() - began < 4.0
