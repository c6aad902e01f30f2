"""What a frame and a turn cost, in functions called: the same on every machine, and no dearer than it was."""

import pytest

CALLS = 16
# Functions of the gateway that are called, of Python and C, with room for a twelfth: docs/measured/performance.md.
SILENT, SPEAKING, LISTENING, TURN = 33, 47, 52, 12_600


@pytest.mark.models
def test_a_frame_and_a_turn_cost_no_more_than_their_budget() -> None:
    """A change that makes every frame or turn of every call dearer is seen here, whatever else the machine does."""
    from bench.cost import measured

    found = measured(CALLS, steps=True)
    assert found.silent <= SILENT, found
    assert found.speaking <= SPEAKING, found
    assert found.listening <= LISTENING, found
    assert found.turn <= TURN, found
