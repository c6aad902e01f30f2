"""The chart is rendered by the real Helm, where it is installed, and what comes of it is what Kubernetes takes."""

import importlib.util
import shutil
import subprocess
from pathlib import Path
from typing import Any

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


def helm(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """What Helm says."""
    program = shutil.which("helm")
    if program is None:
        pytest.skip("helm is not installed, so the chart was not rendered: see docs/how-to/kubernetes.md")
    return subprocess.run([program, *map(str, words)], capture_output=True, text=True, check=False, timeout=60)


def rendered(folder: Path, values: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """(kind, name) → what is applied."""
    file = folder / "values.yaml"
    file.write_text(yaml.safe_dump(values))
    done = helm("template", "desk", CHART, "-f", file)
    assert done.returncode == 0, done.stderr
    return {(each["kind"], each["metadata"]["name"]): each for each in yaml.safe_load_all(done.stdout) if each}


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_helm_has_nothing_against_the_chart(tmp_path: Path, values: dict[str, Any]) -> None:
    """Linted strictly, with all that can be switched on and with as little as can be."""
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(values))
    done = helm("lint", "--strict", CHART, "-f", file)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_everything_is_what_the_schemas_of_kubernetes_say(tmp_path: Path, values: dict[str, Any]) -> None:
    """No field is misspelt or of another type."""
    all_of_it = rendered(tmp_path, values)
    if importlib.util.find_spec("kubernetes_validate") is None:
        pytest.skip("no schemas of Kubernetes are here: pip install kubernetes-validate")
    import kubernetes_validate  # type: ignore[import-not-found,import-untyped,unused-ignore]

    for (kind, _), one in all_of_it.items():
        if kind not in ("RayService", "PodMonitor"):  # of operators
            kubernetes_validate.validate(one, KUBERNETES, strict=True)


def test_a_pod_that_is_to_go_has_the_time_to_drain(tmp_path: Path) -> None:
    """It drains before it is told to end, and is killed only after the last goodbye."""
    pod = rendered(tmp_path, LEAST)["StatefulSet", "desk"]["spec"]["template"]["spec"]
    (gateway,) = pod["containers"]
    drain = int(next(each["value"] for each in gateway["env"] if each["name"] == "DRAIN_S"))
    command = gateway["lifecycle"]["preStop"]["exec"]["command"][-1]
    assert f"lineside drain --within {drain} " in command
    assert pod["terminationGracePeriodSeconds"] >= drain + 60
    assert gateway["readinessProbe"]["httpGet"]["path"] == "/ready"
    assert gateway["livenessProbe"]["httpGet"]["path"] == "/health"


def test_what_a_gateway_is_told_are_settings_that_there_are(tmp_path: Path) -> None:
    """And its engines are where the chart puts them."""
    pod = rendered(tmp_path, ALL)["StatefulSet", "desk"]["spec"]["template"]["spec"]
    told = {each["name"]: each.get("value", "") for each in pod["containers"][0]["env"]}
    known = {name.upper() for name in Settings.model_fields} | {"LINESIDE_MODELS", "LINESIDE_ENGINE_SECRET"}
    assert set(told) <= known
    assert told["EMBEDDED_URL"] == "http://lineside:$(LINESIDE_ENGINE_SECRET)@desk-engines-serve-svc:8000"


def test_the_engines_of_the_chart_are_a_plan_that_can_be_deployed(tmp_path: Path) -> None:
    """Each role at its route, and the ingress to all of them."""
    service = rendered(tmp_path, ALL)["RayService", "desk-engines"]
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
def test_what_is_missing_is_named(tmp_path: Path, values: dict[str, Any], told: str) -> None:
    """Before anything is applied."""
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(values))
    done = helm("template", "desk", CHART, "-f", file)
    assert done.returncode != 0
    assert told in done.stderr
