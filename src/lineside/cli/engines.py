"""`lineside engines`: the engines that a call may name, and whether they answer; engines spread over machines."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from msgspec import Struct
from msgspec.structs import replace
from rich.console import Console
from typer.core import TyperGroup

from lineside.answered_by import AnsweredBy
from lineside.api.engine_schemas import EnginesStatus
from lineside.cli.address import JsonOption, KeyOption, UrlOption, ask_gateway, running_gateway_health
from lineside.cli.output import Column, print_json, print_table, say
from lineside.cli.running import run_async
from lineside.engines.recent_fallbacks import Fallback
from lineside.reasons import EngineState
from lineside.settings import Settings, load_settings

if TYPE_CHECKING:
    from lineside.engines.registry import EngineRegistry, Role
    from lineside.engines.standings import Standing

BAD = "bold red"
STATUS = {"available": "green", "not running": BAD, "failed": BAD, "not downloaded": "yellow", "no key": "yellow"}
UNAVAILABLE = ("no key", "not installed", "not configured")
COLUMNS = (
    Column("engine"),
    Column("status", styles=STATUS),
    Column("role"),
    Column("default"),
    Column("answers with, or what to do", grows=True),
)


class EngineRow(Struct, frozen=True):
    """One engine, as it is printed."""

    role: str
    engine: str
    default: bool
    choices: tuple[str, ...]  # models or voices; none: any
    up: bool | None = None  # None: not asked, or cannot be asked
    why: str = ""  # what is wrong
    state: EngineState | None = None  # None: not asked
    answers: AnsweredBy | None = None  # who answers a call that names this engine
    fallback: Fallback | None = None  # the last time that another answered for it


class EnginesGroup(TyperGroup):
    """`lineside engines` lists them, as `lineside engines list` does."""

    default = "list"

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        """What begins with an option is a list."""
        if not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names):
            args = [self.default, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=EnginesGroup,
    add_completion=False,
    help="List the STT, LLM and TTS engines, as without a command; deploy models over several machines.",
)


@app.command("list")
def list_engines(
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


@app.command("deploy")
def deploy_engines(
    config: Annotated[Path, typer.Option("--config", metavar="FILE", help="Models and replicas (TOML).")],
    ray: Annotated[str, typer.Option("--ray", metavar="ADDRESS", help="Ray cluster: host:port of its head.")] = "auto",
    host: Annotated[str, typer.Option(metavar="HOST", help="Address at which each machine answers.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, metavar="PORT", help="Port of it.")] = 8000,
    as_json: JsonOption = False,
) -> None:
    """Run the embedded models as Ray Serve deployments, on the machines of a cluster that is up.

    Comes back when all replicas are ready; they stay. Run again with a changed file, it changes them.
    """
    from lineside.engine_server.scale.deployments import deploy
    from lineside.engine_server.scale.plan import read_engine_plan

    deployed = deploy(read_engine_plan(config), address=ray, host=host, port=port)
    if as_json:
        print_json({"url": f"http://{host}:{port}", "routes": deployed})
        return
    for route, application in deployed.items():
        say(f"  {route}: {application}")
    say(f"The engines answer. On the gateways: EMBEDDED_URL=http://{host}:{port}")


def _cells(row: EngineRow, check: bool) -> tuple[str, ...]:
    status = (row.state or "–") if check or row.state in UNAVAILABLE else "–"
    return row.engine, status, row.role, "yes" if row.default else "", _told(row)


def _told(row: EngineRow) -> str:
    """Who answers; what is wrong and what to do about it; who stood in lately."""
    told = [row.why] if row.why else []
    if row.answers is not None:
        model = row.answers.model or "a model that it does not name"
        told.insert(0, model if row.answers.engine == row.engine else f"{model} ({row.answers.engine})")
    if row.fallback is not None:
        by = row.fallback.by
        told.append(f"{by.why} {_lasting(row.fallback.seconds_ago)} ago, {by.model or by.engine} answered")
    return "; ".join(told) or ", ".join(row.choices) or "any"


def _lasting(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 60 else f"{seconds / 60:.0f} min"


async def _listed(settings: Settings) -> list[EngineRow]:
    from lineside.gateway.runtime import open_registry

    async with open_registry(settings) as registry:
        return _rows(registry, {})


async def _checked(settings: Settings) -> list[EngineRow]:
    from lineside.agents.agent import load_agent
    from lineside.engines.registry import ROLES
    from lineside.engines.standings import standing
    from lineside.gateway.runtime import warm_engines

    async with warm_engines(settings, load_agent(settings.agent_file)) as (_, registry):
        every = [(role, name) for role in ROLES for name in registry.names(role)]
        found = await asyncio.gather(*(standing(name, registry.engine(role, name)) for role, name in every))
        return _rows(registry, dict(zip(every, found, strict=True)))


def _of_running(url: str, key: str, settings: Settings) -> list[EngineRow]:
    raw = ask_gateway("GET", "/api/engines", None, url=url, key=key, settings=settings)
    answer = msgspec.convert(raw, EnginesStatus)
    rows: list[EngineRow] = []
    for role, of in (("stt", answer.stt), ("llm", answer.llm), ("tts", answer.tts)):
        for one in of.engines:
            row = EngineRow(role, one.name, one.name == of.default, one.choices, one.up, one.why, one.state)
            rows.append(replace(row, answers=one.answers, fallback=one.fallback))
        rows += [EngineRow(role, one.name, False, (), False, one.why, one.state) for one in of.unavailable]
    return rows


def _rows(registry: "EngineRegistry", found: "dict[tuple[Role, str], Standing]") -> list[EngineRow]:
    from lineside.engines.registry import ROLES
    from lineside.engines.standings import lacking, who_answers

    rows: list[EngineRow] = []
    for role in ROLES:
        for name in registry.names(role):
            row = EngineRow(role, name, registry.defaults[role] == name, tuple(registry.choices(role, name)))
            if (one := found.get((role, name))) is not None:
                answers = who_answers(role, registry.order(role, name), found)
                row = replace(row, up=one.up, why=one.why, state=one.state, answers=answers)
            rows.append(row)
        for name, what in registry.lacking(role).items():
            one = lacking(what)
            rows.append(EngineRow(role, name, False, (), False, one.why, one.state))
    return rows
