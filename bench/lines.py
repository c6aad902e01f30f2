"""What a call costs over each line, beside the same call in the browser; and how evenly sound leaves.

    .venv/bin/python bench/lines.py [--lines sip,audiosocket,asterisk-ws,twilio] [--callers 40] [--duration 60]
        [--rounds 2]

Each line is measured turn about with the browser in the same codec, over a gateway of its own with mock engines, so
that what else the machine does falls on both. Printed: the gateway's processor time for a call, the difference, the
spread of the rounds, and the milliseconds between two packets where lineside sends each at its time. For figures that
are to be kept: a machine that does nothing else, `--duration 600 --callers 40`.
"""

import argparse
import asyncio
from statistics import median
from types import SimpleNamespace
from typing import cast

import msgspec

from lineside.loadtest.mock_engines import ANSWER_SECONDS
from lineside.loadtest.plan import LineName, Plan
from lineside.loadtest.recordings import recordings_in
from lineside.loadtest.results import Goal, LoadTestResults
from lineside.loadtest.runner import hold_test
from lineside.loadtest.server_under_test import own_gateway
from lineside.protocol import Codec

CODECS: dict[LineName, Codec] = {
    "sip": "g711_ulaw",
    "audiosocket": "pcm",
    "asterisk-ws": "pcm",
    "twilio": "g711_ulaw",
}
BAR = 0.15  # percent of a core that a call over a line may cost beside the browser's
GAP = 25  # ms: p99 between two packets


async def main() -> None:
    told = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    told.add_argument("--lines", default=",".join(CODECS))
    told.add_argument("--callers", type=int, default=40)
    told.add_argument("--duration", type=float, default=60.0)
    told.add_argument("--rounds", type=int, default=2)
    wish = cast("SimpleNamespace", told.parse_args())
    print("line          codec        browser  line     beside   rounds            packets p50/p99/worst ms  errors")
    for line in cast("list[LineName]", wish.lines.split(",")):
        plan = Plan(
            url="", recordings=recordings_in(None), callers=wish.callers, duration=wish.duration,
            codec=CODECS[line], greeting=True, ramp=5.0,
            barge_in_rate=0.1, answer_seconds=ANSWER_SECONDS,
        )  # fmt: skip
        pairs = [(await held(plan, "browser"), await held(plan, line)) for _ in range(wish.rounds)]
        print(row(line, plan.codec, pairs), flush=True)


async def held(plan: Plan, line: LineName) -> LoadTestResults:
    """One load test over this line, in a gateway of its own."""
    async with own_gateway(speculation=False, line=line) as own:
        plan = msgspec.structs.replace(plan, line=line, url=own.url, sip=own.sip, audiosocket=own.audiosocket)
        found, _ = await hold_test(plan, Goal(1500.0), notice=lambda progress: None, own=own)
    return found


def cost(found: LoadTestResults) -> float:
    """Percent of a core for a call."""
    return (found.load.percent_per_call or 0.0) if found.load is not None else 0.0


def row(line: str, codec: str, pairs: list[tuple[LoadTestResults, LoadTestResults]]) -> str:
    browser, by_line = median(cost(one) for one, _ in pairs), median(cost(two) for _, two in pairs)
    beside = [cost(two) - cost(one) for one, two in pairs]
    spread = " ".join(f"{one:+.3f}" for one in beside)
    found = pairs[-1][1]
    packets = found.caller.get("packet interval")
    times = f"{packets.p50:.0f}/{packets.p99:.0f}/{packets.worst:.0f}" if packets is not None else "far buffer"
    verdict = "" if median(beside) <= BAR and (packets is None or packets.p99 <= GAP) else "  OVER THE BAR"
    return (
        f"{line:13} {codec:12} {browser:.3f} %  {by_line:.3f} %  {median(beside):+.3f} %  {spread:17} {times:25} "
        f"{found.errors or 'none'}{verdict}"
    )


if __name__ == "__main__":
    asyncio.run(main())
