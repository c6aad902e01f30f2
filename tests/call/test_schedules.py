"""Random schedules of the caller's business, without sound: many in a second. `bench.schedules` runs any number."""

import pytest
from bench.schedules import AGENT, RandomCall, tried
from msgspec.structs import replace

from lineside.agents.agent import load_agent


@pytest.mark.parametrize("native", [False, True], ids=["by rule", "by a model"])
def test_nothing_is_done_twice_unconfirmed_or_untold_whatever_happens(native: bool) -> None:
    """Barge-in, second thoughts, slow and broken tools, dead models, a process that is killed: forty schedules."""
    agent = replace(load_agent(AGENT), tool_calls="native" if native else "by_rule")
    held: list[RandomCall] = [tried(seed, agent, native=native) for seed in range(40)]
    assert [call.faults for call in held if call.faults] == []
    assert sum(len(call.writes) for call in held) > 5, "something was done at all"
    assert any(call.killed for call in held)
