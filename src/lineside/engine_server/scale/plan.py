"""What is deployed, as `engines.toml` says it. Pure."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from lineside.errors import ConfigError

EngineRole = Literal["stt", "llm", "tts"]
ROLES: tuple[EngineRole, ...] = ("stt", "llm", "tts")

Count = Annotated[int, Meta(ge=1, le=10_000)]
Share = Annotated[float, Meta(ge=0)]


class RolePlan(Struct, frozen=True, forbid_unknown_fields=True):
    """One role's replicas."""

    model: str  # of the catalogue (`lineside models list`)
    replicas: Count = 1  # that are always there
    max_replicas: Annotated[int, Meta(ge=0, le=10_000)] = 0  # that a queue may call up; 0: as many as `replicas`
    requests_each: Annotated[float, Meta(gt=0)] = 2.0  # under way at a replica, on average, before another is called up
    most_requests: Count = 16  # at a replica; further ones wait for one that has room
    most_waiting: Annotated[int, Meta(ge=1)] = 64  # at an entrance for a replica with room; further ones get 503
    cpus: Share = 1.0  # cores that a replica reserves
    gpus: Share = 0.0  # cards, or a share of one: 0.5 puts two replicas on a card
    threads: Count = 2  # of the model
    slots: Count = 4  # callers that a language model answers at once
    drain_seconds: Share = 30.0  # that a replica which is to go has for its requests
    environment: dict[str, str] = {}  # of its processes, such as HSA_OVERRIDE_GFX_VERSION


class EnginePlan(Struct, frozen=True, forbid_unknown_fields=True):
    """What `engines.toml` says; a role that is left out is not deployed."""

    models_dir: str = "~/.cache/lineside"  # on every machine: shared, or the same files on each
    stt: RolePlan | None = None
    llm: RolePlan | None = None
    tts: RolePlan | None = None

    @property
    def roles(self) -> dict[EngineRole, RolePlan]:
        """Those that are deployed."""
        return {role: plan for role in ROLES if (plan := getattr(self, role)) is not None}


def read_engine_plan(path: Path) -> EnginePlan:
    """Read it. Raises `ConfigError` naming what is wrong."""
    try:
        plan = msgspec.toml.decode(path.read_bytes(), type=EnginePlan)
    except OSError as no:
        raise ConfigError(f"{path} cannot be read: {no.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as no:
        raise ConfigError(f"{path}: {no}") from None
    return checked(plan, str(path))


def checked(plan: EnginePlan, where: str) -> EnginePlan:
    """The plan, if it can be. Raises `ConfigError`."""
    if not plan.roles:
        raise ConfigError(f"{where} deploys nothing: add a table [stt], [llm] or [tts] with a model")
    for role, each in plan.roles.items():
        if each.max_replicas and each.max_replicas < each.replicas:
            raise ConfigError(
                f"{where}: [{role}] max_replicas = {each.max_replicas} is less than replicas = {each.replicas}"
            )
    return plan


def plan_of_role(args: Mapping[str, object]) -> tuple[EngineRole, EnginePlan]:
    """One role and its plan, from the arguments of an application. Raises `ConfigError`."""
    table = {name: value for name, value in args.items() if name not in ("role", "models_dir")}
    role = next((role for role in ROLES if role == args.get("role")), None)
    if role is None:
        raise ConfigError(f"args: role must be one of {', '.join(ROLES)}, not {args.get('role')!r}")
    folder = {"models_dir": args["models_dir"]} if "models_dir" in args else {}
    return role, _converted({role: table, **folder})


def plan_of_ingress(args: Mapping[str, object]) -> EnginePlan:
    """Which roles there are, from the arguments of the ingress's application. Raises `ConfigError`."""
    return _converted({role: {"model": ""} for role in str(args.get("roles", "")).split()})


def _converted(given: Mapping[str, object]) -> EnginePlan:
    try:
        return checked(msgspec.convert(given, EnginePlan, strict=False), "args")
    except msgspec.ValidationError as no:
        raise ConfigError(f"args: {no}") from None
