"""`lineside drain`: take a running lineside out of service without losing a call.

Exit code 0: no call is left, or calls are taken again; 1: calls were still up when the command gave up waiting.
"""

import time
from typing import Annotated

import msgspec
import typer

from lineside.cli.address import JsonOption, KeyOption, UrlOption, ask_gateway
from lineside.cli.output import print_json, say
from lineside.observability.drain_status import DrainStatus
from lineside.settings import Settings, load_settings

LOOK_EVERY = 0.5  # seconds
HEARD_OUT = 15.0  # seconds more than --within, in which the last calls hear goodbye


def drain(
    within: Annotated[
        float | None,
        typer.Option(min=0, metavar="SECONDS", help="Calls that last longer are told goodbye; default: no limit."),
    ] = None,
    wait: Annotated[bool, typer.Option(help="Wait until no call is left.")] = True,
    undo: Annotated[bool, typer.Option("--undo", help="Take calls again.")] = False,
    url: UrlOption = "",
    key: KeyOption = "",
    as_json: JsonOption = False,
) -> None:
    """Have a running lineside refuse new calls, and wait for those that are up to end. Then stop it."""
    settings = load_settings()
    if undo:
        status = _ask("DELETE", None, url, key, settings)
    else:
        status = _ask("POST", {"within_s": within}, url, key, settings)
        if wait:
            until = None if within is None else time.monotonic() + within + HEARD_OUT
            status = _emptied(status, until, url, key, settings, quiet=as_json)
    if as_json:
        print_json(status)
    elif undo:
        say("Calls are taken again.")
    else:
        say(
            f"New calls are refused; {status.calls} calls are up."
            if status.calls
            else "No call is up, and none is taken."
        )
    if status.draining and status.calls and wait:
        raise typer.Exit(1)


def _ask(method: str, body: object, url: str, key: str, settings: Settings) -> DrainStatus:
    return msgspec.convert(ask_gateway(method, "/api/drain", body, url=url, key=key, settings=settings), DrainStatus)


def _emptied(
    status: DrainStatus, until: float | None, url: str, key: str, settings: Settings, *, quiet: bool
) -> DrainStatus:
    """How it stands when no call is left, somebody takes calls again, or the time is over; each change is printed."""
    told = 0
    while status.draining and status.calls and (until is None or time.monotonic() < until):
        if status.calls != told and not quiet:
            told = status.calls
            say(f"{told} calls are up")
        time.sleep(LOOK_EVERY)
        status = _ask("GET", None, url, key, settings)
    return status
