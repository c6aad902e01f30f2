"""`lineside engines`: the engines that a call may name, and whether they answer."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer
from msgspec import Struct
from rich.console import Console

from lineside.cli.address import JsonOption, KeyOption, UrlOption, ask_gateway, running_gateway_health
from lineside.cli.output import Column, print_json, print_table, say
from lineside.cli.running import run_async
from lineside.errors import EngineError
from lineside.settings import Settings, load_settings

if TYPE_CHECKING:
    from lineside.engines.registry import EngineRegistry, Role

STATUS = {"ok": "green", "FAIL": "bold red"}
COLUMNS = (
    Column("engine"),
    Column("status", styles=STATUS),
    Column("role"),
    Column("default"),
    Column("models or voices, or what is wrong", grows=True),
)


class EngineRow(Struct, frozen=True):
    """One engine, as it is printed."""

    role: str
    engine: str
    default: bool
    choices: tuple[str, ...]  # models or voices; none: any
    up: bool | None = None  # None: not asked, or cannot be asked
    why: str = ""  # what is wrong


def engines(
    check: Annotated[bool, typer.Option("--check", help="Ask each whether it would answer.")] = False,
    url: UrlOption = "",
    key: KeyOption = "",
    as_json: JsonOption = False,
) -> None:
    """List the STT, LLM and TTS engines that a call may name.

    With --check a running lineside is asked, or where none runs, the engines are started. Exit code 1: a default
    engine does not answer.
    """
    settings = load_settings()
    if not check:
        rows = run_async(lambda: _listed(settings))
    elif url or running_gateway_health("", settings) is not None:
        rows = _of_running(url, key, settings)
    else:
        with Console(stderr=True).status("starting the engine server, if it is needed"):
            rows = run_async(lambda: _checked(settings))
    if as_json:
        print_json({"engines": rows})
    else:
        print_table(COLUMNS, [_cells(row, check) for row in rows])
    failed = [row for row in rows if row.default and row.up is False]
    if failed:
        say(f"does not answer: {', '.join(f'{row.role} {row.engine}' for row in failed)}", "bold red", error=True)
        raise typer.Exit(1)


def _cells(row: EngineRow, check: bool) -> tuple[str, ...]:
    status = {True: "ok", False: "FAIL", None: "–"}[row.up] if check else "–"
    return row.engine, status, row.role, "yes" if row.default else "", row.why or ", ".join(row.choices) or "any"


async def _listed(settings: Settings) -> list[EngineRow]:
    from lineside.gateway.runtime import open_registry

    async with open_registry(settings) as registry:
        return _rows(registry, {})


async def _checked(settings: Settings) -> list[EngineRow]:
    from lineside.agents.agent import load_agent
    from lineside.engines.registry import ROLES
    from lineside.gateway.runtime import warm_engines

    async with warm_engines(settings, load_agent(settings.agent_file)) as (_, registry):
        every = [(role, name) for role in ROLES for name in registry.names(role)]
        found = await asyncio.gather(*(_check(registry, role, name) for role, name in every))
        return _rows(registry, dict(zip(every, found, strict=True)))


def _of_running(url: str, key: str, settings: Settings) -> list[EngineRow]:
    answer: dict[str, Any] = ask_gateway("GET", "/api/engines", None, url=url, key=key, settings=settings)
    return [
        EngineRow(
            role, one["name"], one["name"] == answer[role]["default"], tuple(one["choices"]), one["up"], one["why"]
        )
        for role in ("stt", "llm", "tts")
        for one in answer[role]["engines"]
    ]


def _rows(registry: "EngineRegistry", found: "dict[tuple[Role, str], tuple[bool | None, str]]") -> list[EngineRow]:
    from lineside.engines.registry import ROLES

    return [
        EngineRow(
            role,
            name,
            registry.defaults[role] == name,
            tuple(registry.choices(role, name)),
            *found.get((role, name), (None, "")),
        )
        for role in ROLES
        for name in registry.names(role)
    ]


async def _check(registry: "EngineRegistry", role: "Role", name: str) -> tuple[bool | None, str]:
    """Whether the engine answers, and what is wrong; None where it cannot be asked."""
    from lineside.engines.protocols import HealthChecked

    engine = registry.engine(role, name)
    if not isinstance(engine, HealthChecked):
        return None, ""
    try:
        await engine.check()
    except EngineError as cause:
        return False, str(cause)
    return True, ""
