"""What an operator sees of a load test: the lines, the table, the files; and a test of a gateway with mock engines."""

import asyncio
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from lineside.audio.wav import read_wav, wav_bytes
from lineside.cli import loadtest, loadtest_report
from lineside.errors import ConfigError
from lineside.loadtest import mock_engines
from lineside.loadtest.capacity import Capacity
from lineside.loadtest.html_report import _round_up, picture
from lineside.loadtest.lateness import Lateness
from lineside.loadtest.plan import CallResult, Plan, TurnResult, WorkerReport
from lineside.loadtest.recordings import OWN, recordings_in
from lineside.loadtest.report import verdict
from lineside.loadtest.results import Goal, LoadTestResults, ServerLoad, figures, misses
from lineside.loadtest.runner import RunProgress
from lineside.loadtest.server_under_test import ProcessUsage, cores_used
from lineside.protocol import ReplyMetrics

PLAN = Plan(url="", callers=10, duration=10.0)
TURNS = [
    TurnResult(
        "0.0", "<b>.wav", n, first_ms=1000.0 + n, stages=ReplyMetrics(at=0, turn=1, asr_ms=50.0, e2e_ms=1200.0 + n)
    )
    for n in range(100)
]


def made(*, callers: int = 10, late: float = 0.0, slow: float = 1500.0) -> LoadTestResults:
    own = Lateness()
    own.add(late)
    report = WorkerReport(TURNS, [CallResult("0.0", 0.0, 10.0, "caller_hung_up")], own.counts, 5000, 3, 50, 1.0)
    whole = figures(msgspec.structs.replace(PLAN, callers=callers), [report], 10.0, ideal_ms=1000.0)
    whole = msgspec.structs.replace(whole, load=ServerLoad(0.5, 5.0, 100_000_000, 110_000_000))
    return msgspec.structs.replace(whole, misses=misses(whole, Goal(slow)))


def shown(found: LoadTestResults) -> str:
    console = Console(file=io.StringIO(), width=120)
    loadtest_report.summary(console, found)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    return str(text)


def test_the_table_has_every_stage_and_the_sentences_say_the_rest() -> None:
    """Server's stages, caller's ear, own lateness; load, losses, and a server that did not read."""
    text = shown(made())
    for words in (
        "STT",
        "response time",
        "last word to first audio",
        "load-generator lag",
        "5.00 % a call",
        "1.0 s of",
    ):
        assert words in text
    assert re.search(r"response time, as the server measured it\s+100\s+1249\s+1294\s+1298\s+1299", text)
    assert "Missed" not in text


def test_it_says_when_the_tester_was_late_and_what_was_missed() -> None:
    """The figures are then about the load tester."""
    assert "The load tester, not the server, was late" in shown(made(late=0.02))
    assert "not the server" not in shown(made(late=0.009))
    assert "Missed: p95 of the time to first sound is 1094 ms, and should be 1050 at most." in shown(made(slow=1050))


def test_progress_is_a_plain_line_now_and_then_where_there_is_no_terminal() -> None:
    """One every five seconds."""
    console = Console(file=io.StringIO(), width=200)
    with loadtest_report.live_progress(console, "10 callers") as notice:
        for second in range(12):
            notice(RunProgress(float(second), 10, second, 0, 0.5, [1200.0]))
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert len(lines) == 3
    assert lines[-1].startswith("10 callers: 10 s, 10 calls, 10 turns, first audio p50 1200 ms")


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        if tag not in ("meta", "circle", "line", "polyline"):
            self.open.append(tag)
        assert not any(name in ("src", "href") or name.startswith("on") for name, _ in attrs)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_picture_is_one_file_without_anything_from_elsewhere() -> None:
    """Well-formed, no script, no address; a curve for every percentile, a dot for every turn."""
    page = picture([made(), made(callers=20)], TURNS, goal_ms=1200, about="<script>", verdict="The knee: 10")
    tags = _Tags()
    tags.feed(page)
    assert tags.open == []
    assert "script" not in tags.seen
    assert "http" not in page
    assert tags.seen.count("polyline") == 6, "three curves, and three names for them"
    assert tags.seen.count("circle") == len(TURNS)


def test_a_picture_of_nothing_says_so() -> None:
    """Nobody heard an answer: no curve, and no fault."""
    assert "Nobody heard an answer" in picture([made()], [], goal_ms=1200, about="")


def test_the_verdict_of_a_search_names_the_knee_or_why_there_is_none() -> None:
    """Found, never reached, not even the first, or the load tester broke before the server did."""
    for steps, words in (
        ([(10, {}), (20, {"slow": 900})], "The knee: 10 calls at once went well, 20 did not"),
        ([(10, {})], "the goal was never missed"),
        ([(10, {"slow": 900})], "Not even 10"),
        ([(10, {}), (20, {"slow": 900, "late": 0.1})], "the load tester itself was late"),
    ):
        capacity = Capacity(10, 1000)
        for callers, how in steps:
            capacity.add_result(callers, made(callers=callers, **how))
        assert words in verdict(capacity)


def test_the_gateways_share_is_counted_between_two_times() -> None:
    """Cores, not seconds; nothing is said from a single reading."""
    readings = [ProcessUsage(at=float(n), cpu_seconds=0.5 * n, rss=1) for n in range(10)]
    assert cores_used(readings, 2.0, 8.0) == pytest.approx(0.5)
    assert cores_used(readings, 2.0, 2.5) is None


@pytest.mark.models
def test_mock_engines_measure_the_gateway_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A gateway of its own, real but for its engines: what is over their fixed times is its own; files are written."""
    said = read_wav(OWN / "saturday.wav").pcm[: 2 * 16_000]
    (tmp_path / "short.wav").write_bytes(wav_bytes(said, 16_000))
    order = loadtest.Order(
        plan=Plan(
            url="",
            callers=2,
            duration=1.5,
            recordings=recordings_in(tmp_path),
            key="not to be written",
            answer_seconds=mock_engines.ANSWER_SECONDS,
        ),
        slo=60.0,
        max_gap=0.0,
        mock_engines=True,
        speculation=False,
        turn_ends_after=1.0,
        find_capacity=False,
        transcribe=False,
        as_json=True,
        html=tmp_path / "out.html",
    )
    console = Console(file=io.StringIO(), width=200)
    assert asyncio.run(loadtest.carry_out(order, console), debug=True), console.file.getvalue()  # type: ignore[attr-defined]
    printed = capsys.readouterr().out
    document = json.loads(printed)
    assert "not to be written" not in printed
    (found,) = document["tests"]
    assert found["answered"] == 2
    assert found["clipped"] == 0
    assert found["server"]["asr_ms"]["p50"] >= 50
    assert 0 < found["load"]["lag_p99_ms"] < 60_000
    assert found["caller"]["overhead"]["p50"] > 0, "nothing can be faster than its engines"
    assert all(turn["seconds"] == pytest.approx(3.0, abs=0.02) for turn in document["turns"])
    assert "</html>" in (tmp_path / "out.html").read_text()


@pytest.mark.parametrize(
    ("slo", "mock_engines", "speculation", "expected"),
    [
        (None, False, False, 1200.0),
        (None, True, False, 1000.0 + 195.0 + 200.0),
        (None, True, True, 1000.0 + 200.0),
        (0.9, True, False, 900.0),
    ],
)
def test_what_mock_engines_take_is_not_the_gateways_to_keep(
    slo: float | None, mock_engines: bool, speculation: bool, expected: float
) -> None:
    """Their times and the silence are nearly all of the usual goal: a search for the knee would never find one."""
    order = loadtest.Order(
        plan=PLAN,
        slo=slo,
        max_gap=0.04,
        mock_engines=mock_engines,
        speculation=speculation,
        turn_ends_after=1.0,
        find_capacity=True,
        transcribe=False,
        as_json=False,
        html=None,
    )
    assert order.goal.first_ms == pytest.approx(expected)


def test_a_codec_that_is_none_is_refused() -> None:
    """With those there are."""
    with pytest.raises(ConfigError, match="g711_ulaw"):
        loadtest._codec("opus", "browser")


@pytest.mark.parametrize(("value", "end"), [(0.3, 0.5), (9.99, 10.0), (10.0, 10.0), (1210.0, 1500.0), (2069.0, 2500.0)])
def test_an_axis_ends_where_people_count_to(value: float, end: float) -> None:
    """Never below the value, never more than twice it."""
    assert _round_up(value) == pytest.approx(end)


def test_a_searchs_files_show_the_turns_of_its_largest_test(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not of the last one tried, which lay between."""

    async def tried(
        order: loadtest.Order, callers: int, console: Console
    ) -> tuple[LoadTestResults, list[WorkerReport]]:
        turn = TurnResult(f"of {callers}", "a.wav", 1.0, first_ms=1000.0)
        return made(callers=callers, slow=1500 if callers < 25 else 900), [WorkerReport([turn], [], [], 0, 0, 0, 0.0)]

    monkeypatch.setattr(loadtest, "_test", tried)
    order = loadtest.Order(
        plan=PLAN,
        slo=1.5,
        max_gap=0.0,
        mock_engines=False,
        speculation=False,
        turn_ends_after=1.0,
        find_capacity=True,
        transcribe=False,
        as_json=True,
        html=tmp_path / "out.html",
    )
    console = Console(file=io.StringIO(), width=200)
    assert asyncio.run(loadtest.carry_out(order, console), debug=True)
    document = json.loads(capsys.readouterr().out)
    assert [turn["call"] for turn in document["turns"]] == ["of 40"]
    assert "The knee: 2" in document["verdict"]
    assert "The knee" in console.file.getvalue()  # type: ignore[attr-defined]
