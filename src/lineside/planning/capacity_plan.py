"""Calls at once → machines, cards, memory, network and cost. Pure: figures and a set-up in, a plan out.

Each stage is one queue before all its servers, as a balancer by least connections very nearly makes it. A stage gets
the fewest machines with which its requests keep their wait, and its spare ones beside those, so that the goal holds
while they are down.
"""

import math
from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from lineside.errors import ConfigError
from lineside.planning.figures import EngineFigures, Figures, GatewayFigures, Role
from lineside.planning.queueing import ServiceQueue
from lineside.planning.setup import EngineStage, MachineKind, Prices, Setup

GOAL = 0.95  # of the requests wait no longer than their stage allows
LEFT_ALONE = 1  # core of a gateway's machine, and GB of each machine: the system's
FRAMES = 50  # a second, each way
# Bytes around the sound of one frame: WebSocket (RFC 6455, 5.2: 2 to 4, and a mask of 4 from the client), TCP with
# timestamps 32, IPv4 20, Ethernet with preamble and gap 38. TLS, where it is, adds 22 (RFC 8446, 5.2).
AROUND = 8 + 32 + 20 + 38 + 22
SOUND = {"pcm": 640, "g711_ulaw": 160, "g711_alaw": 160}  # bytes of 20 ms
MOST_MACHINES = 100_000  # of one stage; what needs more is a mistake in the files
HOURS = 730  # in a month


class PlannedStage(Struct, frozen=True):
    """The machines of one stage."""

    name: str
    engine: str
    machine: str
    machines: int  # with the spare ones
    spare: int
    limited_by: str  # what a machine has too little of to carry more: cores, memory, cards, network, calls
    per_machine: int  # calls, or requests served at once
    utilisation: float  # while the spare machines are down
    cards: int
    memory_gb: float  # in use, all machines together
    wait_ms: float | None = None  # 95 % of the requests wait at most
    service_ms: float | None = None  # of one request, mean
    per_hour: float | None = None  # cost


class CapacityPlan(Struct, frozen=True):
    """What so many calls need."""

    calls: int
    turn_every_s: float
    turns_per_s: float
    stages: tuple[PlannedStage, ...]
    machines: int
    cards: int
    memory_gb: float
    network_mbit: float  # each way, between callers and gateways
    packets_per_s: int  # each way
    figures: tuple[str, ...]  # what it is made from
    currency: str = ""
    per_hour: float | None = None
    per_month: float | None = None
    per_call_hour: float | None = None


def plan_capacity(calls: int, turn_every: float, setup: Setup, figures: Figures, prices: Prices | None) -> CapacityPlan:
    """The plan. Raises `ConfigError` where a name leads nowhere or a machine cannot hold what it is to run."""
    if figures.gateway is None:
        raise ConfigError("no figures of the gateway; measure it: lineside loadtest --mock-engines --find-capacity")
    turn, turns = setup.turn, calls / turn_every
    stages = [_gateway(calls, setup, figures.gateway)]
    sources = [f"gateway: {figures.gateway.source}, {figures.gateway.device}, {figures.gateway.date}"]
    asked: tuple[tuple[Role, EngineStage | None, float, float], ...] = (
        ("stt", setup.stt, turns * turn.transcriptions, turn.speech_s),
        ("llm", setup.llm, turns * turn.answers, turn.tokens),
        ("tts", setup.tts, turns * turn.answers * turn.sentences, turn.sound_s / turn.sentences),
    )
    for role, stage, arrivals, units in asked:
        if stage is None or not arrivals:
            continue
        engine = figures.of(role, stage.engine)
        stages.append(_engine(role, stage, engine, setup.kind(stage.machine), arrivals, units))
        sources.append(f"{role}: {engine.name}, {engine.source}, {engine.device}, {engine.date}")
    if prices:
        stages = [_priced(stage, prices) for stage in stages]
    hour = sum(stage.per_hour or 0.0 for stage in stages) if prices else None
    return CapacityPlan(
        calls=calls,
        turn_every_s=turn_every,
        turns_per_s=turns,
        stages=tuple(stages),
        machines=sum(stage.machines for stage in stages),
        cards=sum(stage.cards for stage in stages),
        memory_gb=sum(stage.memory_gb for stage in stages),
        network_mbit=calls * _call_mbit(setup),
        packets_per_s=calls * FRAMES,
        figures=tuple(sources),
        currency=prices.currency if prices else "",
        per_hour=hour,
        per_month=None if hour is None else hour * HOURS,
        per_call_hour=None if hour is None else hour / calls,
    )


def _gateway(calls: int, setup: Setup, cost: GatewayFigures) -> PlannedStage:
    """A machine carries what its workers, its memory and its network carry, whichever is least."""
    stage, kind = setup.gateway, setup.kind(setup.gateway.machine)
    workers = max(1, kind.cores - LEFT_ALONE)
    memory = 1000 * (kind.memory_gb - LEFT_ALONE) - workers * cost.memory_mb
    carried = {
        "cores": workers * cost.calls_per_worker,
        "memory": math.floor(memory / cost.memory_mb_per_call),
        "network": math.floor(kind.network_mbit / _call_mbit(setup)),
    }
    limited_by, most = min(carried.items(), key=lambda one: one[1])
    if most < 1:
        raise ConfigError(f"the machine {stage.machine!r} has too little {limited_by} for a gateway")
    needed = math.ceil(calls / most)
    machines = needed + stage.spare
    return PlannedStage(
        name="gateway",
        engine=f"{workers} workers",
        machine=stage.machine,
        machines=machines,
        spare=stage.spare,
        limited_by=limited_by,
        per_machine=most,
        utilisation=calls / needed * cost.core_per_call / kind.cores,
        cards=machines * kind.cards,
        memory_gb=(machines * workers * cost.memory_mb + calls * cost.memory_mb_per_call) / 1000,
    )


def _engine(
    role: Role, stage: EngineStage, engine: EngineFigures, kind: MachineKind, arrivals: float, units: float
) -> PlannedStage:
    """The fewest machines whose queue keeps the stage's wait, and whose servers are not too busy."""
    service = engine.service(stage.at_once)
    limited_by, servers = _servers(stage, engine, kind)
    seats, seconds = servers * service.requests, service.seconds(units)
    if seconds <= 0:
        raise ConfigError(f"the figures of {engine.name} say that a request takes no time; measure it again")

    def queue(machines: int) -> ServiceQueue:
        return ServiceQueue(machines * seats, arrivals, seconds, service.variation)

    def enough(machines: int) -> bool:
        asked = queue(machines)
        return asked.utilisation <= stage.busy and asked.wait_s(GOAL) <= stage.wait_ms / 1000

    needed = _fewest(enough)
    machines = needed + stage.spare
    return PlannedStage(
        name=role,
        engine=engine.name,
        machine=stage.machine,
        machines=machines,
        spare=stage.spare,
        limited_by=limited_by,
        per_machine=seats,
        utilisation=queue(needed).utilisation,
        cards=machines * kind.cards,
        memory_gb=machines * servers * engine.memory_gb,
        wait_ms=1000 * queue(needed).wait_s(GOAL),
        service_ms=1000 * seconds,
    )


def _servers(stage: EngineStage, engine: EngineFigures, kind: MachineKind) -> tuple[str, int]:
    """What a machine has too little of for one more server of the engine, and how many it runs."""
    if engine.card and engine.card != kind.card:
        has = kind.card or "none"
        raise ConfigError(f"{engine.name} needs a card {engine.card!r}; the machine {stage.machine!r} has {has!r}")
    runs = {
        "cards": kind.cards if engine.card else math.inf,
        "cores": kind.cores / engine.cores if engine.cores else math.inf,
        "memory": (kind.memory_gb - LEFT_ALONE) / engine.memory_gb if engine.memory_gb else math.inf,
    }
    limited_by, most = min(runs.items(), key=lambda one: one[1])
    if most < 1:
        raise ConfigError(f"the machine {stage.machine!r} has too few {limited_by} for {engine.name}")
    return (limited_by, math.floor(most)) if most < math.inf else ("calls", 1)


def _fewest(enough: Callable[[int], bool]) -> int:
    """The least number for which it is enough; once enough, more is enough too."""
    high = 1
    while not enough(high):
        high *= 2
        if high > MOST_MACHINES:
            raise ConfigError(f"a stage would need more than {MOST_MACHINES} machines; look at its figures")
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _priced(stage: PlannedStage, prices: Prices) -> PlannedStage:
    return replace(stage, per_hour=stage.machines * prices.of(stage.machine))


def _call_mbit(setup: Setup) -> float:
    """Megabits a second of one call, each way."""
    return (SOUND[setup.codec] + AROUND) * FRAMES * 8 / 1e6
