"""Prometheus beside the gateway: `lineside serve --monitoring`, where it is installed; where it is not, how to have it.

It scrapes this gateway, with one of its keys where it asks for one, listens on this machine only, and ends with us.
Grafana is not started: `monitoring/README.md` says how it is given the dashboards.
"""

import shutil
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

from lineside.errors import ConfigError
from lineside.hosts.ports import free_port, somebody_answers
from lineside.hosts.supervise import Supervised
from lineside.settings import Settings

FILES = Path("monitoring")  # in the folder that run.sh starts us in
PORT = 9090  # Prometheus' own; another one where that is taken
READY_WITHIN = 30.0  # seconds; it reads what it kept
GRACE = 10.0  # seconds to write down what it has
HOW = "Prometheus is not installed, so nothing is monitored. On Debian and Ubuntu: sudo apt-get install prometheus"
TARGETS = '    file_sd_configs:\n      - files: ["targets/*.yml"]'


@asynccontextmanager
async def monitoring(settings: Settings, url: str, say: Callable[[str], None]) -> AsyncGenerator[None, None]:
    """Prometheus, scraping the gateway at `url` while the block runs; `say` hears where it is, or why there is none."""
    async with AsyncExitStack() as stack:
        try:
            say(f"Prometheus answers at {await stack.enter_async_context(_prometheus(settings, url))}")
        except (ConfigError, OSError) as why:  # calls go on without it
            say(str(why))
        yield


@asynccontextmanager
async def _prometheus(settings: Settings, url: str) -> AsyncGenerator[str, None]:
    program = shutil.which("prometheus")
    if program is None:
        raise ConfigError(HOW)
    folder = settings.data_dir / "prometheus"
    config = write_config(settings, url, folder)
    server = Supervised(
        "Prometheus",
        lambda port: [
            program,
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        ready_within=READY_WITHIN,
        grace=GRACE,
        health="/-/ready",
        port=free_port() if await somebody_answers(PORT) else PORT,
    )
    async with server.running():
        yield server.url


def write_config(settings: Settings, url: str, folder: Path) -> Path:
    """The repository's own configuration with this gateway as its target; a key goes into a file of its own."""
    given = FILES / "prometheus.yml"
    if not given.is_file():
        raise ConfigError(f"{given} is not here: start lineside in its own folder, as ./run.sh does")
    folder.mkdir(parents=True, exist_ok=True)
    where = urlsplit(url)
    host = "127.0.0.1" if where.hostname in ("localhost", "0.0.0.0", None) else where.hostname  # noqa: S104 - to call
    target = f'    static_configs:\n      - targets: ["{f"[{host}]" if ":" in host else host}:{where.port}"]'
    if settings.api_keys:
        key = folder / "lineside.key"
        key.touch(mode=0o600)
        key.write_text(settings.api_keys[0])
        target = f"    authorization: {{ credentials_file: {key.resolve()} }}\n{target}"
    text = given.read_text().replace(TARGETS, target)
    config = folder / "prometheus.yml"
    config.write_text(text.replace("rules/*.yml", str(FILES.resolve() / "rules" / "*.yml")))
    return config
