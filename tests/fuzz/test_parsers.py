"""Random input from outside is read or refused, and never a fault of ours."""

from pathlib import Path

import pytest

from tests.fuzz.campaign import Campaign, FoundFault, corpus, keep
from tests.fuzz.mutation import BLOCK, inputs
from tests.fuzz.parsers import PARSERS, tried


@pytest.mark.parametrize("parser", PARSERS)
def test_a_reader_answers_or_refuses_whatever_it_is_given(parser: str) -> None:
    """Good input with pieces cut out, doubled, nested without end or swapped for noise; and noise alone."""
    tried(parser, 60)


@pytest.mark.parametrize("parser", PARSERS)
def test_a_reader_takes_what_it_once_failed_on(parser: str) -> None:
    """Every input that a long run found."""
    for raw in corpus(parser):
        PARSERS[parser][0](raw)


def test_a_long_run_goes_on_where_it_was_and_keeps_what_it_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped after one block, the next process makes the second; a fault is an input that can be tried again."""
    monkeypatch.setattr("tests.fuzz.campaign.CORPUS", tmp_path / "corpus")
    read = list[bytes]()
    Campaign(tmp_path, seed=3).block("reader", read.append, [b"good input"])
    Campaign(tmp_path, seed=3).block("reader", read.append, [b"good input"])
    assert read == [raw for block in (0, 1) for raw in inputs([b"good input"], "reader", 3, block)]
    assert len(set(read)) > BLOCK

    def fails(raw: bytes) -> None:
        if b"\xff" in raw:
            raise ZeroDivisionError

    again = Campaign(tmp_path, seed=3)
    with pytest.raises(FoundFault, match=r"reader: block 2, input .*: ZeroDivisionError"):
        again.block("reader", fails, [b"good input"])
    assert again.progress["reader"].faults == 1
    assert any(b"\xff" in raw for raw in corpus("reader"))
    assert keep("reader", b"\xff").parts[0] == "corpus"
