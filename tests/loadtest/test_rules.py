"""The load tester's rules: what an earpiece hears, how a path delays, what is late, where the knee is."""

from pathlib import Path as File
from random import Random

import pytest

from lineside.audio.frame import Utterance
from lineside.audio.wav import read_wav, wav_bytes
from lineside.cli.loadtest import seconds
from lineside.engine_options import EngineOptions
from lineside.errors import ConfigError
from lineside.loadtest.capacity import Capacity
from lineside.loadtest.lateness import Lateness, late_ms, together
from lineside.loadtest.listener import Listener
from lineside.loadtest.mock_engines import MockSTT, _name
from lineside.loadtest.network_impairment import ImpairedPath, frame_due
from lineside.loadtest.plan import CallResult, Plan, TurnResult, WorkerReport
from lineside.loadtest.recordings import OWN, read, recordings_in, silence
from lineside.loadtest.results import Goal, LoadTestResults, figures, misses, spread
from lineside.loadtest.runner import shares
from lineside.protocol import ReplyMetrics
from lineside.turns.dead_call import DeadCallDetector
from tests.virtual_time import run

PLAN = Plan(url="http://127.0.0.1:1", callers=4, duration=10.0)


def dice() -> Random:
    return Random(1)  # noqa: S311 - the same every time


def test_sound_that_comes_in_time_leaves_no_gap() -> None:
    """Sound sent ahead, in bursts, plays as one stretch."""
    listener = Listener()
    for at, length in ((10.0, 0.6), (10.1, 0.1), (10.69, 0.2)):
        listener.sound(length, at)
    assert (listener.gaps, listener.worst_gap) == (0, 0.0)
    assert listener.ends == pytest.approx(10.9)
    assert listener.unplayed(10.8) == pytest.approx(0.1)


def test_a_gap_is_the_time_in_which_sound_was_due() -> None:
    """A hundred milliseconds of sound, the next 150 ms after it began: 50 ms of nothing, and all after it later."""
    listener = Listener()
    listener.sound(0.1, 10.0)
    listener.sound(0.1, 10.15)
    listener.sound(0.1, 10.2)
    assert listener.gaps == 1
    assert listener.worst_gap == pytest.approx(0.05)
    assert listener.ends == pytest.approx(10.35)


def test_a_day_of_frames_has_no_drift() -> None:
    """The last frame of a day is due to the microsecond."""
    assert frame_due(0.0, 24 * 3600 * 50 - 1) == pytest.approx(24 * 3600, abs=1e-6)


def test_jitter_delays_and_keeps_the_order() -> None:
    """No frame leaves before it is spoken, more than the jitter late, or before the one ahead of it."""
    path = ImpairedPath(dice(), loss=0.0, jitter=0.05)
    leaves = [path.leaves(n * 0.02) for n in range(2000)]
    assert leaves == sorted(leaves)
    late = [left - n * 0.02 for n, left in enumerate(leaves)]
    assert min(late) >= 0
    assert 0.04 < max(late) <= 0.05 + 1e-9


def test_loss_is_the_share_that_was_asked_for() -> None:
    """One in a hundred is one in a hundred; none is none."""
    path = ImpairedPath(dice(), loss=0.01, jitter=0.0)
    assert 150 < sum(path.loses() for _ in range(20_000)) < 250
    lossless = ImpairedPath(dice(), loss=0.0, jitter=0.0)
    assert not any(lossless.loses() for _ in range(1000))
    assert lossless.leaves(1.5) == 1.5


def test_lateness_of_several_workers_is_one() -> None:
    """The p99 over all frames, not the mean of two p99s; early is punctual, very late is half a second."""
    one, other = Lateness(), Lateness()
    for _ in range(99):
        one.add(0.0002)
    other.add(0.030)
    counts = together([one.counts, other.counts])
    assert late_ms(counts, 0.99) == pytest.approx(0.3)
    assert late_ms(counts, 1.0) == pytest.approx(30.1)
    other.add(-1.0)
    other.add(7.0)
    assert other.ms(1.0) == pytest.approx(500.0)
    assert Lateness().ms(0.99) == 0.0


def test_a_spread_names_values_that_were_measured() -> None:
    """Nearest rank: of a hundred values the 95th, not one in between."""
    over = spread(float(n) for n in range(100, 0, -1))
    assert over is not None
    assert (over.count, over.p50, over.p95, over.p99, over.worst) == (100, 50.0, 95.0, 99.0, 100.0)
    assert spread([]) is None


@pytest.mark.parametrize(("knee", "first", "tries"), [(37, 10, [10, 20, 40, 30, 35, 37]), (3, 8, [8, 4, 2, 3])])
def test_the_knee_is_found(knee: int, first: int, tries: list[int]) -> None:
    """Doubling until it breaks, then halving the distance, to a tenth."""
    capacity, tried = Capacity(first, 1000), []
    while (callers := capacity.next()) is not None:
        tried.append(callers)
        capacity.add_result(callers, found() if callers <= knee else found(misses=("too slow",)))
    assert tried == tries
    assert capacity.knee <= knee < (capacity.broke_at or 0)
    assert (capacity.broke_at or 0) - capacity.knee <= max(1, knee // 10)


def test_a_search_that_never_breaks_ends() -> None:
    """At the most callers there can be, with no knee claimed."""
    capacity = Capacity(10, 50)
    tried = []
    while (callers := capacity.next()) is not None:
        tried.append(callers)
        capacity.add_result(callers, found())
    assert tried == [10, 20, 40, 50]
    assert capacity.broke_at is None


def test_a_search_says_when_the_tester_broke_first() -> None:
    """A late load tester proves nothing about the server."""
    capacity = Capacity(10, 50)
    capacity.add_result(10, found())
    capacity.add_result(20, found(misses=("too slow",), late=0.03))
    assert capacity.tester_was_the_limit


def found(*, misses: tuple[str, ...] = (), late: float = 0.0) -> LoadTestResults:
    own = Lateness()
    own.add(late)
    report = WorkerReport([], [], own.counts, 1, 0, 0, 0.1)
    whole = figures(PLAN, [report], 10.0, ideal_ms=None)
    import msgspec

    return msgspec.structs.replace(whole, misses=misses)


def report_of(*turns: TurnResult, ends: tuple[str, ...] = ("caller_hung_up",)) -> WorkerReport:
    calls = [CallResult(f"{n}", 0.0, 1.0, reason) for n, reason in enumerate(ends)]
    return WorkerReport(list(turns), calls, Lateness().counts, 500, 0, 0, 1.0)


def test_figures_come_from_both_sides() -> None:
    """The server's stages and the caller's ear, and what the gateway itself took of it."""
    turns = [
        TurnResult(
            "0.0", "a.wav", 1.0, first_ms=1240.0, stages=ReplyMetrics(at=0, turn=1, endpoint_ms=1010.0, e2e_ms=1215.0)
        ),
        TurnResult(
            "0.0", "a.wav", 6.0, first_ms=1300.0, worst_gap_ms=55.0, barged=True, overlap_ms=240.0, stale_ms=20.0
        ),
    ]
    whole = figures(PLAN, [report_of(*turns)], 10.0, ideal_ms=1195.0)
    assert whole.server["endpoint_ms"].p50 == 1010.0
    assert "tts_ms" not in whole.server
    assert (whole.caller["first sound"].p50, whole.caller["first sound"].worst) == (1240.0, 1300.0)
    assert (whole.caller["overhead heard"].p50, whole.caller["overhead"].p50) == (45.0, 20.0)
    assert (whole.caller["overlap"].p50, whole.caller["stale sound"].p50) == (240.0, 20.0)
    assert (whole.answered, whole.barge_ins, whole.big_gaps, whole.errors) == (2, 1, 1, {})


def test_the_goal_is_missed_by_time_by_gap_and_by_any_error() -> None:
    """Each miss is a sentence that says which."""
    well = figures(
        PLAN, [report_of(TurnResult("0.0", "a", 1.0, first_ms=900.0, worst_gap_ms=50.0))], 10.0, ideal_ms=None
    )
    assert misses(well, Goal(1000)) == ()
    assert "900 ms" in misses(well, Goal(800))[0]
    assert "gap" in misses(well, Goal(1000, gap_ms=40))[0]
    assert misses(figures(PLAN, [report_of()], 10.0, ideal_ms=None), Goal(1000)) == ("nobody heard an answer",)
    bad = report_of(
        TurnResult("0.0", "a", 1.0, first_ms=900.0, errors=["engine_error"]),
        TurnResult("0.0", "a", 2.0, missing=True, clipped_ms=100.0),
        ends=("refused", "refused", "caller_hung_up"),
    )
    (sentence,) = misses(figures(PLAN, [bad], 10.0, ideal_ms=None), Goal(1000))
    assert sentence == "errors: clipped answer 1, engine_error 1, missing answer 1, refused 2"


def test_callers_are_shared_out_once_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every caller has one worker; no worker more than it needs, no more workers than cores."""
    monkeypatch.setattr("lineside.loadtest.runner.cores", lambda: 4)
    for callers, workers in ((1, 1), (100, 1), (101, 2), (399, 4), (1001, 4)):
        plans = shares(Plan(url="", callers=callers, duration=1.0))
        assert len(plans) == workers
        numbers = [n for plan in plans for n in range(plan.first, plan.first + plan.callers)]
        assert numbers == list(range(callers))
        assert {plan.total for plan in plans} == {callers}


def test_a_recording_ends_with_its_last_sample_of_speech(tmp_path: File) -> None:
    """Silence around it is cut; what is missing to whole frames is filled up in front; G.711 is coded once."""
    tone = read_wav(OWN / "saturday.wav").pcm[32000:48000]
    (tmp_path / "a.wav").write_bytes(wav_bytes(bytes(32000) + tone + bytes(32000), 16_000))
    (whole,) = read(recordings_in(tmp_path), "pcm", 16_000)
    assert len(b"".join(whole.frames)) <= len(tone) + 640
    assert {len(frame) for frame in whole.frames} == {640}
    assert any(whole.frames[-1][-320:])
    (coded,) = read(recordings_in(tmp_path), "g711_ulaw", 8000)
    assert {len(frame) for frame in coded.frames} == {160}
    assert (len(silence("pcm", 16_000)), silence("g711_alaw", 8000)) == (640, b"\xd5" * 160)
    longer, shorter = (read(recordings_in(tmp_path), "pcm", 16_000, seconds)[0].frames for seconds in (1.5, 0.1))
    assert (len(longer), len(shorter)) == (75, 5)  # said again from the beginning, or cut off
    assert longer[:5] == shorter
    assert longer[len(whole.frames)] == whole.frames[0]


def test_recordings_that_cannot_be_spoken_are_named(tmp_path: File) -> None:
    """No files, or a silent one."""
    with pytest.raises(ConfigError, match=r"no \.wav"):
        recordings_in(tmp_path)
    (tmp_path / "still.wav").write_bytes(wav_bytes(bytes(32000), 16_000))
    with pytest.raises(ConfigError, match=r"still\.wav contains only silence"):
        read(recordings_in(tmp_path), "pcm", 16_000)


def test_mock_answers_are_worded_anew() -> None:
    """The gateway remembers spoken sentences, so no two may be alike."""
    assert len({_name(number) for number in range(60_000)}) == 60_000


def test_a_long_load_test_is_not_taken_for_a_caller_who_repeats_himself() -> None:
    """However many turns its callers speak, none of its calls has come to nothing."""

    async def story() -> DeadCallDetector:
        patience, stt = DeadCallDetector(), MockSTT(EngineOptions())
        for _ in range(50):
            patience.heard((await stt.transcribe(Utterance(bytes(32_000), 0.0, 1.0))).text)
        return patience

    assert run(story()).lost is None


@pytest.mark.parametrize(("text", "value"), [("30s", 30.0), ("500ms", 0.5), ("2m", 120.0), ("1.2", 1.2), (5.0, 5.0)])
def test_times_are_read_as_they_are_written(text: str | float, value: float) -> None:
    """With their unit, or seconds."""
    assert seconds(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "fast", "-1s", "3d", "1 2s"])
def test_what_is_no_time_is_refused(text: str) -> None:
    """With a word on how to write one."""
    import typer

    with pytest.raises(typer.BadParameter, match="30s"):
        seconds(text)
