"""The load tester's own gateway as a process of its own: started, measured, ended."""

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

import aiohttp
import psutil
from msgspec import Struct

from lineside.errors import ConfigError
from lineside.loadtest.plan import LineName
from lineside.observability.trends import TrendSample, made_of
from lineside.processes.process import end_process, start_process

SERVER_READY_SECONDS = 60.0  # seconds
SHUTDOWN_SECONDS = 8.0  # seconds to end its calls and itself; then it is killed
READING_INTERVAL = 0.5  # seconds between two readings
METERS_WITHIN = 10.0  # seconds; a gateway that is full answers late
OUTPUT = 64 * 1024  # bytes of its last output that are kept


class ProcessUsage(Struct, frozen=True):
    """What the process had used, at a time on the monotonic clock."""

    at: float
    cpu_seconds: float  # since it began, its children's too
    rss: int  # bytes


class OwnGateway:
    """A running gateway, and what it has used."""

    def __init__(self, url: str, sip: str, audiosocket: str, process: psutil.Process) -> None:
        """`sip` and `audiosocket`: what telephones call; empty where they cannot."""
        self.url, self.sip, self.audiosocket, self.pid = url, sip, audiosocket, process.pid
        self._process = process
        self.readings: list[ProcessUsage] = []

    async def watch(self) -> None:
        """Read it twice a second, until cancelled or until it is gone."""
        clock = asyncio.get_running_loop().time
        with suppress(psutil.Error):
            while True:
                self.readings.append(self.read(clock()))
                await asyncio.sleep(READING_INTERVAL)

    async def meters(self) -> TrendSample:
        """Its own meters now. Raises `ConfigError` when it does not answer."""
        # Not above: the first import decides how this process counts, and `lineside serve` has yet to say.
        from prometheus_client.parser import text_string_to_metric_families

        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=METERS_WITHIN)) as http,
                http.get(f"{self.url}/metrics") as answer,
            ):
                return made_of(text_string_to_metric_families(await answer.text()))
        except (aiohttp.ClientError, TimeoutError) as cause:
            raise ConfigError(f"cannot read the metrics of the load test's gateway: {cause!r}") from None

    def read(self, at: float) -> ProcessUsage:
        """One reading. Raises `psutil.Error` when it is gone."""
        cpu, rss = 0.0, 0
        for process in [self._process, *self._process.children(recursive=True)]:
            with process.oneshot():
                times = process.cpu_times()
                cpu += times.user + times.system
                rss += process.memory_info().rss
        return ProcessUsage(at, cpu, rss)


def cores_used(readings: list[ProcessUsage], begin: float, end: float) -> float | None:
    """Cores that were busy between two times; None without two readings in between."""
    inside = [reading for reading in readings if begin <= reading.at <= end]
    if len(inside) < 2:
        return None
    first, last = inside[0], inside[-1]
    return (last.cpu_seconds - first.cpu_seconds) / (last.at - first.at)


@asynccontextmanager
async def own_gateway(*, speculation: bool, line: LineName = "browser") -> AsyncGenerator[OwnGateway, None]:
    """Start one with mock engines; it ends with the block, and with this process. Raises `ConfigError`."""
    argv = [
        sys.executable,
        "-m",
        "lineside.loadtest.server_under_test_main",
        "0",
        *(["--speculation"] if speculation else []),
        "--line",
        line,
    ]
    process = await start_process(argv, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
    said = bytearray()
    reading = asyncio.create_task(_keep(process, said), name="gateway output")
    try:
        url, sip, audiosocket = (await _addresses(process, reading, said)).split("\t")
        gateway = OwnGateway(url, sip, audiosocket, psutil.Process(process.pid))
        watching = asyncio.create_task(gateway.watch(), name="gateway readings")
        try:
            yield gateway
        finally:
            watching.cancel()
            await asyncio.wait([watching])
    finally:
        await end_process(process, grace=SHUTDOWN_SECONDS)
        reading.cancel()
        await asyncio.wait([reading])


async def _addresses(process: asyncio.subprocess.Process, reading: "asyncio.Task[None]", said: bytearray) -> str:
    """Where it answers, and what telephones call: the first line it prints."""
    assert process.stdout is not None  # noqa: S101
    try:
        async with asyncio.timeout(SERVER_READY_SECONDS):
            line = await process.stdout.readline()
    except TimeoutError:
        raise ConfigError(f"the load test's gateway was not ready within {SERVER_READY_SECONDS:g} s") from None
    if not line:
        await asyncio.wait([reading], timeout=SHUTDOWN_SECONDS)
        raise ConfigError(f"the load test's gateway did not start: {said.decode(errors='replace').strip()}")
    return line.decode().strip("\n").replace("localhost", "127.0.0.1")


async def _keep(process: asyncio.subprocess.Process, said: bytearray) -> None:
    """Read its log, so that it never waits for us; the last of it is kept, for the case that it fails."""
    while process.stderr and (block := await process.stderr.read(1 << 16)):
        said += block
        del said[:-OUTPUT]
