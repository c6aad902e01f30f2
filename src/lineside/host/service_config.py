"""The services that this machine may run, as a TOML file declares them (every field: `lineside/data/services.toml`).

A program is a list of arguments and never meets a shell. What is in braces is filled in: `{port}`, `{python}` (the one
that runs lineside), `{models_dir}`, `{model}` (the name that was chosen) and `{model_file}` (where it lies).
"""

import os
import re
import shutil
import sys
import tomllib
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from lineside.errors import ConfigError
from lineside.models.catalogue import CATALOGUE

PLACES = ("port", "python", "models_dir", "model", "model_file")
ENDINGS = (".bin", ".gguf")  # files of models that the catalogue does not know
OWN_PROGRAMS = Path("~/.local/bin")  # where scripts/build-whisper-server.sh puts what it built

Seconds = Annotated[float, Meta(gt=0, le=600)]
Name = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}\Z")]


class ServiceConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """One service: how it is started and how one sees that it is well."""

    name: Name
    program: Annotated[tuple[str, ...], Meta(min_length=1)]
    port: Annotated[int, Meta(ge=1, le=65535)]
    health: Annotated[str, Meta(pattern="^/")] = "/health"
    ready_within: Seconds = 60.0
    grace: Seconds = 2.5  # between asking it to end and ending it
    models: tuple[str, ...] = ()  # of the catalogue, or of files below the folder of the models; the first by default
    needs: str = ""  # the program that has to be installed; empty: the first word of `program`
    install: str = ""  # how, as a sentence

    def argv(self, models_dir: Path, model: str) -> list[str]:
        """The program with everything filled in. Raises `ConfigError` when the model's file is not here."""
        known = {"port": str(self.port), "python": sys.executable, "models_dir": str(models_dir), "model": model}
        if self._reads_file:
            known["model_file"] = str(model_file(model, models_dir))
        words = [re.sub(r"\{(\w+)\}", lambda place: known[place[1]], word) for word in self.program]
        return [_found(words[0]) or words[0], *words[1:]]

    def default_model(self, models_dir: Path) -> str:
        """The first of its models that is here, or else the first; empty if it takes none."""
        for model in self.models if self._reads_file else ():
            with suppress(ConfigError):
                model_file(model, models_dir)
                return model
        return next(iter(self.models), "")

    @property
    def _reads_file(self) -> bool:
        return any("{model_file}" in word for word in self.program)

    def missing(self) -> str:
        """The sentence about a program that is not installed; empty if it is."""
        wanted = self.needs or self.program[0]
        if wanted == "{python}" or _found(wanted):
            return ""
        return f"{wanted} is not installed. {self.install}".strip()


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    service: tuple[ServiceConfig, ...] = ()


def read_services(path: Path) -> tuple[ServiceConfig, ...]:
    """The services of the file, in its order. Raises `ConfigError` naming the line or the field and what is allowed."""
    try:
        services = msgspec.convert(tomllib.loads(path.read_text("utf-8-sig")), type=_File).service
    except OSError as cause:
        raise ConfigError(f"{path} cannot be read ({cause.strerror}); SERVICES_FILE says which file it is") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not UTF-8 text") from None
    except (tomllib.TOMLDecodeError, RecursionError) as cause:
        raise ConfigError(f"{path} is not TOML: {cause}") from None
    except msgspec.ValidationError as cause:
        allowed = ", ".join(ServiceConfig.__struct_fields__)
        raise ConfigError(f"{path}: {cause}. A [[service]] has these fields: {allowed}") from None
    for service in services:
        if fault := _fault(service) or _twice(service, services):
            raise ConfigError(f"{path}: service {service.name!r}: {fault}")
    return services


def _fault(service: ServiceConfig) -> str:
    for word in service.program:
        for place in re.findall(r"\{(\w+)\}", word):
            if place not in PLACES:
                allowed = ", ".join(f"{{{known}}}" for known in PLACES)
                return f"{word!r} has the placeholder {{{place}}}; allowed are {allowed}"
            if place.startswith("model") and place != "models_dir" and not service.models:
                return f"{word!r} asks for a model, but models = [...] names none"
    if any("/" in model or model.startswith(".") or not model for model in service.models):
        return "models are names, without slashes and without the ending of a file"
    return ""


def _twice(service: ServiceConfig, services: tuple[ServiceConfig, ...]) -> str:
    for other in services:
        if other is not service and other.name == service.name:
            return "the name stands twice"
        if other is not service and other.port == service.port:
            return f"port {service.port} belongs to {other.name!r} as well"
    return ""


def model_file(model: str, models_dir: Path) -> Path:
    """Where the model lies: in its folder if the catalogue knows it, else the file that bears its name.

    Raises `ConfigError` with the command that fetches it.
    """
    for entry in CATALOGUE:
        if entry.name == model:
            largest = max(entry.files, key=lambda file: file.bytes)
            path = models_dir / model / largest.name
            if path.is_file() and path.stat().st_size == largest.bytes:
                return path
            raise ConfigError(f"the model {model} is not here. Fetch it with: lineside models pull {model}")
    for folder in (models_dir, models_dir / model):
        for ending in ENDINGS:
            if (path := folder / f"{model}{ending}").is_file():
                return path
    raise ConfigError(f"the model {model} is neither in the catalogue nor a file {model}.bin or .gguf in {models_dir}")


def _found(program: str) -> str | None:
    """The path of an installed program: on PATH, or where our own scripts put what they build."""
    return shutil.which(os.path.expanduser(program)) or shutil.which(program, path=str(OWN_PROGRAMS.expanduser()))
