"""What an engine brings along: its options, which an operator sets, and the entry point by which it is found.

An engine is one class in one file, of lineside or of any installed package, and one line of that package:

    [project.entry-points."lineside.tts"]
    parrot = "lineside_parrot:Parrot"

The class declares its options as a nested class `Options`; what is declared there can be set in the environment and in
`.env`, is validated, is listed by `lineside settings` and, where it is a secret, masked. The class is called with these
options and with an `EngineHost`, and has the methods of its role in `lineside.engines.protocols`.
"""

import ipaddress
import re
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Protocol, get_args, runtime_checkable

from msgspec import Struct
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.fields import FieldInfo
from pydantic_settings import NoDecode

from lineside.errors import ConfigError

if TYPE_CHECKING:
    import aiohttp

Role = Literal["stt", "llm", "tts"]
ROLES: tuple[Role, ...] = get_args(Role)


def _web_address(value: str) -> str:
    if value and not value.startswith(("http://", "https://")):
        raise ValueError("must be a URL that begins with http:// or https://, or empty")
    return value.rstrip("/")


def _split(value: object) -> object:
    if not isinstance(value, str):
        return value
    return () if value.strip() == "none" else tuple(part.strip() for part in value.split(",") if part.strip())


def _networks(value: tuple[str, ...]) -> tuple[str, ...]:
    for one in value:
        ipaddress.ip_network(one, strict=False)  # its ValueError names the address
    return value


def _base_path(value: str) -> str:
    path = "/" + value.strip("/") if value.strip("/") else ""
    if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)*", path) or any(part in (".", "..") for part in path.split("/")):
        raise ValueError("must be a path such as /voice, of letters, digits, '.', '_', '~' and '-'")
    return path


BasePath = Annotated[str, AfterValidator(_base_path)]
Url = Annotated[str, AfterValidator(_web_address)]
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]  # comma-separated; `none` for no name at all
Networks = Annotated[Names, AfterValidator(_networks)]


class EngineOptions(BaseModel):
    """The options of an engine: frozen, each with a default. Its first line is their title in `.env.example`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    test_double: ClassVar[bool] = False  # offered only where an operator names the engine, as a default or a fallback

    def missing(self) -> str:
        """What the engine lacks before it can be offered: the name of a setting or of a program. Empty: nothing."""
        return ""


def option(default: Any, *, env: str, about: str = "", secret: bool = False, **limits: Any) -> Any:
    """One option of an engine.

    Args:
        default: Its value where the operator sets none.
        env: Its name in the environment and in `.env`.
        about: What it does, in one line, for `lineside settings` and `.env.example`.
        secret: Whether its value is masked wherever it is shown.
        limits: What `pydantic.Field` knows besides: `ge`, `le`, `min_length`, `pattern` …

    Returns:
        The default of a field of `EngineOptions`.
    """
    return Field(default, description=about or None, json_schema_extra={"env": env, "secret": secret}, **limits)


def variable(field: str, info: FieldInfo) -> str:
    """The name of an option in the environment."""
    extra = info.json_schema_extra
    return str(extra["env"]) if isinstance(extra, dict) and "env" in extra else field.upper()


def as_written(value: object) -> str:
    """A value as it is written in `.env`: true, 120, a,b."""
    match value:
        case tuple():
            return ",".join(map(as_written, value))
        case bool():
            return str(value).lower()
        case float():
            return f"{value:g}"
        case _:
            return str(value)


class EngineHost(Struct, frozen=True):
    """What lineside gives to an engine besides its options."""

    http: "aiohttp.ClientSession"  # connections of this engine's own, as many as the operator allows
    embedded_url: str = ""  # of the engine server that lineside runs; empty where there is none
    embedded_llm: str = ""  # the language model of that server
    models_dir: Path = Path()  # where model files are
    pool_size: int = 50  # requests at once that the operator allows


@runtime_checkable
class EngineClass(Protocol):
    """What an entry point names."""

    Options: type[EngineOptions]

    def __call__(self, options: Any, host: EngineHost) -> object:
        """Build the engine; nothing is asked of its back end yet."""
        ...


def engine_classes(role: Role) -> dict[str, EngineClass]:
    """The engines of a role, by the name of their entry point. Raises `ConfigError` for one that cannot be used."""
    return {entry.name: _load(entry) for entry in entry_points(group=f"lineside.{role}")}


def declared_options() -> tuple[type[EngineOptions], ...]:
    """The options of all engines, each once. Raises `ConfigError` where two engines claim the same variable."""
    every = {engine.Options for role in ROLES for engine in engine_classes(role).values()}
    owners: dict[str, type[EngineOptions]] = {}
    for options in every:
        for field, info in options.model_fields.items():
            name, declared_in = variable(field, info), _declared_in(options, field)
            owner = owners.setdefault(name, declared_in)
            if owner is not declared_in:
                raise ConfigError(
                    f"two engines declare {name}: {owner.__module__} and {declared_in.__module__}; uninstall one"
                )
    return tuple(sorted(every, key=_ours_first))


def _ours_first(options: type[EngineOptions]) -> tuple[bool, str, str]:
    return not options.__module__.startswith("lineside."), options.__module__, options.__qualname__


def _declared_in(options: type[EngineOptions], field: str) -> type[EngineOptions]:
    """The class that declares the field, where the options of several engines inherit it."""
    bases = [base for base in options.__mro__ if issubclass(base, EngineOptions) and field in base.model_fields]
    return bases[-1]


def title(options: type[EngineOptions]) -> str:
    """The first line of its docstring, without the full stop."""
    return (options.__doc__ or options.__qualname__).strip().splitlines()[0].rstrip(".")


def _load(entry: EntryPoint) -> EngineClass:
    package = entry.dist.name if entry.dist is not None else "an unknown package"
    try:
        loaded = entry.load()
    except (ImportError, AttributeError) as cause:
        raise ConfigError(
            f"the engine {entry.name} of {package} cannot be loaded from {entry.value}: {cause}. "
            "Mend or uninstall the package."
        ) from cause
    if not isinstance(loaded, EngineClass) or not issubclass(loaded.Options, EngineOptions):
        raise ConfigError(
            f"the engine {entry.name} of {package}, {entry.value}, declares no options: "
            "its class must have a nested class Options(EngineOptions), which may be empty"
        )
    return loaded
