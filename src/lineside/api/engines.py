"""Which engines there are, and whether they would answer."""

import asyncio
from collections.abc import Iterator, Mapping

from lineside.api.background import BackgroundTasks, RecentAnswers
from lineside.api.dependencies import EngineSource
from lineside.api.engine_schemas import EnginesStatus, EngineStatus, RoleEngines, UnavailableEngine
from lineside.engines.answered import model_of
from lineside.engines.fallback_chain import FallbackChain
from lineside.engines.protocols import Engine, EngineInfo
from lineside.engines.recent_fallbacks import RecentFallbacks
from lineside.engines.registry import ROLES, Role
from lineside.engines.standings import CHECK_SECONDS, UNUSABLE, Standing, lacking, standing, who_answers
from lineside.errors import ConfigError, TransportError

AT_ONCE = 8  # checks; further ones wait for their turn, so that a page does not knock at every door at once
KNOWN_FOR = 10.0  # seconds

Which = tuple[Role, str]


class EngineList:
    """Every engine of this process, of each role the default one first. They are built once and stay."""

    def __init__(self, registry: EngineSource) -> None:
        self._registry = registry
        self._all: dict[Which, Engine | None] | None = None

    @property
    def all(self) -> dict[Which, Engine | None]:
        """By role and name; None where the settings do not let one be."""
        if self._all is None:
            self._all = {which: self._built(which) for which in self._names()}
        return self._all

    def _names(self) -> Iterator[Which]:
        registry = self._registry
        for role in ROLES:
            for name in sorted(registry.names(role), key=lambda name: name != registry.defaults[role]):
                yield role, name

    def _built(self, which: Which) -> Engine | None:
        try:
            return self._registry.engine(*which)
        except (TransportError, ConfigError):
            return None


class EngineOperations:
    """The engines of this process, what their last check said, and who stood in for whom."""

    def __init__(
        self, engine_list: EngineList, registry: EngineSource, fallbacks: RecentFallbacks, tasks: BackgroundTasks
    ) -> None:
        self._engine_list, self._registry, self._fallbacks = engine_list, registry, fallbacks
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._checked: RecentAnswers[Which, Standing] = RecentAnswers(
            tasks, self._check, fresh=KNOWN_FOR, stale=KNOWN_FOR
        )

    async def now(self) -> EnginesStatus:
        """All of them, checked at the same time."""
        standings = await self._checked.of_all(self._engine_list.all)
        rows: dict[Role, list[EngineStatus]] = {role: [] for role in ROLES}
        for role, name in standings:
            rows[role].append(self._status(role, name, standings))
        return EnginesStatus(
            **{
                role: RoleEngines(self._registry.defaults[role], tuple(rows[role]), self._lacking(role))
                for role in ROLES
            }
        )

    def _status(self, role: Role, name: str, standings: Mapping[Which, Standing]) -> EngineStatus:
        engine, one = self._engine_list.all[role, name], standings[role, name]
        info = engine.info if engine is not None else EngineInfo()
        default = info.choices[0] if info.choices else ""
        if isinstance(engine, FallbackChain) and one.by is not None and one.by.model in info.choices:
            default = one.by.model  # what a call gets that names no model, not what it would get with every engine up
        model = one.by.model if one.by is not None else model_of(engine) if engine is not None else ""
        answers = who_answers(role, self._registry.order(role, name), standings)
        return EngineStatus(
            name,
            info.choices,
            default,
            info.embedded,
            one.up,
            one.why,
            model,
            one.state,
            answers,
            one.download,
            self._fallbacks.of(role, name),
        )

    def _lacking(self, role: Role) -> tuple[UnavailableEngine, ...]:
        found = {name: lacking(what) for name, what in self._registry.lacking(role).items()}
        return tuple(UnavailableEngine(name, one.state, one.why) for name, one in found.items())

    async def _check(self, which: Which) -> Standing:
        engine = self._engine_list.all[which]
        if engine is None:
            return UNUSABLE
        async with self._turns:
            return await standing(which[1], engine, CHECK_SECONDS)
