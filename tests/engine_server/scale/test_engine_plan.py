"""What engines.toml and a RayService may say, and what they are told where they are wrong."""

from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]

from lineside.engine_server.scale.plan import (
    EnginePlan,
    RolePlan,
    plan_of_ingress,
    plan_of_role,
    read_engine_plan,
)
from lineside.errors import ConfigError
from lineside.models.catalogue import CATALOGUE

RAY = Path(__file__).parents[3] / "examples" / "ray"


def read(folder: Path, text: str) -> EnginePlan:
    """A file with this text."""
    path = folder / "engines.toml"
    path.write_text(text)
    return read_engine_plan(path)


def test_a_role_that_is_not_named_is_not_deployed(tmp_path: Path) -> None:
    """And a model alone is enough of one."""
    plan = read(tmp_path, '[stt]\nmodel = "faster-whisper-base"\nreplicas = 3\n')
    assert plan.roles == {"stt": RolePlan("faster-whisper-base", replicas=3)}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "deploys nothing: add a table"),
        ("[stt]\nreplicas = 2\n", "model"),
        ('[stt]\nmodel = "a"\nreplica = 2\n', "replica"),
        ('[stt]\nmodel = "a"\nreplicas = 0\n', ">= 1"),
        ('[tts]\nmodel = "a"\nreplicas = 4\nmax_replicas = 2\n', r"\[tts\] max_replicas = 2 is less than replicas = 4"),
        ("[stt\n", "engines.toml"),
    ],
    ids=["nothing", "no model", "misspelt", "none at all", "fewer at most", "no TOML"],
)
def test_what_cannot_be_meant_is_named(tmp_path: Path, text: str, told: str) -> None:
    """Before a cluster is asked for anything."""
    with pytest.raises(ConfigError, match=told):
        read(tmp_path, text)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """With its path."""
    with pytest.raises(ConfigError, match=r"engines.toml cannot be read: No such file"):
        read_engine_plan(tmp_path / "engines.toml")


def test_the_example_and_the_rayservice_deploy_the_same_models_that_there_are() -> None:
    """The manifest's applications are the example's roles, at the routes of the engine server."""
    plan = read_engine_plan(RAY / "engines.toml")
    manifest = yaml.safe_load((RAY / "rayservice.yaml").read_text())
    serve = yaml.safe_load(manifest["spec"]["serveConfigV2"])
    *roles, ingress = serve["applications"]
    for application in roles:
        role, of_role = plan_of_role(application["args"])
        assert application["name"] == f"lineside-{role}"
        assert of_role.roles[role].model == plan.roles[role].model
        assert of_role.roles[role].max_replicas == plan.roles[role].max_replicas
    assert list(plan_of_ingress(ingress["args"]).roles) == list(plan.roles)
    assert {each.model for each in plan.roles.values()} <= {model.name for model in CATALOGUE}


def test_a_manifest_without_a_role_is_told_which_there_are() -> None:
    """`role: asr` is none."""
    with pytest.raises(ConfigError, match="role must be one of stt, llm, tts, not 'asr'"):
        plan_of_role({"role": "asr", "model": "a"})
