"""Two gateways behind a real HAProxy and a real nginx, set up as the examples say: they restart, and no call is lost.

TLS is left out; tests/browser/test_behind_a_proxy.py holds calls through it.
"""

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from lineside.protocol import Ended, Ready
from tests.gateway.balancers import BALANCERS, balanced, installed, until
from tests.gateway.test_app import ServedGateway, event, events, opened

PROXIED: dict[str, Any] = {"trusted_proxies": "127.0.0.1"}


class Caller:
    """Somebody who calls through the balancer, with no cookie."""

    def __init__(self, http: aiohttp.ClientSession, ws: aiohttp.ClientWebSocketResponse) -> None:
        self.http, self.ws = http, ws

    async def hang_up(self) -> str:
        """Why the call ended, in the gateway's words."""
        await self.ws.send_str('{"type":"hangup"}')
        (ended,) = [told for told in await events(self.ws) if isinstance(told, Ended)]
        await self.http.close()
        return ended.reason


async def call(url: str) -> Caller:
    """A call that is answered; a refusal fails the test."""
    http = aiohttp.ClientSession()
    try:
        ws = await http.ws_connect(f"{url}/ws/call")
        await ws.send_str('{"codec":"pcm"}')
        assert isinstance(await event(ws), Ready)
    except BaseException:
        await http.close()
        raise
    return Caller(http, ws)


@pytest.mark.parametrize("name", list(BALANCERS))
def test_both_gateways_restart_one_after_the_other_and_no_call_is_cut_or_refused(name: str, tmp_path: Path) -> None:
    """Each drains while calls are up on both and new ones come; those on it end when their callers hang up."""
    if not installed(name):
        pytest.skip(f"no {name} is installed, so two gateways were not tried behind it: apt-get install -y {name}")

    async def story() -> None:
        async with opened(**PROXIED) as a, opened(**PROXIED) as b, balanced(name, tmp_path, a.url, b.url) as url:
            callers = [await call(url) for _ in range(6)]
            assert (a.gateway.calls, b.gateway.calls) == (3, 3), "the one with the fewest gets the next"
            for leaves, stays in ((a, b), (b, a)):
                before = leaves.gateway.calls
                leaves.gateway.lines.drain.begin(None)
                callers += [await call(url) for _ in range(4)]
                assert leaves.gateway.calls == before, "a gateway that drains got a call"
                assert stays.gateway.calls == len(callers) - before
                gone = callers[: len(callers) // 2]
                callers = callers[len(gone) :]
                assert [await one.hang_up() for one in gone] == ["caller_hung_up"] * len(gone)
                leaves.gateway.lines.drain.undo()  # a new process in its place, that is ready
                await until(partial(takes_again, url, leaves, callers))
            assert {await one.hang_up() for one in callers} == {"caller_hung_up"}

    asyncio.run(story())


async def takes_again(url: str, gateway: ServedGateway, callers: list[Caller]) -> bool:
    """Whether new calls reach it."""
    before = gateway.gateway.calls
    callers.append(await call(url))
    if gateway.gateway.calls > before:
        return True
    await callers.pop().hang_up()
    return False


@pytest.mark.parametrize("name", list(BALANCERS))
def test_a_gateway_that_is_full_sends_callers_to_the_other_until_both_are(name: str, tmp_path: Path) -> None:
    """Then they hear of it, with 503."""
    if not installed(name):
        pytest.skip(f"no {name} is installed, so two gateways were not tried behind it: apt-get install -y {name}")

    async def story() -> None:
        async with (
            opened(max_concurrent_calls=1, **PROXIED) as a,
            opened(max_concurrent_calls=3, **PROXIED) as b,
            balanced(name, tmp_path, a.url, b.url) as url,
        ):
            callers = [await call(url) for _ in range(4)]
            assert (a.gateway.calls, b.gateway.calls) == (1, 3)
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await call(url)
            assert refused.value.status == 503
            for one in callers:
                await one.hang_up()

    asyncio.run(story())
