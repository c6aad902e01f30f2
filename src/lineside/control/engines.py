"""Which engines there are, and whether they would answer."""

import asyncio
from typing import Any

from lineside.control.crew import Crew, Lately
from lineside.control.room import Shelf
from lineside.control.shapes import EngineNow, EnginesNow, RoleEngines
from lineside.engines.protocols import Checked
from lineside.engines.registry import ROLES, Role
from lineside.errors import ConfigError, EngineError, LineError

AT_ONCE = 8  # checks; further ones wait for their turn, so that a page does not knock at every door at once
CHECK_SECONDS = 2.0  # then the engine counts as down
KNOWN_FOR = 10.0  # seconds

Which = tuple[Role, str]
Verdict = tuple[bool | None, str]


class Engines:
    """The engines of this process, and what their last check said."""

    def __init__(self, registry: Shelf, crew: Crew) -> None:
        self._registry = registry
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._checked: Lately[Which, Verdict] = Lately(crew, self._check, fresh=KNOWN_FOR, stale=KNOWN_FOR)

    async def now(self) -> EnginesNow:
        """All of them, checked at the same time."""
        every = [(role, name) for role in ROLES for name in self._registry.names(role)]
        verdicts = await asyncio.gather(*(self._checked.of(which) for which in every))
        rows: dict[Role, list[EngineNow]] = {role: [] for role in ROLES}
        for (role, name), (up, why) in zip(every, verdicts, strict=True):
            rows[role].append(self._row(role, name, up, why))
        return EnginesNow(**{role: RoleEngines(self._registry.defaults[role], tuple(rows[role])) for role in ROLES})

    def _row(self, role: Role, name: str, up: bool | None, why: str) -> EngineNow:
        engine = engine_of(self._registry, role, name)
        choices = tuple(getattr(engine, "choices", ()))
        default = choices[0] if choices else ""
        return EngineNow(name, choices, default, bool(getattr(engine, "embedded", False)), up, why)

    async def _check(self, which: Which) -> Verdict:
        engine = engine_of(self._registry, *which)
        if engine is None:
            return False, "it cannot be used with these settings"
        if not isinstance(engine, Checked):
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


def engine_of(registry: Shelf, role: Role, name: str) -> Any:
    """The engine itself; None where the settings do not let it be."""
    try:
        return registry.engine(role, name)
    except (LineError, ConfigError):
        return None
