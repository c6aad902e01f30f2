"""The stable beginning of what a caller is saying."""

import re

from hypothesis import given
from hypothesis import strategies as st

from lineside.call.live_listening import StableWords


def test_only_what_two_hearings_agree_on_is_told() -> None:
    """Marks and capitals may change; a word that turns out otherwise was never told."""
    agreed = StableWords()
    told = [agreed.feed(text) for text in ("I'd like", "I'd like two.", "I'd like to, change", "I'd like to change my")]
    assert told == ["", "I'd like", "", "I'd like to change"]


@given(st.lists(st.text("ab ,", max_size=12), max_size=6))
def test_what_was_told_never_changes(hearings: list[str]) -> None:
    """Every telling begins with the one before, whatever is heard."""
    agreed, before = StableWords(), ""
    for hearing in hearings:
        if told := agreed.feed(hearing):
            assert told.startswith(before)
            assert len(re.findall(r"\S+", told)) > len(re.findall(r"\S+", before))
            before = told
