"""The command line."""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lineside.cli.calls import calls
from lineside.cli.host import app as host_app
from lineside.cli.loadtest import loadtest
from lineside.cli.models import app as models_app
from lineside.cli.replay import replay
from lineside.errors import ConfigError, EngineError, LinesideError
from lineside.logging_setup import log_to_stderr
from lineside.processes.numpy_threads import use_one_numpy_thread
from lineside.settings import Settings, explain, load_settings

if TYPE_CHECKING:
    from lineside.engines.registry import EngineRegistry, Role

app = typer.Typer(add_completion=False, no_args_is_help=True, help="lineside answers phone calls.")
app.add_typer(models_app, name="models", help="The models: what there is, fetch and check files, load and unload.")
app.add_typer(host_app, name="host")
app.command()(loadtest)
app.command()(calls)
app.command()(replay)
console = Console(stderr=True)

FilesArgument = Annotated[
    list[Path], typer.Argument(exists=True, dir_okay=False, help="WAV files: the turns of one call.")
]
UrlOption = Annotated[str, typer.Option(help="Where lineside answers; default: this machine, PORT.")]


def main() -> None:
    """The entry point: every error of ours is a sentence, not a traceback."""
    use_one_numpy_thread()
    log_to_stderr()
    try:
        app()
    except LinesideError as fault:
        console.print(f"[bold red]lineside:[/] {fault}", highlight=False, soft_wrap=True)
        sys.exit(2 if isinstance(fault, ConfigError) else 1)


@app.command()
def serve(
    insecure: Annotated[bool, typer.Option(help="Listen beyond this machine without API_KEYS.")] = False,
    services: Annotated[
        list[str] | None,
        typer.Option("--with", metavar="SERVICE[=MODEL]", help="Start a host agent and this service; repeatable."),
    ] = None,
    monitoring: Annotated[
        bool, typer.Option("--monitoring", help="Start Prometheus and Grafana beside it, where installed.")
    ] = False,
) -> None:
    """Start the gateway and its engines, and answer calls until Ctrl-C."""
    from lineside.gateway.multiprocess import counted_together, worker_count

    settings = load_settings()
    with counted_together(worker_count(settings)):
        _keep_serving(settings, insecure, services or [], monitoring)


def _keep_serving(settings: Settings, insecure: bool, services: list[str], monitored: bool) -> None:
    from lineside.gateway.startup import RunningGateway
    from lineside.gateway.startup import serve as keep_serving

    def ready(running: RunningGateway) -> None:
        names = {role: running.registry.defaults[role] for role in ("stt", "llm", "tts")}
        models = {role: ", ".join(running.registry.choices(role)) for role in ("stt", "llm", "tts")}
        out = Console()
        out.print(f"\nlineside answers at [bold]{running.url}[/]", highlight=False)
        for role, name in names.items():
            out.print(f"  {role}: {name} ({models[role]})" if models[role] else f"  {role}: {name}", highlight=False)
        out.print("Ctrl-C ends it.\n")

    def say(words: str) -> None:
        Console().print(words, highlight=False, soft_wrap=True)

    _run(
        lambda: keep_serving(
            settings, insecure=insecure, ready=ready, services=services, monitored=say if monitored else None
        )
    )


@app.command()
def talk(
    files: FilesArgument,
    url: UrlOption = "",
    save: Annotated[Path | None, typer.Option(help="Write what was answered to this WAV file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the call as one JSON document.")] = False,
    codec: Annotated[str, typer.Option(help="pcm, g711_ulaw or g711_alaw.")] = "pcm",
    greeting: Annotated[bool, typer.Option(help="Let the agent greet first.")] = False,
    key: Annotated[str, typer.Option(envvar="LINESIDE_KEY", help="One of the API_KEYS.")] = "",
) -> None:
    """Call lineside: speak WAV files in real time, print what was heard, said, and where the time went."""
    from lineside.protocol import FirstMessage, ReplyText, Transcript, read_hello
    from lineside.testclient.client import CallClient, ClientCall, recordings

    settings = load_settings()
    hello = read_hello(msgspec.json.encode({"codec": codec} | ({} if greeting else {"greeting": ""})))
    assert isinstance(hello, FirstMessage)  # noqa: S101

    def notice(event: object) -> None:
        if isinstance(event, Transcript):
            console.print(f"  [bold]caller[/] {event.text}", highlight=False)
        elif isinstance(event, ReplyText):
            console.print(f"  [bold]agent[/]  {event.text}", highlight=False)

    caller = CallClient(
        url or _own_url(settings),
        hello,
        key=key or next(iter(settings.api_keys), ""),
        notice=lambda e: None if as_json else notice(e),
    )
    spoken = recordings(files)
    conversation: ClientCall = _run(lambda: caller.hold(spoken))
    if save is not None:
        save.write_bytes(caller.reply_wav())
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(conversation), indent=2).decode())
    else:
        _print_times(conversation)
    if any(not turn.reply for turn in conversation.turns):
        raise typer.Exit(1)


@app.command()
def engines(
    check: Annotated[bool, typer.Option("--check", help="Ask each whether it would answer.")] = False,
) -> None:
    """The engines that a call may name, and the default ones. --check: 1 if a default one would not answer."""
    from lineside.agents.agent import load_agent
    from lineside.engines.registry import ROLES, EngineRegistry
    from lineside.gateway.runtime import warm_engines

    async def show() -> bool:
        chosen = load_settings()
        if not check:
            registry = EngineRegistry(chosen)
            Console().print(_engine_table(registry, {}))
            await registry.close()
            return True
        with console.status("starting the engine server, if it is needed"):
            async with warm_engines(chosen, load_agent(chosen.agent_file)) as (_, registry):
                every = [(role, name) for role in ROLES for name in registry.names(role)]
                verdicts = dict(zip(every, await asyncio.gather(*(_verdict(registry, *e) for e in every)), strict=True))
        Console().print(_engine_table(registry, verdicts))
        return all(verdicts[role, registry.defaults[role]] in ("", "–") for role in ROLES)

    if not _run(show):
        raise typer.Exit(1)


def _engine_table(registry: "EngineRegistry", verdicts: "dict[tuple[Role, str], str]") -> Table:
    from lineside.engines.registry import ROLES

    table = Table("role", "engine", "models or voices", "default", *(["answers"] if verdicts else []), box=box.SIMPLE)
    for role in ROLES:
        for name in registry.names(role):
            default = "yes" if registry.defaults[role] == name else ""
            row = [role, name, ", ".join(registry.choices(role, name)) or "any", default]
            if verdicts:
                why = verdicts[role, name]
                row.append("[green]yes[/]" if not why else "–" if why == "–" else f"[red]no[/]: {escape(why)}")
            table.add_row(*row)
    return table


async def _verdict(registry: "EngineRegistry", role: "Role", name: str) -> str:
    """Why the engine would not answer; nothing if it would, a dash if it cannot be asked."""
    from lineside.engines.protocols import HealthChecked

    engine = registry.engine(role, name)
    if not isinstance(engine, HealthChecked):
        return "–"
    try:
        await engine.check()
    except EngineError as cause:
        return str(cause)
    return ""


@app.command()
def settings() -> None:
    """Every setting as it stands, and who set it; secrets are masked."""
    table = Table("setting", "value", "set by", "what it does", box=box.SIMPLE)
    for row in explain(load_settings()):
        source = row.source if row.source == "default" else f"[bold]{row.source}[/]"
        table.add_row(row.name, escape(row.value), source, escape(row.about))
    Console().print(table)


@app.command()
def doctor() -> None:
    """Check this machine and hear one sentence through the whole chain; say what to do about each fault."""
    from lineside.cli.doctor import examine

    if not _run(lambda: examine(load_settings(), Console())):
        raise typer.Exit(1)


def _run(main: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main())


def _own_url(settings: Settings) -> str:
    return f"http://{'127.0.0.1' if settings.only_this_machine else settings.host}:{settings.port}"


def _print_times(conversation: "Any") -> None:
    table = Table(
        "turn", "voice to voice", "end of turn", "ASR", "first token", "LLM", "first sound", "TTS", title="milliseconds"
    )
    for turn in conversation.turns:
        m = turn.metrics
        times = (m.endpoint_ms, m.asr_ms, m.llm_first_ms, m.llm_ms, m.tts_first_ms, m.tts_ms) if m else ()
        table.add_row(turn.file, *(f"{t:.0f}" if t is not None else "–" for t in (turn.voice_to_voice_ms, *times)))
    Console().print(table)
