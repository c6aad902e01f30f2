"""What was measured: what an engine's requests take, and what a gateway's calls cost. Read from TOML."""

import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from lineside.errors import UNREADABLE, ConfigError

Role = Literal["stt", "llm", "tts"]
Positive = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]
Count = Annotated[int, Meta(ge=1)]


class ServiceTime(Struct, frozen=True, forbid_unknown_fields=True):
    """What a request takes while so many are served at once."""

    requests: Count
    fixed_s: NotNegative
    unit_s: NotNegative  # for each second of speech heard, token written, second of sound spoken
    variation: NotNegative = 1.0  # standard deviation over mean, over requests as calls make them

    def seconds(self, units: float) -> float:
        """Of a request of that size."""
        return self.fixed_s + self.unit_s * units


class EngineFigures(Struct, frozen=True, forbid_unknown_fields=True):
    """One model on one kind of device."""

    name: str
    role: Role
    device: str  # in words
    source: str  # the command or the page that the figures are from
    date: datetime.date
    at_once: Annotated[tuple[ServiceTime, ...], Meta(min_length=1)]
    cores: NotNegative = 0.0  # that one server of it needs
    card: str = ""  # the kind of card that it needs, whole
    memory_gb: NotNegative = 0.0

    def service(self, at_once: int) -> ServiceTime:
        """What a request takes with so many at once; 0: with as many as were tried. Raises `ConfigError`."""
        tried = {one.requests: one for one in self.at_once}
        found = tried.get(at_once or max(tried))
        if found is None:
            raise ConfigError(f"{self.name} was not measured with {at_once} at once, only with {sorted(tried)}")
        return found


class GatewayFigures(Struct, frozen=True, forbid_unknown_fields=True):
    """What a gateway's calls cost. A worker is one process, and fills one core."""

    device: str
    source: str
    date: datetime.date
    calls_per_worker: Count  # that keep their goal
    core_per_call: Positive
    memory_mb: Positive  # of a worker without calls
    memory_mb_per_call: Positive


class Figures(Struct, frozen=True, forbid_unknown_fields=True):
    """A file of figures."""

    gateway: GatewayFigures | None = None
    engine: tuple[EngineFigures, ...] = ()

    def of(self, role: Role, name: str) -> EngineFigures:
        """Those of one engine; where a name stands twice, the last. Raises `ConfigError`."""
        fitting = {one.name: one for one in self.engine if one.role == role}
        if name not in fitting:
            known = ", ".join(fitting) or "none"
            raise ConfigError(
                f"no figures of the {role} engine {name!r} (known: {known}); measure it: bench/engines.py"
            )
        return fitting[name]

    def with_others(self, others: "Figures") -> "Figures":
        """These and others, which count where both speak of the same."""
        return Figures(gateway=others.gateway or self.gateway, engine=self.engine + others.engine)


def read_figures(text: str, name: str) -> Figures:
    """The figures of a file's text. Raises `ConfigError` with what is wrong."""
    try:
        return msgspec.toml.decode(text, type=Figures)
    except UNREADABLE as wrong:
        raise ConfigError(f"{name}: {wrong}") from None
