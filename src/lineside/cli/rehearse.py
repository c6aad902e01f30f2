"""`lineside rehearse`: callers try an agent before people do."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lineside.cli.address import JsonOption
from lineside.cli.output import print_json, say

if TYPE_CHECKING:
    from lineside.rehearse.rehearsal_gateway import RehearsalLine
    from lineside.rehearse.results import HeldCall, Level, ScenarioResult
    from lineside.rehearse.scenario import RehearsalDesk, Scenario
    from lineside.rehearse.shared_by_calls import NewVoices, SoundPlan

LEVELS = ("text", "sound", "line")
LEVEL_HELP = (
    "text: typed words, scripted engines, no time. sound: callers speak, and the real engines hear them. "
    "line: they call over a real line, in real time."
)
BY_SOUND = "At sound and line level"


def rehearse(
    scenarios: Annotated[
        Path | None, typer.Argument(exists=True, help="A file of scenarios, or a folder of them.")
    ] = None,
    call: Annotated[
        str, typer.Option("--from", metavar="CALL", help="Rehearse a kept call instead: its id, or its beginning.")
    ] = "",
    save: Annotated[Path | None, typer.Option(help="With --from: write it as a file of scenarios, to be kept.")] = None,
    runs: Annotated[int, typer.Option(min=1, max=100, help="Calls of each scenario, in slightly other words.")] = 1,
    level: Annotated[str, typer.Option(help=LEVEL_HELP)] = "text",
    llm: Annotated[
        str, typer.Option("--llm", metavar="ENGINE[:MODEL]", help="At text level: the language model that answers.")
    ] = "",
    native: Annotated[bool, typer.Option("--native", help="The language model calls the tools.")] = False,
    only: Annotated[str, typer.Option(help="Scenarios with this in their name or tags.")] = "",
    voice: Annotated[
        list[str] | None,
        typer.Option(metavar="ENGINE[:VOICE]", help="A voice of callers; repeatable.", rich_help_panel=BY_SOUND),
    ] = None,
    line: Annotated[
        str, typer.Option(help="At line level: sip (the default) or browser.", rich_help_panel=BY_SOUND)
    ] = "",
    codec: Annotated[str, typer.Option(help="pcm, g711_ulaw or g711_alaw.", rich_help_panel=BY_SOUND)] = "pcm",
    noise: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="A WAV heard behind callers.", rich_help_panel=BY_SOUND),
    ] = None,
    snr: Annotated[float, typer.Option(help="Decibels of noise under the caller.", rich_help_panel=BY_SOUND)] = 15.0,
    at_once: Annotated[int, typer.Option(min=1, max=16, help="Calls at once.", rich_help_panel=BY_SOUND)] = 1,
    late: Annotated[
        float, typer.Option(min=0, help="Seconds added to the silence allowed.", rich_help_panel=BY_SOUND)
    ] = 2.0,
    sets: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A setting; repeatable.", rich_help_panel=BY_SOUND),
    ] = None,
    junit: Annotated[Path | None, typer.Option(help="Write the results as JUnit XML.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write a page with the results, conversations and sound.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Try an agent with the callers of these files. Exit code 1: a call went wrong; 2: a file is broken.

    No tool of the agent's is called, at any level: a stand-in that the scenarios declare answers in their place.
    """
    from typing import cast

    from msgspec.structs import replace

    from lineside.errors import ConfigError
    from lineside.rehearse.report import write_html, write_junit
    from lineside.rehearse.results import summary
    from lineside.rehearse.text_level import rehearse_by_text

    plan = _plan(level, voice or [], codec, noise, snr, at_once, late)
    if plan is not None and llm:
        raise ConfigError("--llm is for --level text; at the other levels say --set DEFAULT_LLM_ENGINE=…")
    over = _line(level, line)
    desk, new_voices = _desk(scenarios, call, save, sets or [])
    chosen = tuple(each for each in desk.scenarios if only in each.name or only in each.tags or not only)
    agent = replace(desk.agent, tool_calls="native") if native else desk.agent
    desk = replace(desk, scenarios=chosen, agent=agent)
    if plan is None and llm:
        results = _with_model(desk, llm, sets or [], runs)
    elif plan is None:
        results = rehearse_by_text(desk, runs)
    else:
        results = _by_sound(desk, plan, over, sets or [], runs, new_voices, quiet=as_json)
    passed, held_calls = sum(result.passed for result in results), sum(len(result.runs) for result in results)
    told = summary(results, cast("Level", level))
    if as_json:
        print_json({"scenarios": [_told(result) for result in results], "passed": passed, "calls": held_calls})
    else:
        _print(results)
        say(told)
    if junit is not None:
        write_junit(junit, results)
    if html is not None:
        write_html(html, results, told)
    if passed < held_calls:
        raise typer.Exit(1)


def _with_model(desk: "RehearsalDesk", llm: str, sets: list[str], runs: int) -> "list[ScenarioResult]":
    from lineside.cli.replay import given
    from lineside.rehearse.model_answers import parse_model, rehearse_with_model
    from lineside.settings import load_settings

    return rehearse_with_model(desk, load_settings(**given(sets)), parse_model(llm), runs)


def _plan(
    level: str, voices: list[str], codec: str, noise: Path | None, snr: float, at_once: int, late: float
) -> "SoundPlan | None":
    from typing import cast, get_args

    from lineside.errors import ConfigError
    from lineside.protocol import Codec
    from lineside.rehearse.caller_sound import parse_voice
    from lineside.rehearse.shared_by_calls import SoundPlan

    if level not in LEVELS:
        raise ConfigError(f"--level {level} is not known; choose one of {', '.join(LEVELS)}")
    if codec not in get_args(Codec):
        raise ConfigError(f"--codec {codec} is not known; choose one of {', '.join(get_args(Codec))}")
    if level == "text":
        return None
    return SoundPlan(tuple(map(parse_voice, voices)), cast(Codec, codec), noise, under=snr, at_once=at_once, late=late)


def _line(level: str, line: str) -> "RehearsalLine | None":
    """The line that callers call over; None: the level has none."""
    from lineside.errors import ConfigError

    if level != "line":
        if line:
            raise ConfigError("--line is for --level line")
        return None
    from lineside.rehearse.line_level import LINES

    for known in LINES:
        if known == (line or LINES[0]):
            return known
    raise ConfigError(f"--line {line} is not known; choose one of {', '.join(LINES)}")


def _desk(
    scenarios: Path | None, call: str, save: Path | None, sets: list[str]
) -> "tuple[RehearsalDesk, NewVoices | None]":
    """The scenarios of the files, or the kept call, with its sound where it was recorded."""
    from lineside.errors import ConfigError
    from lineside.rehearse.scenario import load_desk

    if (scenarios is None) == (not call):
        raise ConfigError("give a file or folder of scenarios, or --from CALL")
    if scenarios is not None:
        if save is not None:
            raise ConfigError("--save goes with --from CALL: scenarios of a file are kept already")
        return load_desk(scenarios), None
    from lineside.cli.calls import whole_call, whole_id
    from lineside.cli.replay import given
    from lineside.gateway.agent_store import AgentFile
    from lineside.rehearse.kept_call import as_toml, desk_of
    from lineside.rehearse.kept_sound import KeptSound
    from lineside.settings import load_settings

    settings = load_settings(**given(sets))
    whole = whole_call(whole_id(call))
    desk = desk_of(whole, AgentFile(settings.agent_file, settings.data_dir).read())
    if save is not None:
        save.write_text(as_toml(desk, str(settings.agent_file.resolve())), encoding="utf-8")
        say(f"written to {save}")
    recording = settings.data_dir / "recordings" / f"{whole.call.id}.flac"
    return desk, KeptSound(whole, recording).voices if recording.is_file() else None


def _by_sound(
    desk: "RehearsalDesk",
    plan: "SoundPlan",
    line: "RehearsalLine | None",
    sets: list[str],
    runs: int,
    new_voices: "NewVoices | None",
    *,
    quiet: bool,
) -> "list[ScenarioResult]":
    from rich.console import Console

    from lineside.cli.replay import given
    from lineside.rehearse.caller_sound import CallerVoices
    from lineside.rehearse.line_level import rehearse_by_line
    from lineside.rehearse.sound_level import rehearse_by_sound
    from lineside.settings import load_settings

    console, over = Console(stderr=True, quiet=quiet), [0]
    with console.status("callers speak to the agent") as status:

        def on_call(scenario: "Scenario", call: "HeldCall") -> None:
            over[0] += 1
            kinds = ", ".join(dict.fromkeys(failure.kind for failure in call.failures)) or "as meant"
            console.print(f"{scenario.name}: {kinds} ({call.seconds:.0f} s of call)", highlight=False)
            status.update(f"{over[0]} of {runs * len(desk.scenarios)} calls are over")

        settings, voices = load_settings(**given(sets)), new_voices or CallerVoices
        if line is not None:
            return rehearse_by_line(desk, settings, plan, line, runs, on_call, voices)
        return rehearse_by_sound(desk, settings, plan, runs, on_call, voices)


def _told(result: "ScenarioResult") -> dict[str, object]:
    from msgspec.structs import replace

    runs = [replace(run, sound=b"") for run in result.runs]
    return {"name": result.scenario.name, "passed": result.passed, "runs": runs}


def _print(results: "list[ScenarioResult]") -> None:
    for result in results:
        good = result.passed == len(result.runs)
        say(f"{result.passed}/{len(result.runs)}  {result.scenario.name}", "green" if good else "bold red")
        worst = next((run for run in result.runs if run.failures), None)
        for failure in worst.failures if worst is not None else ():
            say(f"       {failure.kind}: {failure.what}")
