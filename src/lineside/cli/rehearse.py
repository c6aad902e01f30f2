"""`lineside rehearse`: callers try an agent before people do."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from lineside.cli.address import JsonOption
from lineside.cli.output import print_json, say
from lineside.cli.rehearse_options import (
    AtOnceOption,
    CallOption,
    CodecOption,
    HtmlOption,
    JunitOption,
    LateOption,
    LevelOption,
    LineOption,
    LlmOption,
    NativeOption,
    NoiseOption,
    OnlyOption,
    RunsOption,
    SaveOption,
    ScenariosArgument,
    SetOption,
    SnrOption,
    VoiceOption,
)

if TYPE_CHECKING:
    from lineside.rehearse.rehearsal_gateway import RehearsalLine
    from lineside.rehearse.results import HeldCall, Level, ScenarioResult
    from lineside.rehearse.scenario import RehearsalDesk, Scenario
    from lineside.rehearse.shared_by_calls import NewVoices, SoundPlan

LEVELS = ("text", "sound", "line")


def rehearse(
    scenarios: ScenariosArgument = None,
    call: CallOption = "",
    save: SaveOption = None,
    runs: RunsOption = 1,
    level: LevelOption = "text",
    llm: LlmOption = "",
    native: NativeOption = False,
    only: OnlyOption = "",
    voice: VoiceOption = None,
    line: LineOption = "",
    codec: CodecOption = "pcm",
    noise: NoiseOption = None,
    snr: SnrOption = 15.0,
    at_once: AtOnceOption = 1,
    late: LateOption = 2.0,
    sets: SetOption = None,
    junit: JunitOption = None,
    html: HtmlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Try an agent with the callers of these files. Exit code 1: a call went wrong; 2: a file is broken.

    No tool of the agent's is called, at any level: a stand-in that the scenarios declare answers in their place.
    """
    from msgspec.structs import replace

    from lineside.errors import ConfigError
    from lineside.rehearse.text_level import rehearse_by_text

    plan = _plan(level, voice or [], codec, noise, snr, at_once, late)
    if plan is not None and llm:
        raise ConfigError("--llm is for --level text; at the other levels say --set DEFAULT_LLM_ENGINE=…")
    over = _line(level, line)
    desk, new_voices = _desk(scenarios, call, save, sets or [])
    chosen = tuple(each for each in desk.scenarios if only in each.name or only in each.tags or not only)
    if not chosen:
        raise ConfigError(f"--only {only}: no scenario has this in its name or tags")
    agent = replace(desk.agent, tool_calls="native") if native else desk.agent
    desk = replace(desk, scenarios=chosen, agent=agent)
    if plan is None and llm:
        results = _with_model(desk, llm, sets or [], runs)
    elif plan is None:
        results = rehearse_by_text(desk, runs)
    else:
        results = _by_sound(desk, plan, over, sets or [], runs, new_voices, quiet=as_json)
    _report(results, level, junit, html, as_json=as_json)
    if any(result.passed < len(result.runs) for result in results):
        raise typer.Exit(1)


def _report(
    results: "list[ScenarioResult]", level: str, junit: Path | None, html: Path | None, *, as_json: bool
) -> None:
    from typing import cast

    from lineside.rehearse.report import write_html, write_junit
    from lineside.rehearse.results import summary

    told = summary(results, cast("Level", level))
    if as_json:
        passed, calls = sum(result.passed for result in results), sum(len(result.runs) for result in results)
        print_json({"scenarios": [_told(result) for result in results], "passed": passed, "calls": calls})
    else:
        _print(results)
        say(told)
    if junit is not None:
        write_junit(junit, results)
    if html is not None:
        write_html(html, results, told)


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
    from lineside.records.stored_recordings import recording_file
    from lineside.rehearse.kept_call import as_toml, desk_of
    from lineside.rehearse.kept_sound import KeptSound
    from lineside.settings import load_settings

    settings = load_settings(**given(sets))
    whole = whole_call(whole_id(call))
    desk = desk_of(whole, AgentFile(settings.agent_file, settings.data_dir).read())
    if save is not None:
        save.write_text(as_toml(desk, str(settings.agent_file.resolve())), encoding="utf-8")
        say(f"written to {save}")
    if whole.call.recording != "kept":
        return desk, None
    return desk, KeptSound(whole, asyncio.run(recording_file(settings, whole.call.id))).voices


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
