"""One `lineside serve` that can be stopped, killed and started again at the same address."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import aiohttp

from lineside.processes.process import end_process, signal_group, tied_to_us

READY_WITHIN = 120.0  # seconds to answer `GET /ready` with 200
LOOK_EVERY = 0.1  # seconds
TAIL = 3000  # characters of its log that an error shows


class GatewayProcess:
    """A gateway in a folder of its own, which outlives it."""

    def __init__(self, name: str, folder: Path, port: int, environment: Mapping[str, str]) -> None:
        self.name, self.folder, self._port = name, folder, port
        self.data = folder / "data"
        self.data.mkdir(parents=True, exist_ok=True)
        self._environment = {**environment, "PORT": str(port), "DATA_DIR": str(self.data)}
        self._running: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def log(self) -> Path:
        """What all its lives said."""
        return self.folder / "log"

    async def start(self) -> None:
        """Start it; back when it takes calls."""
        argv = tied_to_us([sys.executable, "-m", "lineside", "serve"], whole_family=True)
        with self.log.open("a") as log:
            self._running = await asyncio.create_subprocess_exec(
                *argv,
                cwd=self.folder,
                env={**_own_environment(), **self._environment},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        async with asyncio.timeout(READY_WITHIN):
            while not await self._ready():
                if self._running.returncode is not None:
                    raise RuntimeError(f"gateway {self.name} did not start: {self.log.read_text()[-TAIL:]}")
                await asyncio.sleep(LOOK_EVERY)

    async def stop(self, within: float) -> None:
        """SIGTERM, as systemd sends it; back when its last call is over and it has ended by itself."""
        assert self._running is not None
        self._running.send_signal(signal.SIGTERM)
        async with asyncio.timeout(within):
            await self._running.wait()

    async def kill(self) -> None:
        """SIGKILL, to it and its children."""
        assert self._running is not None
        signal_group(self._running, signal.SIGKILL)
        await self._running.wait()

    async def end(self) -> None:
        """Whatever it does, it is gone afterwards."""
        if self._running is not None and self._running.returncode is None:
            await end_process(self._running, grace=10.0)

    async def calls(self) -> int:
        """How many are up on it."""
        async with aiohttp.ClientSession() as http, http.get(f"{self.url}/api/drain") as answer:
            return int((await answer.json())["calls"])

    async def _ready(self) -> bool:
        try:
            async with aiohttp.ClientSession() as http, http.get(f"{self.url}/ready") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False


def _own_environment() -> dict[str, str]:
    """What a program needs of ours; no setting of lineside is among it but where models are."""
    names = ("PATH", "HOME", "LANG", "LINESIDE_MODELS", "PYTHONPATH")
    return {name: os.environ[name] for name in names if name in os.environ}
