"""Prometheus and Grafana beside the gateway: `lineside serve --monitoring`, where they are installed.

Prometheus scrapes this gateway, with one of its keys where it asks for one; Grafana shows what Prometheus has, to
anybody who reaches it, and lets nobody change anything. Both listen on this machine only, and end with us.
"""

import shutil
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct

from lineside.errors import ConfigError
from lineside.processes.ports import free_port, somebody_answers
from lineside.processes.supervisor import Supervisor
from lineside.settings import DATA, Settings

MONITORING_FILES = DATA / "monitoring"
PORT = 9090  # Prometheus' own; another one where that is taken
GRAFANA_PORT = 3002  # as in compose: its own, 3000, is many programs'
PROMETHEUS_READY_SECONDS = 30.0  # seconds; it reads what it kept
SHUTDOWN_SECONDS = 10.0  # seconds to write down what it has
INSTALL_PROMETHEUS = (
    "Prometheus is not installed, so nothing is monitored. On Debian and Ubuntu: sudo apt-get install prometheus"
)
INSTALL_GRAFANA = (
    "Grafana is not installed, so there are no dashboards; Prometheus has a page of its own. Its packages, for "
    "Debian and Ubuntu too: https://grafana.com/grafana/download"
)
HOMES = ("/usr/share/grafana", "/usr/local/share/grafana", "/opt/homebrew/share/grafana")  # of its files, by package
TARGETS = '    file_sd_configs:\n      - files: ["targets/*.yml"]'


class MonitoringAddresses(Struct, frozen=True):
    """Where they answer; empty where there is none."""

    prometheus: str = ""
    grafana: str = ""


@asynccontextmanager
async def monitoring(
    settings: Settings, url: str, say: Callable[[str], None]
) -> AsyncGenerator[MonitoringAddresses, None]:
    """Both, watching the gateway at `url` while the block runs; `say` hears where they are, or why there is none."""
    prometheus = grafana = ""
    async with AsyncExitStack() as stack:
        try:
            prometheus = await stack.enter_async_context(_prometheus(settings, url))
            say(f"Prometheus answers at {prometheus}")
            grafana = await stack.enter_async_context(_grafana(settings, prometheus))
            say(f"Grafana answers at {grafana}")
        except (ConfigError, OSError) as why:  # calls go on without it
            say(str(why))
        yield MonitoringAddresses(prometheus or settings.prometheus_url, grafana or settings.grafana_url)


@asynccontextmanager
async def _prometheus(settings: Settings, url: str) -> AsyncGenerator[str, None]:
    program = shutil.which("prometheus")
    if program is None:
        raise ConfigError(INSTALL_PROMETHEUS)
    folder = settings.data_dir / "prometheus"
    config = write_config(settings, url, folder)
    server = Supervisor(
        "Prometheus",
        lambda port: [
            program,
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        ready_within=PROMETHEUS_READY_SECONDS,
        grace=SHUTDOWN_SECONDS,
        health="/-/ready",
        port=free_port() if await somebody_answers(PORT) else PORT,
    )
    async with server.running():
        yield server.url


def write_config(settings: Settings, url: str, folder: Path) -> Path:
    """The configuration that comes with lineside with this gateway as its target; a key goes into a file of its own."""
    given = MONITORING_FILES / "prometheus.yml"
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
    config.write_text(text.replace("rules/*.yml", str(MONITORING_FILES / "rules" / "*.yml")))
    return config


@asynccontextmanager
async def _grafana(settings: Settings, prometheus: str) -> AsyncGenerator[str, None]:
    program = shutil.which("grafana") or shutil.which("grafana-server")
    if program is None:
        raise ConfigError(INSTALL_GRAFANA)
    port = free_port() if await somebody_answers(GRAFANA_PORT) else GRAFANA_PORT
    config = write_grafana_config(settings.data_dir.resolve() / "grafana", prometheus, port)
    argv = [program, *(["server"] if Path(program).name == "grafana" else [])]
    server = Supervisor(
        "Grafana",
        lambda _: [*argv, f"--homepath={_home(program)}", f"--config={config}"],
        ready_within=PROMETHEUS_READY_SECONDS,
        grace=SHUTDOWN_SECONDS,
        health="/api/health",
        port=port,
    )
    async with server.running():
        yield server.url


def _home(program: str) -> Path:
    """Where its own files lie: beside its folder of programs, or where packages put them."""
    beside = Path(program).resolve().parents[1]
    for home in (beside, *map(Path, HOMES)):
        if (home / "conf" / "defaults.ini").is_file():
            return home
    raise ConfigError(f"{program} is there, but its files are in none of {beside}, {', '.join(HOMES)}: install it anew")


def write_grafana_config(folder: Path, prometheus: str, port: int) -> Path:
    """The configuration that comes with lineside, with these places and this Prometheus, for this machine only."""
    given = MONITORING_FILES / "grafana"
    boards = str(given / "dashboards")
    for name, then in (("datasources/prometheus.yml", prometheus), ("dashboards/lineside.yml", boards)):
        text = (given / "provisioning" / name).read_text()
        file = folder / "provisioning" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.replace("http://prometheus:9090", then).replace("/var/lib/grafana/dashboards", then))
    ours: dict[str, dict[str, object]] = {
        "server": {"http_addr": "127.0.0.1", "http_port": port},
        "paths": {name: folder / name for name in ("data", "logs", "plugins", "provisioning")},
        "plugins": {"preinstall_disabled": "true"},  # it fetches nothing from anywhere
    }
    text = (given / "grafana.ini").read_text().replace("/var/lib/grafana/dashboards", boards)
    for section, values in ours.items():
        text += f"\n[{section}]\n" + "".join(f"{name} = {value}\n" for name, value in values.items())
    config = folder / "grafana.ini"
    config.write_text(text)
    return config
