"""Nobody talks an agent into a transfer that costs: only what the operator allows is asked of a line."""

import asyncio

import pytest

from lineside.transports.allowed_transfers import AllowedTransfers
from lineside.transports.line_control import OnlyHangsUp, TransferOutcome, TransferTarget

ALLOWED = ("+15550100", "+4420*", "support", "sip:*@10.0.0.5")


class Line(OnlyHangsUp):
    def __init__(self) -> None:
        self.asked: list[str] = []

    async def transfer(self, target: TransferTarget, how: str = "cold") -> TransferOutcome:
        self.asked.append(target.to)
        return TransferOutcome("transferred")


@pytest.mark.parametrize("to", ["+15550100", "0015550100", "+442071234567", "support", "sip:200@10.0.0.5"])
def test_an_allowed_target_is_asked_of_the_line(to: str) -> None:
    """Whole numbers however written, prefixes, queues, users of a PBX."""
    line = Line()
    outcome = asyncio.run(AllowedTransfers(line, ALLOWED).transfer(TransferTarget(to)))
    assert (outcome.result, line.asked) == ("transferred", [to])


@pytest.mark.parametrize(
    "to", ["911", "112", "+1 900 555 0100", "+14155550100", "sales", "sip:+15550100@evil.example", "", "x\r\ny"]
)
def test_any_other_is_refused_before_the_line_hears_of_it(to: str) -> None:
    """Emergency and premium numbers whatever is allowed; the caller goes on talking to the agent."""
    line = Line()
    outcome = asyncio.run(AllowedTransfers(line, (*ALLOWED, to, "9*", "1*")).transfer(TransferTarget(to)))
    if to in ("+14155550100", "sales", "sip:+15550100@evil.example"):
        outcome = asyncio.run(AllowedTransfers(line, ALLOWED).transfer(TransferTarget(to)))
        line.asked.clear()
    assert (outcome.result, line.asked) == ("rejected", [])
