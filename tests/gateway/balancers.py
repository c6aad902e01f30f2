"""A real HAProxy or nginx on loopback, set up as `examples/proxies` says, but for its certificate."""

import asyncio
import re
import shutil
import signal
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

EXAMPLES = Path(__file__).parents[2] / "examples" / "proxies"
PATIENCE = 60.0  # seconds for a balancer to notice that a gateway is back


def haproxy(folder: Path, port: int, look_every: str) -> tuple[str, list[str]]:
    """The example without its certificate."""
    sample = (EXAMPLES / "haproxy.cfg").read_text()
    sample = re.sub(
        r"bind :443 ssl crt \S+", f"bind 127.0.0.1:{port}", sample.replace("inter 2s", f"inter {look_every}")
    )
    sample = sample.replace("maxconn 20000", "maxconn 400")  # descriptors that the machine of a test may not have
    return sample, ["haproxy", "-db", "-f", str(folder / "balancer.cfg")]


def nginx(folder: Path, port: int, look_every: str) -> tuple[str, list[str]]:
    """The same, in a folder of this test's; it never looks by itself."""
    sample = (EXAMPLES / "nginx-several.conf").read_text()
    sample = re.sub(r" +ssl_certificate.*\n", "", sample.replace("listen 443 ssl", f"listen 127.0.0.1:{port}"))
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temp = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    whole = f"daemon off; pid {folder}/pid; error_log {folder}/error.log;\nevents {{}}\n"
    whole += f"http {{ access_log off; {temp}\n{sample}\n}}\n"
    return whole, ["nginx", "-c", str(folder / "balancer.cfg"), "-p", str(folder)]


BALANCERS = {"haproxy": haproxy, "nginx": nginx}


def installed(name: str) -> bool:
    """Whether this machine has it."""
    return bool(shutil.which(name)) or Path(f"/usr/sbin/{name}").exists()


@asynccontextmanager
async def balanced(
    name: str, folder: Path, first: str, second: str, *, look_every: str = "100ms"
) -> AsyncGenerator[str, None]:
    """The balancer in front of two gateways, given by their addresses; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    config, argv = BALANCERS[name](folder, port, look_every)
    for number, url in enumerate((first, second), 1):
        config = config.replace(f"10.0.0.1{number}:3001", url.removeprefix("http://"))
    (folder / "balancer.cfg").write_text(config)
    argv[0] = shutil.which(name) or f"/usr/sbin/{name}"
    with (folder / "output.log").open("w") as log:
        running = await asyncio.create_subprocess_exec(*argv, stdout=log, stderr=log, cwd=folder)
    try:
        url = f"http://127.0.0.1:{port}"
        await until(lambda: _answers(url, running, folder))
        yield url
    finally:
        running.send_signal(signal.SIGTERM)
        await running.wait()


async def _answers(url: str, running: asyncio.subprocess.Process, folder: Path) -> bool:
    assert running.returncode is None, (folder / "output.log").read_text()
    try:
        async with aiohttp.ClientSession() as http, http.get(f"{url}/ready") as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    """Wait for something that another program does."""
    async with asyncio.timeout(PATIENCE):
        while not await true():  # noqa: ASYNC110 - another program tells us nothing
            await asyncio.sleep(0.05)
