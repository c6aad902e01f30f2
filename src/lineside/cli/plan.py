"""`lineside plan`: machines, cards, memory, network and cost for so many calls at once."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lineside.cli.address import JsonOption
from lineside.cli.output import Column, print_json, print_table, say

if TYPE_CHECKING:
    from lineside.planning.capacity_plan import CapacityPlan, PlannedStage


def plan(
    calls: Annotated[int, typer.Option(min=1, max=10_000_000, help="Calls at once.")],
    engines: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="Machines, and which engine runs on which (TOML).")
    ],
    turn_every: Annotated[
        float, typer.Option(min=0.1, help="Seconds from the start of a caller's turn to the start of the next.")
    ] = 8.0,
    prices: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="What a machine costs an hour (TOML).")
    ] = None,
    figures: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Figures of your own beside those of lineside.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Print machines, cards, memory, network and cost for so many calls at once, from figures that were measured."""
    from lineside.planning.capacity_plan import plan_capacity
    from lineside.planning.figures import read_figures
    from lineside.planning.setup import read_prices, read_setup
    from lineside.settings import DATA

    measured = read_figures((DATA / "capacity.toml").read_text("utf-8"), "capacity.toml")
    if figures:
        measured = measured.with_others(read_figures(_text(figures), str(figures)))
    cost = read_prices(_text(prices), str(prices)) if prices else None
    planned = plan_capacity(calls, turn_every, read_setup(_text(engines), str(engines)), measured, cost)
    if as_json:
        print_json(planned)
    else:
        _show(planned)


def _text(file: Path) -> str:
    from lineside.errors import ConfigError

    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as cause:
        raise ConfigError(f"{file} cannot be read: {cause}") from None


def _show(planned: "CapacityPlan") -> None:
    columns = [
        Column("stage"),
        Column("engine", drop=4),
        Column("on"),
        Column("machines", right=True),
        Column("limited by", drop=3),
        Column("busy", right=True),
        Column("waits", right=True),
        Column("takes", right=True, drop=1),
        Column("GB", right=True, drop=2),
    ]
    cost = planned.per_hour is not None
    if cost:
        columns.append(Column(f"{planned.currency}/h", right=True))
    print_table(columns, [_row(stage, cost=cost) for stage in planned.stages])
    pace = f"a turn each {planned.turn_every_s:g} s: {planned.turns_per_s:.1f} turns a second"
    say(f"{planned.calls} calls at once, {pace}")
    say(f"machines {planned.machines}, cards {planned.cards}, memory in use {planned.memory_gb:.1f} GB")
    say(f"callers' network, each way: {planned.network_mbit:.0f} Mbit/s, {planned.packets_per_s} packets a second")
    if planned.per_month is not None and planned.per_call_hour is not None:
        say(f"cost: {planned.per_month:.0f} {planned.currency} a month, {planned.per_call_hour:.4f} an hour of a call")
    say("machines: with the spare ones; waits: 95 % of the requests, at most, while those are down")
    for source in planned.figures:
        say(f"from {source}")


def _row(stage: "PlannedStage", *, cost: bool) -> list[str]:
    row = [stage.name, stage.engine, stage.machine, str(stage.machines), stage.limited_by, f"{stage.utilisation:.0%}"]
    row += ["" if ms is None else f"{ms:.0f} ms" for ms in (stage.wait_ms, stage.service_ms)]
    row.append(f"{stage.memory_gb:.1f}")
    return [*row, f"{stage.per_hour:.2f}"] if cost else row
