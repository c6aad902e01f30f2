"""What breaks, a function each: it does its worst while callers call, and says what may come of it."""

import asyncio
import errno
import importlib.util
import os
import shutil
import struct
import subprocess
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bench.chaos.centre import DRAIN, Centre
from bench.chaos.ray_engines import kill_replica
from bench.chaos.score import Allowed
from msgspec import Struct

from lineside.engine_server.scale.plan import ROLES

SETTLED = 5.0  # seconds in which nothing breaks, before and after
DATABASE_AWAY = 60.0  # seconds
ENGINES_STALL, PARTED, DISK_FULL, CLOCK_WRONG, REPLACED = 15.0, 30.0, 20.0, 15.0, 15.0  # seconds
STORE_AWAY = 30.0  # seconds
DISK = 8  # MB of the disk that is filled
CLOCK_OFF = 300  # seconds
WALL_CLOCK = Path(__file__).with_name("wall_clock.c")

Mark = Callable[[str], None]  # notes what happens now, for the picture


class Scenario(Struct, frozen=True):
    """One thing that breaks."""

    name: str
    about: str
    seconds: float  # that callers call
    breaks: Callable[[Centre, Mark], Awaitable[Allowed]]
    environment: Callable[[Path], Mapping[str, str]] = lambda folder: {}  # of gateway b
    needs: Callable[[], str] = lambda: ""  # what this machine lacks for it
    small_disk: bool = False  # gateway b's DATA_DIR is a disk of its own
    records: bool = False  # calls are recorded, into an S3 store
    on_ray: bool = False  # the engines are replicas on a cluster of Ray


async def rolling_restart(centre: Centre, mark: Mark) -> Allowed:
    """Each gateway is stopped as systemd does it, drains, ends, and is started again; then the other."""
    for site in centre.sites:
        mark(f"{site.gateway.name} is stopped")
        await site.gateway.stop(within=DRAIN)
        mark(f"{site.gateway.name} has ended")
        await site.gateway.start()
        mark(f"{site.gateway.name} is ready")
        await asyncio.sleep(SETTLED)
    return Allowed()


async def gateway_killed(centre: Centre, mark: Mark) -> Allowed:
    """SIGKILL; its calls are lost, and no other. Whoever starts it again has their records."""
    gateway = centre.sites[1].gateway
    calls = await gateway.calls()
    mark(f"{gateway.name} is killed, with {calls} calls")
    await gateway.kill()
    await asyncio.sleep(SETTLED)
    await gateway.start()
    mark(f"{gateway.name} is ready")
    await asyncio.sleep(SETTLED)
    return Allowed(cut=calls, words=calls)


async def database_away(centre: Centre, mark: Mark) -> Allowed:
    """PostgreSQL crashes, and is back a minute later."""
    mark("PostgreSQL crashes")
    await asyncio.to_thread(centre.server.stop)
    try:
        await asyncio.sleep(DATABASE_AWAY)
    finally:
        await asyncio.to_thread(centre.server.start)
    mark("PostgreSQL is back")
    await asyncio.sleep(SETTLED)
    return Allowed()


async def engines_stall(centre: Centre, mark: Mark) -> Allowed:
    """The engine server takes requests and answers none, for both gateways."""
    mark("engines stall")
    for site in centre.sites:
        site.engines.pull()
    await asyncio.sleep(ENGINES_STALL)
    for site in centre.sites:
        site.engines.plug_in()
    mark("engines answer")
    await asyncio.sleep(SETTLED)
    return Allowed()


async def gateway_parted(centre: Centre, mark: Mark) -> Allowed:
    """Gateway b reaches neither the database nor the engine server; callers still reach it."""
    site = centre.sites[1]
    mark("b is cut off from database and engines")
    site.database.pull()
    site.engines.pull()
    await asyncio.sleep(PARTED)
    site.database.plug_in()
    site.engines.plug_in()
    mark("b reaches them again")
    await asyncio.sleep(SETTLED)
    return Allowed()


async def disk_full(centre: Centre, mark: Mark) -> Allowed:
    """There is no room left for a byte in gateway b's DATA_DIR."""
    ballast = centre.sites[1].gateway.data / "ballast"
    mark("b's disk is full")
    until = asyncio.get_running_loop().time() + DISK_FULL
    while asyncio.get_running_loop().time() < until:  # what lineside frees meanwhile is taken too
        await asyncio.to_thread(_fill, ballast)
        await asyncio.sleep(0.2)
    ballast.unlink()
    mark("b's disk has room")
    await asyncio.sleep(SETTLED)
    return Allowed()


def _fill(ballast: Path) -> None:
    with ballast.open("ab", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while file.write(b"\0" * size) == size:
                    pass
            except OSError as full:
                if full.errno != errno.ENOSPC:
                    raise


async def clock_off(centre: Centre, mark: Mark) -> Allowed:
    """Gateway b's clock jumps five minutes ahead, then five minutes back behind the right time."""
    told = centre.sites[1].gateway.folder.parent / "clock"
    for off, what in ((CLOCK_OFF, "5 minutes ahead"), (-CLOCK_OFF, "5 minutes behind"), (0, "right again")):
        _set_clock(told, off)
        mark(f"b's clock is {what}")
        await asyncio.sleep(CLOCK_WRONG)
    return Allowed()


async def store_away(centre: Centre, mark: Mark) -> Allowed:
    """The store of recordings takes nothing that either gateway sends."""
    assert centre.store is not None
    mark("the store of recordings is away")
    centre.store.cable.pull()
    await asyncio.sleep(STORE_AWAY)
    centre.store.cable.plug_in()
    mark("the store is back")
    await asyncio.sleep(SETTLED)
    return Allowed()


async def replica_killed(centre: Centre, mark: Mark) -> Allowed:
    """SIGKILL to one of the two replicas of each role, one role after the other."""
    for role in ROLES:
        mark(f"a replica of {role} is killed")
        kill_replica(role)
        await asyncio.sleep(REPLACED)
    return Allowed()


def _set_clock(told: Path, off: int) -> None:
    with told.open("r+b" if told.exists() else "wb") as file:
        file.write(struct.pack("=q", off))


def _faked_clock(folder: Path) -> Mapping[str, str]:
    """The wall clock alone: Linux has others for what is counted."""
    library, told = folder / "wall_clock.so", folder / "clock"
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", str(library), str(WALL_CLOCK)], check=True)
    _set_clock(told, 0)
    return {"LD_PRELOAD": str(library), "CLOCK_OFF_FILE": str(told)}


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """The folder as a disk of a few megabytes, in memory; unmounted after the block."""
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}m", "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def _needs_compiler() -> str:
    return "" if shutil.which("cc") else "no C compiler: apt-get install -y gcc libc6-dev"


def _needs_ray() -> str:
    return "" if importlib.util.find_spec("ray") else "no Ray: pip install 'lineside[scale]'"


def _needs_root() -> str:
    return "" if os.getuid() == 0 and shutil.which("mount") else "mounting a small disk needs root"


SCENARIOS = (
    Scenario("rolling-restart", "Both gateways restart, one after the other", 100.0, rolling_restart),
    Scenario("gateway-killed", "A gateway is killed", 45.0, gateway_killed),
    Scenario("database-away", "PostgreSQL is away for a minute", 85.0, database_away),
    Scenario("engines-stall", "The engine server stalls", 45.0, engines_stall),
    Scenario("gateway-parted", "A gateway is cut off from database and engines", 60.0, gateway_parted),
    Scenario("disk-full", "A gateway's disk is full", 45.0, disk_full, needs=_needs_root, small_disk=True),
    Scenario("store-away", "The store of recordings is away", 55.0, store_away, records=True),
    Scenario("clock-off", "A gateway's clock is five minutes off", 65.0, clock_off, _faked_clock, _needs_compiler),
    Scenario("replica-killed", "Engines on Ray are killed", 65.0, replica_killed, needs=_needs_ray, on_ray=True),
)
