"""Kamailio in front of two linesides with the sample configuration: calls shared out, a full one passed over, drain."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from lineside.testclient.sip_phone import PhoneCall
from tests.gateway.test_sip_line import Line, line
from tests.telephones.ports import free_ports

SAMPLES = Path(__file__).parents[2] / "examples" / "kamailio"
SBIN = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin"))

pytestmark = pytest.mark.skipif(
    shutil.which("kamailio", path=SBIN) is None, reason="kamailio is missing: apt-get install kamailio"
)


class Dispatcher:
    """A Kamailio that runs, and its command line."""

    def __init__(self, uri: str, control: Path) -> None:
        self.uri, self._control = uri, control

    def command(self, *what: str) -> str:
        program = shutil.which("kamcmd", path=SBIN)
        assert program is not None
        done = subprocess.run(
            [program, "-s", f"unix:{self._control}", *what], capture_output=True, text=True, check=False, timeout=60
        )
        return done.stdout + done.stderr

    async def until(self, many: int, state: str) -> None:
        """Wait until so many destinations are in this state, such as AP: active, probed."""
        async with asyncio.timeout(60):
            while self.command("dispatcher.list").count(f"FLAGS: {state}") != many:  # noqa: ASYNC110
                await asyncio.sleep(0.2)


@asynccontextmanager
async def kamailio(folder: Path, *lines: Line) -> AsyncGenerator[Dispatcher, None]:
    """The sample configuration with addresses of this machine in place of its own."""
    port, control = free_ports(), folder / "ctl"
    text = (SAMPLES / "kamailio.cfg").read_text()
    for theirs, here in (
        ("listen=tcp:10.0.0.2:5060\n", ""),
        ("10.0.0.2:5060", f"127.0.0.1:{port}"),
        ("dispatcher@10.0.0.2", "dispatcher@127.0.0.1"),
        ("/run/kamailio/kamailio_ctl", str(control)),
        ("/etc/kamailio/dispatcher.list", str(folder / "dispatcher.list")),
        ('"ds_ping_interval", 5', '"ds_ping_interval", 1'),
        ("children=4", "children=2"),
    ):
        assert theirs in text, theirs
        text = text.replace(theirs, here)
    (folder / "kamailio.cfg").write_text(text)
    (folder / "dispatcher.list").write_text("".join(f"1 sip:127.0.0.1:{one.line.endpoint.port} 0 0\n" for one in lines))
    program = shutil.which("kamailio", path=SBIN)
    assert program is not None
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            program, "-f", str(folder / "kamailio.cfg"), "-DD", "-E", "-m", "32", "-Y", str(folder),
            stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        yield Dispatcher(f"sip:agent@127.0.0.1:{port}", control)
    finally:
        process.terminate()
        try:
            async with asyncio.timeout(60):
                await process.wait()
        except TimeoutError:
            process.kill()


def test_calls_are_shared_out_a_full_lineside_is_passed_over_and_one_drains(tmp_path: Path) -> None:
    """Both get calls; the one that is drained gets no more, its call goes on to its end, and it is back afterwards."""

    async def story() -> None:
        async with AsyncExitStack() as stack:
            small = await stack.enter_async_context(line(max_concurrent_calls=1))
            large = await stack.enter_async_context(line())
            front = await stack.enter_async_context(kamailio(tmp_path, small, large))
            await front.until(2, "AP")

            def under_way() -> int:
                return small.gateway.calls + large.gateway.calls

            calls = [await large.phone.call(front.uri) for _ in range(4)]
            assert (small.gateway.calls, large.gateway.calls) == (1, 3), "full: 486, and the next one is asked"
            drained = f"sip:127.0.0.1:{large.line.endpoint.port}"
            front.command("dispatcher.set_state", "dx", "1", drained)
            await asyncio.sleep(2.5)
            assert front.command("dispatcher.list").count("FLAGS: DX") == 1, "a probe does not bring it back"
            assert large.gateway.calls == 3, "calls that are up go on"
            while small.gateway.calls:
                await ended(calls.pop())
                await large.until("its end is at the gateway", lambda: under_way() == len(calls))
            await front.until(1, "AP")  # a probe has found that it takes calls again
            going_on = large.gateway.calls
            calls.append(await large.phone.call(front.uri))
            assert (small.gateway.calls, large.gateway.calls) == (1, going_on), "nothing new at the one that drains"
            front.command("dispatcher.set_state", "ap", "1", drained)
            calls.append(await large.phone.call(front.uri))
            assert (small.gateway.calls, large.gateway.calls) == (1, going_on + 1)
            for call in calls:
                await ended(call)
            await large.until("all ends went through the one in front", lambda: under_way() == 0)

    async def ended(call: PhoneCall) -> None:
        call.hang_up()
        assert (await call.ended).by == "us"

    asyncio.run(story())
