"""Which engines there are, and whether they would answer."""

import asyncio
from collections.abc import Iterator, Mapping

from lineside.api.background import BackgroundTasks, RecentAnswers
from lineside.api.dependencies import EngineSource
from lineside.api.schemas import EnginesStatus, EngineStatus, RoleEngines
from lineside.engines.answered import model_of
from lineside.engines.protocols import Engine, EngineInfo, HealthChecked
from lineside.engines.registry import ROLES, Role
from lineside.errors import ConfigError, EngineError, TransportError

AT_ONCE = 8  # checks; further ones wait for their turn, so that a page does not knock at every door at once
CHECK_SECONDS = 2.0  # then the engine counts as down
KNOWN_FOR = 10.0  # seconds

Which = tuple[Role, str]
Verdict = tuple[bool | None, str]


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
    """The engines of this process, and what their last check said."""

    def __init__(self, engine_list: EngineList, defaults: Mapping[Role, str], tasks: BackgroundTasks) -> None:
        self._engine_list, self._defaults = engine_list, defaults
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._checked: RecentAnswers[Which, Verdict] = RecentAnswers(
            tasks, self._check, fresh=KNOWN_FOR, stale=KNOWN_FOR
        )

    async def now(self) -> EnginesStatus:
        """All of them, checked at the same time."""
        verdicts = await self._checked.of_all(self._engine_list.all)
        rows: dict[Role, list[EngineStatus]] = {role: [] for role in ROLES}
        for (role, name), (up, why) in verdicts.items():
            engine = self._engine_list.all[role, name]
            info = engine.info if engine is not None else EngineInfo()
            default = info.choices[0] if info.choices else ""
            model = model_of(engine) if engine is not None else ""
            rows[role].append(EngineStatus(name, info.choices, default, info.embedded, up, why, model))
        return EnginesStatus(**{role: RoleEngines(self._defaults[role], tuple(rows[role])) for role in ROLES})

    async def _check(self, which: Which) -> Verdict:
        engine = self._engine_list.all[which]
        if engine is None:
            return False, "it cannot be used with these settings"
        if not isinstance(engine, HealthChecked):
            return None, ""
        async with self._turns:
            try:
                async with asyncio.timeout(CHECK_SECONDS):
                    await engine.check()
            except EngineError as why:
                return False, str(why)
            except TimeoutError:
                return False, f"{which[1]} did not answer in {CHECK_SECONDS:g} s"
        return True, ""
