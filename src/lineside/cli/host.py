"""`lineside host`: run the host agent, or ask one."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, TypeVar

import aiohttp
import typer

from lineside.cli.address import JsonOption
from lineside.cli.output import Column, clean, print_json, print_table, say
from lineside.host.agent import PORT, run
from lineside.host.client import HostAgentClient
from lineside.host.service_config import ServiceConfig
from lineside.host.services import Service
from lineside.settings import load_settings

T = TypeVar("T")

app = typer.Typer(add_completion=False, help="Run the host agent, which starts and stops services of this machine.")

NameArgument = Annotated[str, typer.Argument(help="The service, as `lineside host services` lists it.")]
COLUMNS = (
    Column("service"),
    Column("status", styles={"ready": "green", "failed": "red", "resting": "yellow", "starting": "yellow"}),
    Column("model", drop=1),
    Column("memory", right=True, drop=2),
    Column("address", drop=3),
    Column("why", grows=True),
)


@app.callback(invoke_without_command=True)
def host(
    context: typer.Context,
    address: Annotated[
        str, typer.Option("--host", help="Where to listen; other than 127.0.0.1 needs a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0: any that is free.")] = PORT,
    listen_fd: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Run the host agent, unless a command follows."""
    if context.invoked_subcommand is not None:
        return
    settings = load_settings()

    def ready(url: str, declared: Sequence[ServiceConfig]) -> None:
        say(f"\nThe host agent answers at {url}", "bold")
        for service in declared:
            missing = service.missing()
            say(f"  {service.name}: {missing or 'can be started'}", "yellow" if missing else "")
        say("Ctrl-C ends it and every service.\n")

    asyncio.run(
        run(
            host=address,
            port=port,
            token=settings.host_agent_token,
            services_file=settings.services_file,
            models_dir=settings.models_dir,
            listen_fd=listen_fd,
            ready=ready,
        )
    )


@app.command()
def services(as_json: JsonOption = False) -> None:
    """List the services and their state."""
    _show(_asked(lambda agent: agent.services()), as_json)


@app.command()
def start(
    name: NameArgument,
    model: Annotated[str, typer.Option(help="One of its models; default: the first that is downloaded.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Start a service and wait until it is ready."""
    _show([_asked(lambda agent: agent.start(name, model))], as_json)


@app.command()
def stop(name: NameArgument, as_json: JsonOption = False) -> None:
    """Stop a service."""
    _show([_asked(lambda agent: agent.stop(name))], as_json)


@app.command()
def logs(
    name: NameArgument,
    lines: Annotated[int, typer.Option(min=1, max=500, help="How many at most.")] = 100,
    as_json: JsonOption = False,
) -> None:
    """Print the last lines of a service's output."""
    printed = _asked(lambda agent: agent.logs(name, lines))
    if as_json:
        print_json({"lines": printed})
        return
    for line in printed:
        print(clean(line))


@app.command()
def machine(as_json: JsonOption = False) -> None:
    """Show CPU, memory and GPUs."""
    now = _asked(lambda agent: agent.machine())
    if as_json:
        print_json(now)
        return
    memory = _share(now.ram.used_bytes, now.ram.total_bytes)
    say(f"{now.cpu.cores} cores, {now.cpu.percent:g} % busy · memory {memory}")
    for gpu in now.gpus:
        busy = "" if gpu.percent is None else f", {gpu.percent:g} % busy"
        say(f"{gpu.vendor} {gpu.index}: {gpu.name}, {_share(gpu.used_bytes, gpu.total_bytes)}{busy}")
        for one in gpu.processes:
            say(f"  {one.pid} {one.name} {one.model} {one.bytes / 2**30:.2f} GiB")
    if now.note:
        say(now.note)


def _asked(ask: Callable[[HostAgentClient], Awaitable[T]]) -> T:
    settings = load_settings()

    async def main() -> T:
        async with aiohttp.ClientSession() as http:
            return await ask(
                HostAgentClient(settings.host_agent_url or f"http://127.0.0.1:{PORT}", settings.host_agent_token, http)
            )

    return asyncio.run(main())


def _show(rows: Sequence[Service], as_json: bool) -> None:
    if as_json:
        print_json({"services": rows})
        return
    print_table(
        COLUMNS, [(row.name, row.state, row.model, _megabytes(row.memory_bytes), row.url, row.why) for row in rows]
    )


def _megabytes(size: int | None) -> str:
    return "" if size is None else f"{size / 2**20:.0f} MiB"


def _share(used: int, total: int) -> str:
    return f"{used / 2**30:.1f} of {total / 2**30:.1f} GiB"
