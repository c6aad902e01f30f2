"""`lineside replay`: a kept call again, with other engines or settings, and both side by side."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich import box
from rich.console import Console
from rich.table import Table

from lineside.cli.call_tables import answered_by
from lineside.errors import ConfigError
from lineside.records.entries import KeptTurn
from lineside.settings import complete_settings, load_settings, variable

if TYPE_CHECKING:
    from lineside.replay.compare import Comparison, TurnPair

STAGES = {
    "endpoint_ms": "end of turn",
    "asr_ms": "STT",
    "llm_first_ms": "first token",
    "llm_ms": "LLM",
    "tts_first_ms": "first sound",
    "tts_ms": "TTS",
    "e2e_ms": "end to end",
}


def replay(
    call: Annotated[str, typer.Argument(help="Id of a kept call, or its beginning.")],
    sets: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A setting for this replay; repeatable.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs: both calls as one JSON document.")] = False,
) -> None:
    """Re-run a recorded call with other engines or settings, faster than real time, and compare."""
    from lineside.cli.calls import whole_id
    from lineside.replay.compare import compared
    from lineside.replay.runner import replay as held_again

    chosen = load_settings(**given(sets or []))
    console = Console(stderr=True)
    with console.status(f"call {call} is held again"):
        found = compared(*held_again(chosen, whole_id(call)))
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
    else:
        show(found, Console())


def given(sets: list[str]) -> dict[str, object]:
    """Settings as `NAME=VALUE`. Raises `ConfigError` for what is none."""
    fields = {variable(field, info): field for field, info in complete_settings().model_fields.items()}
    chosen: dict[str, object] = {}
    for each in sets:
        name, sign, value = each.partition("=")
        field = fields.get(name.strip().upper())
        if not sign:
            raise ConfigError(f"--set {each}: must be NAME=VALUE")
        if field is None:
            raise ConfigError(f"--set {each}: {name.strip()} is no setting; `lineside settings` lists them")
        chosen[field] = value
    return chosen


def show(found: "Comparison", out: Console) -> None:
    """Both calls, side by side."""
    words = Table("turn", "at", "who", "kept", "now", "WER", box=box.SIMPLE)
    for number, pair in enumerate(found.pairs, 1):
        words.add_row(
            str(number), f"{pair.at:.1f} s", "caller", *_both(pair, lambda turn: turn.heard), _percent(pair.wer)
        )
        words.add_row("", "", "agent", *_both(pair, lambda turn: turn.said), "")
        words.add_row("", "", "by", *_both(pair, lambda turn: answered_by(turn.engines) or "–"), "", end_section=True)
    out.print(words)
    times = Table("turn", *STAGES.values(), title="milliseconds: kept → now", box=box.SIMPLE)
    for number, pair in enumerate(found.pairs, 1):
        times.add_row(str(number), *(" → ".join(_both(pair, partial(_ms, stage))) for stage in STAGES))
    out.print(times)
    faster = found.seconds / found.took if found.took else 0.0
    out.print(
        f"{found.seconds:.1f} s of call in {found.took:.1f} s ({faster:.1f} times real time); WER of the whole call "
        f"{_percent(found.wer) or '–'}, what was heard then taken for right",
        highlight=False,
        soft_wrap=True,
    )


def _both(pair: "TurnPair", shown: Callable[[KeptTurn], str]) -> tuple[str, str]:
    then, now = ("–" if turn is None else shown(turn) for turn in (pair.kept, pair.now))
    return then, now


def _ms(stage: str, turn: KeptTurn) -> str:
    took = turn.stages.get(stage)
    return "–" if took is None else f"{took:.0f}"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"
