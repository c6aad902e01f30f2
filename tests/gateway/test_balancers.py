"""Two gateways behind a real HAProxy and a real nginx, set up as the examples say: they restart, and no call is lost.

TLS is left out; tests/browser/test_behind_a_proxy.py holds calls through it.
"""

import asyncio
import re
import shutil
import signal
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from lineside.protocol import Ended, Ready
from tests.gateway.test_app import ServedGateway, event, events, opened

EXAMPLES = Path(__file__).parents[2] / "examples" / "proxies"
PROXIED: dict[str, Any] = {"trusted_proxies": "127.0.0.1"}
PATIENCE = 60.0  # seconds for a balancer to notice that a gateway is back


def haproxy(folder: Path, port: int) -> tuple[str, list[str]]:
    """The example without its certificate, and looking more often."""
    sample = (EXAMPLES / "haproxy.cfg").read_text()
    sample = re.sub(r"bind :443 ssl crt \S+", f"bind 127.0.0.1:{port}", sample.replace("inter 2s", "inter 100ms"))
    sample = sample.replace("maxconn 20000", "maxconn 100")  # descriptors that the machine of a test may not have
    return sample, ["haproxy", "-db", "-f", str(folder / "balancer.cfg")]


def nginx(folder: Path, port: int) -> tuple[str, list[str]]:
    """The same, in a folder of this test's."""
    sample = (EXAMPLES / "nginx-several.conf").read_text()
    sample = re.sub(r" +ssl_certificate.*\n", "", sample.replace("listen 443 ssl", f"listen 127.0.0.1:{port}"))
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temp = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    whole = f"daemon off; pid {folder}/pid; error_log {folder}/error.log;\nevents {{}}\n"
    whole += f"http {{ access_log off; {temp}\n{sample}\n}}\n"
    return whole, ["nginx", "-c", str(folder / "balancer.cfg"), "-p", str(folder)]


BALANCERS = {"haproxy": haproxy, "nginx": nginx}


@asynccontextmanager
async def balanced(name: str, folder: Path, *gateways: ServedGateway) -> AsyncGenerator[str, None]:
    """The balancer in front of two gateways; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    config, argv = BALANCERS[name](folder, port)
    for number, gateway in enumerate(gateways, 1):
        config = config.replace(f"10.0.0.1{number}:3001", gateway.url.removeprefix("http://"))
    (folder / "balancer.cfg").write_text(config)
    argv[0] = shutil.which(name) or f"/usr/sbin/{name}"
    with (folder / "output.log").open("w") as log:
        running = await asyncio.create_subprocess_exec(*argv, stdout=log, stderr=log, cwd=folder)
    try:
        url = f"http://127.0.0.1:{port}"
        await until(lambda: answers(url, running, folder))
        yield url
    finally:
        running.send_signal(signal.SIGTERM)
        await running.wait()


async def answers(url: str, running: asyncio.subprocess.Process, folder: Path) -> bool:
    assert running.returncode is None, (folder / "output.log").read_text()
    try:
        async with aiohttp.ClientSession() as http, http.get(f"{url}/ready") as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await true():  # noqa: ASYNC110 - another program tells us nothing
            await asyncio.sleep(0.05)


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
    if not (shutil.which(name) or Path(f"/usr/sbin/{name}").exists()):
        pytest.skip(f"no {name} is installed, so two gateways were not tried behind it: apt-get install -y {name}")

    async def story() -> None:
        async with opened(**PROXIED) as a, opened(**PROXIED) as b, balanced(name, tmp_path, a, b) as url:
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
    if not (shutil.which(name) or Path(f"/usr/sbin/{name}").exists()):
        pytest.skip(f"no {name} is installed, so two gateways were not tried behind it: apt-get install -y {name}")

    async def story() -> None:
        async with (
            opened(max_concurrent_calls=1, **PROXIED) as a,
            opened(max_concurrent_calls=3, **PROXIED) as b,
            balanced(name, tmp_path, a, b) as url,
        ):
            callers = [await call(url) for _ in range(4)]
            assert (a.gateway.calls, b.gateway.calls) == (1, 3)
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await call(url)
            assert refused.value.status == 503
            for one in callers:
                await one.hang_up()

    asyncio.run(story())
