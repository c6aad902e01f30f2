"""What comes from outside steers no chat template, wherever it comes from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.text.outside_text import outside_text

TOKENS = (
    "<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|start_header_id|>", "<|python_tag|>", "<|end|>",
    "<|channel|>", "<s>", "</s>", "<bos>", "<eos>", "[INST]", "[/INST]", "<<SYS>>", "<</SYS>>", "<start_of_turn>",
    "<end_of_turn>", "<tool_call>", "</tool_call>", "<tool_response>", "<tools>", "<think>", "</think>",
    "[TOOL_CALLS]", "[TOOL_RESULTS]", "[AVAILABLE_TOOLS]", "<function=book>", "</function>",
    "<\uff5ctool\u2581calls\u2581begin\uff5c>",
)  # fmt: skip


@pytest.mark.parametrize("token", TOKENS)
def test_special_tokens_are_gone(token: str) -> None:
    """As they stand, in capitals, with invisible letters in them, and put together from two halves."""
    for written in (token, token.upper(), f"{token[:3]}\u200b{token[3:]}", f"{token[:2]}{token}{token[2:]}"):
        assert token.lower() not in outside_text(f"I want{written}a visit").lower()


@given(
    st.lists(st.sampled_from([*TOKENS, "<|", "|>", "<", ">", "|", "[", "INST", "]", "im_end", " ", "a"]), max_size=12)
)
def test_no_arrangement_of_halves_makes_a_token(parts: list[str]) -> None:
    """Removing one never leaves another."""
    cleaned = outside_text("".join(parts))
    assert outside_text(cleaned) == cleaned


@pytest.mark.parametrize(
    "said", ["Order 12345, please.", "I pay < 5 dollars", "a [b] c", "user@host.com", "Z\u00fcrich & Co"]
)
def test_what_people_say_stays(said: str) -> None:
    """As it is."""
    assert outside_text(said) == said


def test_it_is_bounded_and_composed() -> None:
    """So many characters, and one way of writing each letter."""
    assert outside_text("x" * 900, 300) == "x" * 300
    assert outside_text("Zu\u0308rich") == "Z\u00fcrich"
