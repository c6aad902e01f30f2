"""A scanner's flood against the SIP port while a call is up: what it costs the gateway, and whether the call notices.

    .venv/bin/python bench/sip_flood.py [--per-second 1000] [--seconds 10] [--allowed]

The flood comes from addresses that are not allowed (127.0.0.2), or with --allowed from one that is. Both ends run in
processes of their own. Printed: cores used with and without the flood, the intervals between the call's packets, what
the port answered.
"""

import argparse
import asyncio
import socket
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import cast

import psutil

from lineside.loadtest.server_under_test import OwnGateway, cores_used, own_gateway
from lineside.testclient.sip_phone import sip_phone

OPTIONS = (
    "OPTIONS sip:100@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.2:5066;branch=z9hG4bK-{number};rport\r\n"
    'From: "sipvicious"<sip:100@1.1.1.1>;tag=6132{number}\r\nTo: "sipvicious"<sip:100@1.1.1.1>\r\n'
    "Call-ID: {number}\r\nCSeq: 1 OPTIONS\r\nContact: <sip:100@127.0.0.2:5066>\r\nUser-Agent: friendly-scanner\r\n"
    "Max-Forwards: 70\r\nAccept: application/sdp\r\nContent-Length: 0\r\n\r\n"
)


async def main() -> None:
    told = argparse.ArgumentParser(description=__doc__)
    told.add_argument("--per-second", type=int, default=1000)
    told.add_argument("--seconds", type=float, default=10.0)
    told.add_argument("--allowed", action="store_true")
    wish = cast("SimpleNamespace", told.parse_args())
    async with own_gateway(speculation=False, line="sip") as own, calling(own) as intervals:
        port = int(own.sip.rpartition(":")[2])
        quiet = await measured(own, wish.seconds)
        print(f"without: {100 * quiet:.1f} % of a core; packets {shown(intervals)}")
        intervals.clear()
        source = "127.0.0.1" if wish.allowed else "127.0.0.2"
        flood = await asyncio.create_subprocess_exec(
            sys.executable, __file__, "--flood", source, str(port), str(wish.per_second), str(wish.seconds),
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        busy = await measured(own, wish.seconds)
        said, _ = await flood.communicate()
        print(f"with {wish.per_second} a second: {100 * busy:.1f} % of a core; packets {shown(intervals)}")
        print(said.decode().strip())


@asynccontextmanager
async def calling(own: OwnGateway) -> AsyncGenerator[list[float], None]:
    """One call that is up; the seconds between its packets."""
    intervals: list[float] = []
    latest = [0.0]

    def hear(sound: bytes) -> None:
        now = time.monotonic()
        if latest[0]:
            intervals.append(now - latest[0])
        latest[0] = now

    async with sip_phone() as phone:
        call = await phone.call(own.sip, hear)
        yield intervals
        call.hang_up()
        await call.ended


async def measured(own: OwnGateway, seconds: float) -> float:
    """Cores busy in the gateway's process over this time."""
    begin = asyncio.get_running_loop().time() + 0.5
    await asyncio.sleep(seconds)
    return cores_used(own.readings, begin, begin + seconds) or 0.0


def shown(intervals: list[float]) -> str:
    ordered = sorted(intervals)
    at = [ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000 for share in (0.5, 0.99, 1.0)]
    return f"p50 {at[0]:.1f}, p99 {at[1]:.1f}, worst {at[2]:.1f} ms apart"


def flood(source: str, port: int, per_second: int, seconds: float) -> None:
    """Send, and count what comes back."""
    psutil.Process().nice(5)
    answers = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind((source, 0))
        sender.setblocking(False)
        began, number = time.monotonic(), 0
        while (elapsed := time.monotonic() - began) < seconds:
            while number < elapsed * per_second:
                sender.sendto(OPTIONS.format(number=number).encode(), ("127.0.0.1", port))
                number += 1
            try:
                while sender.recv(2048):
                    answers += 1
            except BlockingIOError:
                time.sleep(0.001)
    print(f"sent {number} from {source}, {answers} answers")


if __name__ == "__main__":
    if "--flood" in sys.argv:
        flood(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5]))
    else:
        asyncio.run(main())
