"""The monitoring files: rules that alarm when they should, dashboards whose every query finds something."""

import asyncio
import configparser
import importlib.util
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import urlopen

import aiohttp
import psutil
import pytest

from lineside.audio.wav import wav_bytes
from lineside.host.machine import Cpu, Gpu, Machine, MachineReader, Ram
from lineside.host.monitoring import INSTALL_GRAFANA, INSTALL_PROMETHEUS, monitoring
from lineside.line_report import LineMeasured
from lineside.loadtest.plan import Plan
from lineside.loadtest.recordings import recordings_in
from lineside.loadtest.results import Goal
from lineside.loadtest.runner import hold_test
from lineside.settings import DATA
from lineside.transports.scripted import ScriptedTransport
from tests.call.fixtures import settings
from tests.fakes import serving as fake
from tests.fakes.ollama import FakeOllama
from tests.gateway.test_app import ServedGateway, opened
from tests.project.test_product import SCRIPTED, serving

SOURCES = Path(__file__).parents[2] / "monitoring"  # what the data are made from, and the rules' own tests
MONITORING = DATA / "monitoring"


def needs(program: str) -> str:
    """Its path; without Debian's package the test says so."""
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed; once: apt-get install prometheus")
    return found


def dashboards() -> ModuleType:
    spec = importlib.util.spec_from_file_location("dashboards", SOURCES / "dashboards.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["dashboards"] = module
    spec.loader.exec_module(module)
    return module


def queries() -> list[tuple[str, str]]:
    """Every query of every dashboard's file, with where it stands."""
    found = []
    for file in sorted((MONITORING / "grafana" / "dashboards").glob("*.json")):
        for panel in json.loads(file.read_text())["panels"]:
            found += [(f"{file.stem}: {panel['title']}", target["expr"]) for target in panel["targets"]]
    return found


def test_dashboards_are_as_they_are_written() -> None:
    """`python monitoring/dashboards.py` makes these files and no others; every panel is on the board once."""
    made = dashboards()
    files = {file.name: file.read_text() for file in (MONITORING / "grafana" / "dashboards").glob("*.json")}
    assert files == {f"{board.name}.json": made.text(board) for board in made.ALL}
    for text in files.values():
        board = json.loads(text)
        places = {
            (p["gridPos"]["x"] + dx, p["gridPos"]["y"] + dy)
            for p in board["panels"]
            for dx in range(p["gridPos"]["w"])
            for dy in range(p["gridPos"]["h"])
        }
        assert len(places) == sum(p["gridPos"]["w"] * p["gridPos"]["h"] for p in board["panels"]), "panels overlap"
        assert max(x for x, _ in places) < 24


def test_grafana_shows_and_changes_nothing() -> None:
    """An anonymous viewer, no password to guess, the data source that the dashboards name."""
    ini = configparser.ConfigParser()
    ini.read(MONITORING / "grafana" / "grafana.ini")
    assert ini["security"]["disable_initial_admin_creation"] == "true"
    assert ini["auth.anonymous"]["org_role"] == "Viewer"
    assert "admin_password" not in (MONITORING / "grafana" / "grafana.ini").read_text()
    provisioned = (MONITORING / "grafana/provisioning/datasources/prometheus.yml").read_text()
    assert re.findall(r"uid: (.*)", provisioned) == ["lineside"]


def test_rules_are_right_and_alarm_when_they_should() -> None:
    """promtool: the configuration, every alert's own story, and every number that is worked out beforehand."""
    promtool = needs("promtool")
    stories = [str(SOURCES / "tests" / f"{name}.yml") for name in ("alerts", "recording")]
    for what in (["check", "config", str(MONITORING / "prometheus.yml")], ["test", "rules", *stories]):
        told = subprocess.run([promtool, *what], capture_output=True, text=True, check=False)
        assert told.returncode == 0, told.stdout + told.stderr


def test_no_rule_is_without_a_story() -> None:
    """Each alert is told of by name; each recording rule with a value that it must have."""
    rules = "".join(file.read_text() for file in (MONITORING / "rules").glob("*.yml"))
    alerts, recording = ((SOURCES / "tests" / f"{name}.yml").read_text() for name in ("alerts", "recording"))
    assert set(re.findall(r"alert: (\w+)", rules)) == set(re.findall(r"alertname: (\w+)", alerts))
    named = re.findall(r"record: (\S+)", rules)
    assert len(named) == len(set(named)), "two rules of one name"
    told = re.findall(r"expr: round\(([\w:]+), .*\n.*\n\s+exp_samples:\s+[-\[] ?\{ labels: .*value: ", recording)
    assert set(named) == set(told)


@contextmanager
def prometheus(target: str, folder: Path) -> Iterator[Callable[[str], list[Any]]]:
    """A real Prometheus with our rules that scrapes `target` five times a second; gives a way to ask it."""
    config = (MONITORING / "prometheus.yml").read_text()
    for ours, here in (
        ("_interval: 5s", "_interval: 200ms"),
        ("rules/*.yml", str(MONITORING / "rules" / "*.yml")),
        ("file_sd_configs:", "static_configs:"),
        ('files: ["targets/*.yml"]', f'targets: ["{target}"]'),
    ):
        assert ours in config
        config = config.replace(ours, here)
    (folder / "prometheus.yml").write_text(config)
    port = free_port()
    argv = [
        needs("prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (folder / "log").open("wb") as log, subprocess.Popen(argv, stdout=log, stderr=log) as process:
        try:
            yield lambda query: ask(f"http://127.0.0.1:{port}", query)
        finally:
            process.terminate()
            process.wait(timeout=60)


def free_port() -> int:
    with socket.socket() as finder:
        finder.bind(("127.0.0.1", 0))
        port: int = finder.getsockname()[1]
        return port


def ask(url: str, query: str) -> list[Any]:
    """The samples that are no NaN; empty while it does not answer yet. Raises for a query that is wrong."""
    try:
        with urlopen(f"{url}/api/v1/query?{urlencode({'query': query})}", timeout=30) as answer:  # noqa: S310 - our own
            told = json.load(answer)
    except HTTPError as wrong:
        if wrong.code != 503:  # not ready yet
            raise
        return []
    except OSError:
        return []
    return [sample for sample in told["data"]["result"] if sample["value"][1] != "NaN"]


def test_every_query_of_every_dashboard_finds_something(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real Prometheus, a real gateway under load. One engine fails; card and telephone are pretended."""
    card = Gpu(index=0, vendor="amd", name="x", total_bytes=100, used_bytes=40, percent=30.0)

    async def reading(self: MachineReader) -> Machine:
        return Machine(at=0.0, cpu=Cpu(2, 10.0), ram=Ram(10, 5), gpus=(card,))

    monkeypatch.setattr(MachineReader, "latest", reading)
    loud, _ = ScriptedTransport([])._frames()
    (tmp_path / "tone.wav").write_bytes(wav_bytes(loud * 30, 16_000))
    empty = [(where, query.replace("$__rate_interval", "15s")) for where, query in queries()]
    assert len(empty) > 40

    async def load(gateway_client: ServedGateway) -> None:
        plan = Plan(gateway_client.url, 3, 3.0, recordings=recordings_in(tmp_path), barge_in_rate=0.3, call_length=1.5)
        while True:
            failing = await gateway_client.call('{"codec":"pcm","llm_engine":"openai"}')
            await failing.send_str('{"type":"text","text":"Hello"}')
            bad = await gateway_client.call()
            await bad.send_str("no JSON")
            line = gateway_client.gateway._meters.call("sip", dict.fromkeys(("stt", "llm", "tts"), "scripted"))
            line.on_line_measured(
                LineMeasured(received=100, lost=1, jitter=0.004, mark_lag=0.1, silence_after=0.02, strangers=1)
            )
            line.ended(1.0)
            await hold_test(plan, Goal(60_000), notice=lambda outlook: None)
            await failing.close()

    async def look(answers: Callable[[str], list[Any]]) -> list[tuple[str, str]]:
        def still(missing: list[tuple[str, str]]) -> list[tuple[str, str]]:
            return [one for one in missing if not answers(one[1])]

        missing, until = empty, time.monotonic() + 150
        while missing and time.monotonic() < until:
            await asyncio.sleep(0.5)
            missing = await asyncio.to_thread(still, missing)
        return missing

    async def story() -> list[tuple[str, str]]:
        ollama = FakeOllama()
        async with (
            fake(ollama.app()) as ollama_url,
            opened(
                vad_silence_timeout_ms=300,
                default_llm_engine="ollama",
                ollama_url=ollama_url,
                openai_url="http://127.0.0.1:9",
            ) as gateway_client,
        ):
            with prometheus(gateway_client.url.removeprefix("http://"), tmp_path) as answers:
                loading = asyncio.create_task(load(gateway_client))
                try:
                    return await look(answers)
                finally:
                    loading.cancel()
                    await asyncio.wait([loading])

    missing = asyncio.run(story())
    assert missing == [], (tmp_path / "log").read_text()[-2000:]


def test_monitoring_is_started_beside_a_gateway_that_asks_for_a_key_and_ends_with_it(tmp_path: Path) -> None:
    """`serve --monitoring`: Prometheus says the gateway is up; SIGTERM leaves nothing running."""
    needs("prometheus")
    with serving("--monitoring", **SCRIPTED, API_KEYS="secret", DATA_DIR=str(tmp_path), NO_COLOR="1") as (process, _):
        (pid,) = [child.pid for child in psutil.Process(process.pid).children() if child.name() == "prometheus"]
        argv = psutil.Process(pid).cmdline()
        (listens,) = [given.split("=")[1] for given in argv if given.startswith("--web.listen-address")]
        until = time.monotonic() + 90
        while not (up := ask(f"http://{listens}", 'up{job="lineside"} == 1')) and time.monotonic() < until:
            time.sleep(0.3)
        assert up
        assert (tmp_path / "prometheus" / "lineside.key").stat().st_mode & 0o077 == 0
        process.terminate()
        assert process.wait(timeout=60) == 0
        assert not psutil.pid_exists(pid)


GRAFANA = """#!/usr/bin/env python3
import configparser, http.server, json, sys
given = dict(word.lstrip("-").split("=", 1) for word in sys.argv[2:])
ini = configparser.ConfigParser()
ini.read(given["config"])
class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        told = {"argv": sys.argv[1:], "ini": {name: dict(ini[name]) for name in ini.sections()}}
        self.wfile.write(json.dumps(told).encode())
    def log_message(self, *what): pass
where = (ini["server"]["http_addr"], int(ini["server"]["http_port"]))
http.server.HTTPServer(where, Answers).serve_forever()
"""


def test_grafana_is_started_on_our_prometheus_and_ends_with_the_gateway(tmp_path: Path) -> None:
    """A program that stands in for it tells what it was given: this machine only, a viewer without a password."""
    needs("prometheus")
    program = tmp_path / "grafana" / "bin" / "grafana"
    program.parent.mkdir(parents=True)
    program.write_text(GRAFANA)
    program.chmod(0o755)
    (tmp_path / "grafana" / "conf").mkdir()
    (tmp_path / "grafana" / "conf" / "defaults.ini").touch()
    said: list[str] = []

    async def story() -> tuple[dict[str, Any], str]:
        async with monitoring(settings(data_dir=tmp_path / "data"), "http://localhost:1", said.append):
            found = re.search(r"http://127.0.0.1:\d+", said[1])
            assert found is not None, said
            async with aiohttp.ClientSession() as http, http.get(found[0]) as answer:
                return json.loads(await answer.text()), found[0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(program.parent), prepend=os.pathsep)
        told, url = asyncio.run(story())
    assert told["argv"][0] == "server"
    assert f"--homepath={tmp_path / 'grafana'}" in told["argv"]
    ini = told["ini"]
    assert ini["server"]["http_addr"] == "127.0.0.1"
    assert ini["auth.anonymous"]["org_role"] == "Viewer"
    assert ini["security"]["disable_initial_admin_creation"] == "true"
    assert Path(ini["dashboards"]["default_home_dashboard_path"]).is_file()
    provisioning = Path(ini["paths"]["provisioning"])
    (prometheus_url,) = re.findall(r"url: (.*)", (provisioning / "datasources" / "prometheus.yml").read_text())
    assert prometheus_url in said[0]
    (boards,) = re.findall(r"path: (.*?) }", (provisioning / "dashboards" / "lineside.yml").read_text())
    assert list(Path(boards).glob("*.json"))
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1])), timeout=1)


def test_without_grafana_it_is_said_how_to_have_it(tmp_path: Path) -> None:
    """Prometheus answers all the same."""
    said: list[str] = []
    only = tmp_path / "bin"
    only.mkdir()
    (only / "prometheus").symlink_to(needs("prometheus"))

    async def story() -> None:
        async with monitoring(settings(data_dir=tmp_path), "http://localhost:1", said.append):
            pass

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(only))
        asyncio.run(story())
    assert said[0].startswith("Prometheus answers")
    assert said[1] == INSTALL_GRAFANA


def test_without_prometheus_it_is_said_how_to_have_it_and_calls_are_answered(tmp_path: Path) -> None:
    """A sentence, and the gateway is open."""
    said: list[str] = []

    async def story() -> None:
        async with monitoring(settings(data_dir=tmp_path), "http://localhost:1", said.append):
            pass

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(tmp_path))
        asyncio.run(story())
    assert said == [INSTALL_PROMETHEUS]
