"""`lineside replay`: a kept call again, with other engines or settings, and both side by side."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from lineside.cli.address import JsonOption
from lineside.cli.call_tables import answered_by
from lineside.cli.output import Column, print_json, print_table
from lineside.errors import ConfigError
from lineside.records.entries import KeptTurn
from lineside.settings import complete_settings, load_settings, variable

if TYPE_CHECKING:
    from lineside.replay.compare import Comparison, TurnPair

WORDS = (
    Column("turn", right=True),
    Column("at", right=True),
    Column("who"),
    Column("kept", grows=True),
    Column("now", grows=True),
    Column("WER", right=True),
)
STAGES = {
    "e2e_ms": Column("response time", right=True),
    "endpoint_ms": Column("end of turn", right=True),
    "asr_ms": Column("STT", right=True, drop=1),
    "llm_first_ms": Column("LLM first", right=True),
    "llm_ms": Column("LLM", right=True, drop=3),
    "tts_first_ms": Column("TTS first", right=True, drop=2),
    "tts_ms": Column("TTS", right=True, drop=4),
}


def replay(
    call: Annotated[str, typer.Argument(help="Id of a kept call, or its beginning.")],
    sets: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A setting for this replay; repeatable.")
    ] = None,
    as_json: JsonOption = False,
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
        print_json(found)
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
    words: list[tuple[str, ...]] = []
    for number, pair in enumerate(found.pairs, 1):
        words += [
            (str(number), f"{pair.at:.1f} s", "caller", *_both(pair, lambda turn: turn.heard), _percent(pair.wer)),
            ("", "", "agent", *_both(pair, lambda turn: turn.said), ""),
            ("", "", "by", *_both(pair, lambda turn: answered_by(turn.engines) or "–"), ""),
        ]
    print_table(WORDS, words, out=out)
    out.print("milliseconds: kept → now", highlight=False)
    times = [
        (str(number), *(" → ".join(_both(pair, partial(_ms, stage))) for stage in STAGES))
        for number, pair in enumerate(found.pairs, 1)
    ]
    print_table([Column("turn", right=True), *STAGES.values()], times, out=out)
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
