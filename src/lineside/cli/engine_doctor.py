"""`lineside doctor --engine NAME`: asks a real server the questions that tell, and says what lineside does about it."""

from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from textwrap import wrap
from typing import TYPE_CHECKING

from msgspec import Struct
from rich.console import Console
from rich.text import Text

from lineside.agents.agent import load_agent
from lineside.cli.output import clean
from lineside.errors import ConfigError
from lineside.settings import Settings

if TYPE_CHECKING:
    from lineside.engines.registry import EngineRegistry, Role

FIRST_COLUMN = 25  # characters before what was found


class EngineFinding(Struct, frozen=True):
    """One thing that was found out about one engine's server."""

    role: str
    engine: str
    question: str
    ok: bool
    found: str
    does: str  # what lineside does about it, or what to do; empty: nothing


async def examined(name: str, settings: Settings) -> AsyncGenerator[EngineFinding, None]:
    """What is found, as it is found, in every role that the engine plays. Raises `ConfigError` for an unknown name."""
    from lineside.engines.examination import examine

    wanted, _, name = name.rpartition(":")
    async with _registry(wanted, name, settings) as (registry, roles):
        for role in roles:
            async with aclosing(examine(role, registry.engine(role, name))) as facts:
                async for fact in facts:
                    yield EngineFinding(role, name, fact.question, fact.ok, fact.found, fact.does)


@asynccontextmanager
async def _registry(
    wanted: str, name: str, settings: Settings
) -> "AsyncGenerator[tuple[EngineRegistry, list[Role]], None]":
    from lineside.engines.registry import ROLES
    from lineside.gateway.runtime import open_registry, warm_engines

    async with open_registry(settings) as registry:
        roles = [role for role in ROLES if name in registry.names(role) and wanted in ("", role)]
        if not roles:
            known = ", ".join(sorted({known for role in ROLES for known in registry.names(role)}))
            asked = f"{wanted}:{name}" if wanted else name
            raise ConfigError(f"--engine {asked}: there is no such engine. The engines are: {known}")
        if settings.embedded_url or not any(registry.info(role, name).embedded for role in roles):
            yield registry, roles
            return
    async with warm_engines(settings, load_agent(settings.agent_file)) as (_, registry):
        yield registry, roles


def print_finding(finding: EngineFinding) -> None:
    """One finding, in lines of at most 80 columns where there is no wider terminal."""
    console = Console()
    mark = ("ok  ", "green") if finding.ok else ("FAIL", "bold red")
    title = f" {finding.role} {finding.question}".ljust(FIRST_COLUMN - 4)
    does = [f"→ {finding.does}"] if finding.does else []
    width = max(40, console.width if console.is_terminal else 80) - FIRST_COLUMN
    lines = [line for text in (finding.found, *does) for line in wrap(clean(text), width) or [""]]
    for number, line in enumerate(lines):
        head = Text.assemble(mark, title) if number == 0 else Text(" " * FIRST_COLUMN)
        console.print(Text.assemble(head, line), soft_wrap=True)
