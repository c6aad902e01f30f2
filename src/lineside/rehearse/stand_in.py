"""The stand-in of a back end: tables in memory, read and changed as the scenarios declare. Touches nothing outside."""

import asyncio
import copy
from collections.abc import Mapping

from lineside.agents.declared import Tool
from lineside.agents.tools.outcome import Outcome, Use
from lineside.rehearse.scenario import Effect, State


class BackEndStandIn:
    """Answers tools from its state; the same key changes nothing twice."""

    def __init__(self, state: State, effects: Mapping[str, Effect]) -> None:
        self.state = copy.deepcopy(state)
        self._effects = effects
        self._seen: dict[str, Outcome] = {}
        self.used: list[Use] = []

    async def run(self, use: Use, tool: Tool, key: str) -> Outcome:
        """See `RunsTools`."""
        self.used.append(use)
        effect = self._effects.get(use.tool)
        if effect is None:
            return Outcome("refused", why="the stand-in does not know the tool")
        if effect.takes > tool.within:
            await asyncio.sleep(tool.within)
            return Outcome("timeout")
        await asyncio.sleep(effect.takes)
        if key in self._seen:
            return self._seen[key]
        outcome = self._do(effect, use)
        if tool.writes:
            self._seen[key] = outcome
        return outcome

    def _do(self, effect: Effect, use: Use) -> Outcome:
        refused = next((why for value, why in effect.refuses.items() if value in use.arguments.values()), "")
        if refused:
            return Outcome("failed", why=refused)
        key = use.arguments.get(effect.by, "")
        table = effect.needs or effect.reads or effect.sets
        if table and key not in self.state.get(table, {}):
            return Outcome("failed", why=effect.otherwise)
        given = {name: value for name, value in use.arguments.items() if name != effect.by}
        if effect.adds:
            self.state.setdefault(effect.adds, {})[key] = dict(given)
        if effect.sets:
            chosen = effect.fields or tuple(given)
            self.state[effect.sets][key].update({name: given[name] for name in chosen if name in given})
        row = self.state.get(effect.reads or effect.sets, {}).get(key, {})
        return Outcome("ok", {**{name: str(value) for name, value in row.items()}, **effect.gives})
