"""How engines stand: whether each would answer, with which model or voice, and what it lacks."""

import asyncio
from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from lineside.answered_by import AnsweredBy
from lineside.engine_options import Role
from lineside.engines.answered import answered_by, reason
from lineside.engines.fallback_chain import FallbackChain
from lineside.engines.protocols import Engine, HealthChecked, SpeaksWithAnother
from lineside.errors import EngineError, ModelMissing
from lineside.reasons import EngineState

CHECK_SECONDS = 2.0  # then the engine counts as down


class Standing(Struct, frozen=True):
    """How one engine stands. `by`: who answers for it, where it is there."""

    state: EngineState
    by: AnsweredBy | None = None
    why: str = ""  # what is wrong and what to do about it
    download: str = ""  # the model to fetch; empty: none, or nobody knows its name

    @property
    def up(self) -> bool | None:
        """Whether it would answer; None where it cannot be asked."""
        return None if self.state == "unchecked" else self.by is not None


UNUSABLE = Standing("not configured", why="it cannot be used with these settings")


async def standing(name: str, engine: Engine, seconds: float = CHECK_SECONDS) -> Standing:
    """Ask the engine whether it would answer, `seconds` at most."""
    try:
        async with asyncio.timeout(seconds):
            if isinstance(engine, FallbackChain):
                return Standing("available", await engine.usual())
            if isinstance(engine, HealthChecked):
                await engine.check()
    except EngineError as why:
        missing = why.model if isinstance(why, ModelMissing) else ""
        return Standing(reason(why) or "failed", why=str(why), download=missing)
    except TimeoutError:
        return Standing("too slow", why=f"{name} did not answer in {seconds:g} s")
    by = answered_by(name, engine)
    if isinstance(engine, SpeaksWithAnother) and (wanted := engine.not_downloaded()):
        notice = f"{wanted} is not downloaded, {by.model} speaks: lineside models pull {wanted}"
        return Standing("not downloaded", by, notice, wanted)
    return Standing("available" if isinstance(engine, HealthChecked) else "unchecked", by)


def who_answers(role: Role, order: Sequence[str], standings: Mapping[tuple[Role, str], Standing]) -> AnsweredBy | None:
    """Who answers a call that is asked in this order: the first that is not down. None: nobody."""
    found = [(name, standings[role, name]) for name in order if (role, name) in standings]
    for name, one in found:
        if one.up is False or one.by is None:
            continue
        first, state = found[0][0], found[0][1].state
        if name == first:
            return one.by
        why = state if state in ("too slow", "busy", "not running", "not downloaded", "no key") else "failed"
        return replace(one.by, instead_of=first, why=why)
    return None


def lacking(what: str) -> Standing:
    """How an engine stands that calls may not name, because this setting or program is missing."""
    state: EngineState = (
        "no key" if "_KEY" in what else "not installed" if what.startswith("the program") else "not configured"
    )
    return Standing(state, why=f"set {what} and restart" if state != "not installed" else f"install {what}")
