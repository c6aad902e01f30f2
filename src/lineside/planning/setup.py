"""What is to be planned with: machines, which engine runs on which, how callers speak. Read from TOML."""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from lineside.errors import UNREADABLE, ConfigError
from lineside.planning.figures import Count, NotNegative, Positive
from lineside.protocol import Codec


class CallerTurn(Struct, frozen=True, forbid_unknown_fields=True):
    """What a turn is, on average."""

    speech_s: Positive = 2.5  # that the caller speaks
    tokens: Positive = 30.0  # of the answer
    sentences: Positive = 3.0  # of the answer, each one request of the voice
    sound_s: Positive = 6.0  # of the answer
    transcriptions: NotNegative = 1.0  # for each turn; more where speech is read ahead
    answers: NotNegative = 1.0  # for each turn; more where answers are prepared early and thrown away


class MachineKind(Struct, frozen=True, forbid_unknown_fields=True):
    """A kind of machine that can be had."""

    cores: Count
    memory_gb: Positive
    network_mbit: Positive = 1000.0
    card: str = ""
    cards: Annotated[int, Meta(ge=0)] = 0


class GatewayStage(Struct, frozen=True, forbid_unknown_fields=True):
    """Where gateways run."""

    machine: str
    spare: Annotated[int, Meta(ge=0)] = 1  # machines that may be down at any time


class EngineStage(Struct, frozen=True, forbid_unknown_fields=True):
    """Where an engine runs, and how long a request may wait for it."""

    engine: str  # by its name among the figures
    machine: str
    wait_ms: Positive = 200.0  # that 95 % of the requests wait at most
    busy: Annotated[float, Meta(gt=0, lt=1)] = 0.8  # of its servers at most: figures err, and callers come in waves
    at_once: Annotated[int, Meta(ge=0)] = 0  # requests that one server works on; 0: as many as were measured
    spare: Annotated[int, Meta(ge=0)] = 1


class Setup(Struct, frozen=True, forbid_unknown_fields=True):
    """All of it. A role that is left out is somebody else's service."""

    machine: dict[str, MachineKind]
    gateway: GatewayStage
    stt: EngineStage | None = None
    llm: EngineStage | None = None
    tts: EngineStage | None = None
    turn: CallerTurn = CallerTurn()
    codec: Codec = "g711_ulaw"

    def kind(self, name: str) -> MachineKind:
        """The kind of machine of that name. Raises `ConfigError`."""
        if name not in self.machine:
            raise ConfigError(f"no machine is called {name!r}; known: {', '.join(self.machine) or 'none'}")
        return self.machine[name]


class Prices(Struct, frozen=True, forbid_unknown_fields=True):
    """What machines cost."""

    currency: str
    per_hour: dict[str, NotNegative]

    def of(self, machine: str) -> float:
        """An hour of that kind. Raises `ConfigError`."""
        if machine not in self.per_hour:
            raise ConfigError(f"no price of the machine {machine!r}; put it under [per_hour]")
        return self.per_hour[machine]


def read_setup(text: str, name: str) -> Setup:
    """The set-up of a file's text. Raises `ConfigError` with what is wrong."""
    try:
        return msgspec.toml.decode(text, type=Setup)
    except UNREADABLE as wrong:
        raise ConfigError(f"{name}: {wrong}") from None


def read_prices(text: str, name: str) -> Prices:
    """The prices of a file's text. Raises `ConfigError` with what is wrong."""
    try:
        return msgspec.toml.decode(text, type=Prices)
    except UNREADABLE as wrong:
        raise ConfigError(f"{name}: {wrong}") from None
