"""`lineside host`: run the host agent, or ask one."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, TypeVar

import aiohttp
import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lineside.host.agent import PORT, run
from lineside.host.client import HostAgentClient
from lineside.host.service_config import ServiceConfig
from lineside.host.services import Service
from lineside.settings import load_settings

T = TypeVar("T")

app = typer.Typer(help="The host agent: starts and ends services on this machine, reads its graphics cards.")

NameArgument = Annotated[str, typer.Argument(help="The service, as `lineside host services` lists it.")]
COLOURS = {"ready": "green", "failed": "red", "resting": "yellow", "starting": "yellow"}


@app.callback(invoke_without_command=True)
def host(
    context: typer.Context,
    address: Annotated[
        str, typer.Option("--host", help="Where to listen; other than 127.0.0.1 needs a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535)] = PORT,
) -> None:
    """Run the host agent, unless a command follows."""
    if context.invoked_subcommand is not None:
        return
    settings = load_settings()

    def ready(url: str, declared: Sequence[ServiceConfig]) -> None:
        out = Console()
        out.print(f"\nThe host agent answers at [bold]{url}[/]", highlight=False)
        for service in declared:
            missing = service.missing()
            out.print(
                f"  {service.name}: {'[yellow]' + escape(missing) + '[/]' if missing else 'can be started'}",
                highlight=False,
            )
        out.print("Ctrl-C ends it and every service.\n")

    asyncio.run(
        run(
            host=address,
            port=port,
            token=settings.host_agent_token,
            services_file=settings.services_file,
            models_dir=settings.models_dir,
            ready=ready,
        )
    )


@app.command()
def services() -> None:
    """The services and how they stand."""
    _show(_asked(lambda agent: agent.services()))


@app.command()
def start(name: NameArgument, model: Annotated[str, typer.Option(help="One of its models.")] = "") -> None:
    """Start a service and wait until it is ready."""
    _show([_asked(lambda agent: agent.start(name, model))])


@app.command()
def stop(name: NameArgument) -> None:
    """End a service."""
    _show([_asked(lambda agent: agent.stop(name))])


@app.command()
def logs(name: NameArgument, lines: Annotated[int, typer.Option(min=1, max=500)] = 100) -> None:
    """What a service printed last."""
    for line in _asked(lambda agent: agent.logs(name, lines)):
        print(line)


@app.command()
def machine() -> None:
    """Processor, memory and graphics cards."""
    now = _asked(lambda agent: agent.machine())
    out = Console()
    out.print(
        f"{now.cpu.cores} cores, {now.cpu.percent:g} % busy · memory {_share(now.ram.used_bytes, now.ram.total_bytes)}"
    )
    for gpu in now.gpus:
        busy = "" if gpu.percent is None else f", {gpu.percent:g} % busy"
        out.print(f"{gpu.vendor} {gpu.index}: {escape(gpu.name)}, {_share(gpu.used_bytes, gpu.total_bytes)}{busy}")
        for one in gpu.processes:
            out.print(f"  {one.pid} {escape(one.name)} {escape(one.model)} {one.bytes / 2**30:.2f} GiB")
    if now.note:
        out.print(escape(now.note))


def _asked(ask: Callable[[HostAgentClient], Awaitable[T]]) -> T:
    settings = load_settings()

    async def main() -> T:
        async with aiohttp.ClientSession() as http:
            return await ask(
                HostAgentClient(settings.host_agent_url or f"http://127.0.0.1:{PORT}", settings.host_agent_token, http)
            )

    return asyncio.run(main())


def _show(rows: Sequence[Service]) -> None:
    table = Table(box=box.SIMPLE)
    for title in ("service", "state", "model", "memory", "address"):
        table.add_column(title, no_wrap=True)
    table.add_column("")
    for row in rows:
        state = f"[{COLOURS.get(row.state, 'dim')}]{row.state}[/]"
        memory = "" if row.memory_bytes is None else f"{row.memory_bytes / 2**20:.0f} MiB"
        table.add_row(row.name, state, escape(row.model), memory, row.url, escape(row.why))
    Console().print(table)


def _share(used: int, total: int) -> str:
    return f"{used / 2**30:.1f} of {total / 2**30:.1f} GiB"
