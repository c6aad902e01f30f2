"""`lineside serve`: the gateway."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from lineside.cli.output import say
from lineside.cli.running import run_async
from lineside.settings import Settings, load_settings

if TYPE_CHECKING:
    from lineside.gateway.startup import RunningGateway


def serve(
    host: Annotated[str, typer.Option(metavar="HOST", help="Address to listen on; default: HOST.")] = "",
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, metavar="PORT", help="Port, 0: any that is free; default: PORT.")
    ] = None,
    sip: Annotated[bool, typer.Option("--sip", help="Answer calls over SIP too; see SIP_HOST and SIP_PORT.")] = False,
    insecure: Annotated[bool, typer.Option("--insecure", help="Listen beyond this machine without API_KEYS.")] = False,
    services: Annotated[
        list[str] | None,
        typer.Option("--with", metavar="SERVICE[=MODEL]", help="Start a host agent and this service; repeatable."),
    ] = None,
    monitoring: Annotated[
        bool, typer.Option("--monitoring", help="Start Prometheus and Grafana too, where installed.")
    ] = False,
) -> None:
    """Start the gateway and its engines, and answer calls until Ctrl-C."""
    from lineside.gateway.multiprocess import counted_together, worker_count

    given: dict[str, object] = {}
    if host:
        given["host"] = host
    if port is not None:
        given["port"] = port
    if sip:
        given["sip"] = True
    settings = load_settings(**given)
    with counted_together(worker_count(settings)):
        _serve(settings, insecure, services or [], monitoring)


def _serve(settings: Settings, insecure: bool, services: list[str], monitoring: bool) -> None:
    from lineside.gateway.startup import serve as keep_serving

    run_async(
        lambda: keep_serving(
            settings, insecure=insecure, ready=_banner, services=services, monitored=say if monitoring else None
        )
    )


def _banner(running: "RunningGateway") -> None:
    out = Console()
    out.print(f"\nlineside answers at [bold]{running.url}[/]", highlight=False, soft_wrap=True)
    for role in ("stt", "llm", "tts"):
        by = running.answering.get(role)
        named = f"{by.model} ({by.engine})" if by is not None and by.model else by.engine if by is not None else ""
        say(f"  {role}: {named or running.registry.defaults[role]}")
    if running.sip:
        say(f"  telephones: {running.sip}")
    say("Ctrl-C ends it.\n")
