"""Random input from outside is read or refused, and never a fault of ours."""

import pytest

from tests.fuzz.parsers import PARSERS, tried


@pytest.mark.parametrize("parser", PARSERS)
def test_a_reader_answers_or_refuses_whatever_it_is_given(parser: str) -> None:
    """Good input with pieces cut out, doubled, nested without end or swapped for noise; and noise alone."""
    tried(parser, 60)
