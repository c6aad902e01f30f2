"""`lineside loadtest`: what an operator types, and what they see."""

import asyncio
import re
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated

import aiohttp
import msgspec
import typer
from msgspec import Struct
from rich.console import Console

from lineside.cli import loadtest_report
from lineside.cli.address import JsonOption, KeyOption, UrlOption, base_url, running_gateway_health
from lineside.cli.output import print_json
from lineside.errors import ConfigError
from lineside.loadtest.capacity import Capacity
from lineside.loadtest.html_report import picture
from lineside.loadtest.mock_engines import ANSWER_SECONDS, TO_FIRST_SOUND
from lineside.loadtest.plan import LINES, LineName, Plan, TurnResult, WorkerReport
from lineside.loadtest.recordings import CODECS, recordings_in
from lineside.loadtest.report import verdict
from lineside.loadtest.results import Goal, LoadTestResults
from lineside.loadtest.runner import hold_test
from lineside.loadtest.server_under_test import own_gateway
from lineside.loadtest.telephone_call import NoTicket, test_ticket
from lineside.loadtest.wer import EACH, word_error_rate
from lineside.protocol import Codec
from lineside.settings import load_settings

SLO_MS = 1200.0  # to the first sound, of 95 %
OWN_MS = 200.0  # … beyond what the silence and the mock engines take; by 100 the detector's end of a word strays
MOST_CALLERS = 10_000  # beyond it ports run out before the server does


def seconds(text: str | float) -> float:
    """`30s`, `500ms`, `2m`, `1.5` (seconds). Raises typer's own complaint."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|)", str(text).strip())
    if not found:
        raise typer.BadParameter(f"{text!r} is no time; write 30s, 500ms or 2m")
    return float(found[1]) * {"ms": 0.001, "s": 1.0, "": 1.0, "m": 60.0, "h": 3600.0}[found[2]]


def _time(about: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(parser=seconds, metavar="TIME", help=about)
    return option


class Order(Struct, frozen=True):
    """What was asked for."""

    plan: Plan
    slo: float | None
    max_gap: float
    mock_engines: bool
    speculation: bool
    turn_ends_after: float  # seconds: VAD_SILENCE_TIMEOUT_MS
    find_capacity: bool
    transcribe: bool
    as_json: bool
    html: Path | None

    @property
    def ideal_ms(self) -> float | None:
        """The time to first sound if the gateway itself took none: known with mock engines only."""
        if not self.mock_engines:
            return None
        engines = 0.0 if self.speculation else TO_FIRST_SOUND  # prepared before the turn is over
        return (self.turn_ends_after + engines) * 1000

    @property
    def goal(self) -> Goal:
        """What must hold. Mock engines alone take nearly all of 1.2 s: it is about the gateway alone."""
        if self.slo is not None:
            first_ms = self.slo * 1000
        else:
            first_ms = SLO_MS if self.ideal_ms is None else self.ideal_ms + OWN_MS
        return Goal(first_ms, self.max_gap * 1000)


def loadtest(
    concurrency: Annotated[int, typer.Option(min=1, max=MOST_CALLERS, help="Number of concurrent callers.")] = 10,
    duration: Annotated[float, _time("Duration, such as 30s; turns under way are finished.")] = 30.0,
    url: UrlOption = "",
    key: KeyOption = "",
    audio_dir: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="WAV files to speak, one turn each.")
    ] = None,
    codec: Annotated[str, typer.Option(help="pcm, g711_ulaw or g711_alaw; by itself as the line has it.")] = "",
    line: Annotated[
        str, typer.Option(help="browser, sip, audiosocket, asterisk-ws, twilio or realtime: how callers come.")
    ] = "browser",
    greeting: Annotated[bool, typer.Option(help="Let the agent greet first, and hear it out.")] = True,
    ramp: Annotated[float, _time("Ramp-up time.")] = 5.0,
    call_length: Annotated[float, _time("Hang up after this and call again; 0: one call each.")] = 0.0,
    turn_every: Annotated[float, _time("From a turn's start to the next one's; 0: soon after the answer.")] = 0.0,
    speech: Annotated[float, _time("How long each turn's speech lasts; 0: as its recording.")] = 0.0,
    barge_in_rate: Annotated[float, typer.Option(min=0, max=1, help="Share of the answers talked over.")] = 0.0,
    loss: Annotated[float, typer.Option(min=0, max=1, help="Share of the frames that never arrive.")] = 0.0,
    jitter: Annotated[float, _time("The longest delay of a frame on its way.")] = 0.0,
    slo: Annotated[
        float | None, _time("p95 target for time to first audio: 1.2s, or what --mock-engines take and 0.2s.")
    ] = None,
    max_gap: Annotated[float, _time("The longest gap in any answer; 0: not asked.")] = 0.0,
    as_json: JsonOption = False,
    html: Annotated[Path | None, typer.Option(dir_okay=False, help="Write a picture to this file.")] = None,
    mock_engines: Annotated[
        bool, typer.Option("--mock-engines", help="Test a gateway of its own, with engines of fixed times.")
    ] = False,
    speculation: Annotated[
        bool, typer.Option("--speculation", help="With --mock-engines: let answers be prepared early.")
    ] = False,
    find_capacity: Annotated[
        bool, typer.Option("--find-capacity", help="Raise the callers until the goal is missed.")
    ] = False,
    transcribe: Annotated[
        bool, typer.Option("--transcribe", help="Have lineside write down what callers heard, and compare.")
    ] = False,
    seed: Annotated[int, typer.Option(help="The same number gives the same callers.")] = 0,
) -> None:
    """Call lineside with many callers at once, listen as they would, and say what they heard."""
    settings = load_settings()
    if mock_engines and url:
        raise ConfigError("--mock-engines tests a gateway of its own: leave --url (LINESIDE_URL) out, or the other")
    if mock_engines and transcribe:
        raise ConfigError("--transcribe compares words, and the voice of --mock-engines is a tone: leave one out")
    if not mock_engines and running_gateway_health(url, settings) is None:
        raise ConfigError(f"no lineside answers at {base_url(url, settings)}; start it with: lineside serve")
    plan = Plan(
        url="" if mock_engines else base_url(url, settings),
        callers=concurrency,
        duration=duration,
        key=key or ("" if mock_engines else next(iter(settings.api_keys), "")),
        codec=_codec(codec or ("g711_ulaw" if line == "twilio" else "pcm"), line),
        line=_line(line, loss),
        sip=f"sip:agent@{settings.sip_host}:{settings.sip_port}",
        audiosocket=f"{settings.audiosocket_host}:{settings.audiosocket_port}",
        recordings=recordings_in(audio_dir),
        greeting=greeting and line != "realtime",
        ramp=min(ramp, duration / 2),
        call_length=call_length,
        turn_every=turn_every,
        speech=speech,
        barge_in_rate=barge_in_rate,
        loss=loss,
        jitter=jitter,
        answer_seconds=ANSWER_SECONDS if mock_engines else 0.0,
        keep_sound=EACH if transcribe else 0,
        silence_ms=settings.vad_silence_timeout_ms,
        seed=seed,
    )
    order = Order(
        plan=plan,
        slo=slo,
        max_gap=max_gap,
        mock_engines=mock_engines,
        speculation=speculation,
        turn_ends_after=settings.vad_silence_timeout_ms / 1000,
        find_capacity=find_capacity,
        transcribe=transcribe,
        as_json=as_json,
        html=html,
    )
    if not asyncio.run(carry_out(order, Console(stderr=as_json))):
        raise typer.Exit(1)


async def carry_out(order: Order, console: Console) -> bool:
    """Do it and show it; answers whether the goal was met."""
    if order.find_capacity:
        return await _search(order, console)
    found, reports = await _test(order, order.plan.callers, console)
    loadtest_report.summary(console, found)
    _write(order, [found], reports, "")
    return not found.misses


async def _search(order: Order, console: Console) -> bool:
    capacity = Capacity(order.plan.callers, MOST_CALLERS)
    heard: dict[int, list[WorkerReport]] = {}
    while (callers := capacity.next()) is not None:
        found, heard[callers] = await _test(order, callers, console)
        capacity.add_result(callers, found)
    loadtest_report.knee(console, capacity)
    tests = [step.figures for step in sorted(capacity.steps, key=lambda step: step.callers)]
    _write(order, tests, heard[max(heard)], verdict(capacity))
    return capacity.knee > 0


async def _test(order: Order, callers: int, console: Console) -> tuple[LoadTestResults, list[WorkerReport]]:
    plan = msgspec.structs.replace(order.plan, callers=callers)
    async with AsyncExitStack() as stack:
        own = None
        if order.mock_engines:
            own = await stack.enter_async_context(own_gateway(speculation=order.speculation, line=plan.line))
            plan = msgspec.structs.replace(plan, url=own.url, sip=own.sip, audiosocket=own.audiosocket)
        await _check_line(plan)
        notice = stack.enter_context(loadtest_report.live_progress(console, f"{callers} callers"))
        found, reports = await hold_test(plan, order.goal, notice=notice, own=own, ideal_ms=order.ideal_ms)
    if order.transcribe:
        answers = [answer for report in reports for answer in report.spoken]
        rate = await word_error_rate(plan.url, plan.key, answers)
        found = msgspec.structs.replace(found, word_error_rate=rate)
    return found, reports


def _write(order: Order, tests: Sequence[LoadTestResults], reports: Sequence[WorkerReport], verdict: str) -> None:
    """The document and the picture, where asked for; `reports` are those of the last of the tests."""
    turns: list[TurnResult] = sorted((turn for report in reports for turn in report.turns), key=lambda turn: turn.asked)
    if order.as_json:
        plan = msgspec.structs.replace(order.plan, key="")
        document = {
            "plan": plan,
            "goal": order.goal,
            "tests": tests,
            "tester_late": any(found.tester_late for found in tests),
            "verdict": verdict,
            "turns": turns,
            "calls": [end for report in reports for end in report.calls],
        }
        print_json(document)
    if order.html is not None:
        order.html.write_text(
            picture(tests, turns, goal_ms=order.goal.first_ms, about=_about(order), verdict=verdict), encoding="utf-8"
        )


def _about(order: Order) -> str:
    plan = order.plan
    who = "a gateway with engines of fixed times" if order.mock_engines else plan.url
    return (
        f"{who}; {plan.codec}, {plan.duration:g} s, {plan.barge_in_rate:.0%} of the answers talked over, "
        f"{plan.loss:.1%} of the frames lost, up to {plan.jitter * 1000:.0f} ms of jitter."
    )


async def _check_line(plan: Plan) -> None:
    """Raise `ConfigError` where test calls cannot be made over the line: none is made that could reach real tools."""
    if plan.line in ("browser", "realtime"):  # their first message says so
        return
    headers = {"Authorization": f"Bearer {plan.key}"} if plan.key else {}
    async with aiohttp.ClientSession(headers=headers) as http:
        try:
            await test_ticket(http, plan)
        except NoTicket as why:
            raise ConfigError(f"--line {plan.line}: no ticket for a test call: {why}") from None


def _line(name: str, loss: float) -> LineName:
    if name not in LINES:
        raise ConfigError(f"--line {name}: one of {', '.join(LINES)}")
    if loss and name not in ("browser", "sip"):
        raise ConfigError(f"--loss: nothing is lost on --line {name}, which is TCP")
    return name


def _codec(name: str, line: str) -> Codec:
    if name not in CODECS:
        raise ConfigError(f"--codec {name}: one of {', '.join(CODECS)}")
    if line == "twilio" and name != "g711_ulaw":
        raise ConfigError("--line twilio speaks mu-law: --codec g711_ulaw")
    if line == "audiosocket" and name != "pcm":
        raise ConfigError("--line audiosocket speaks linear sound: --codec pcm")
    return name
