"""A load test's results in words: names of what was measured, and the sentences beneath the figures. Pure."""

from lineside.audio.frame import FRAME_SECONDS
from lineside.loadtest.capacity import Capacity
from lineside.loadtest.lateness import TOO_LATE_MS
from lineside.loadtest.results import BIG_GAP_MS, LoadTestResults

NAMES = {
    "endpoint_ms": "end of turn",
    "asr_ms": "STT",
    "llm_first_ms": "LLM first token",
    "llm_ms": "LLM",
    "tts_first_ms": "TTS first audio",
    "tts_ms": "TTS",
    "e2e_ms": "response time, as the server measured it",
    "first sound": "last word to first audio, fillers too",
    "overhead heard": "overhead, as callers hear it",
    "overhead": "overhead, from the last window of voice",
    "worst gap": "worst audio gap in an answer",
    "overlap": "barge-in to silence",
    "stale sound": "audio after the silence",
    "packet interval": "between two RTP packets",
    "clipped": "cut off an answer's end",
}


def sentences(found: LoadTestResults) -> list[str]:
    """The rest of it, in words."""
    said = [
        f"{found.calls} calls, {found.turns} turns, {found.answered} answered, {found.missing} without an answer or "
        f"its end, {found.barge_ins} spoken over, {found.big_gaps} answers with a gap over {BIG_GAP_MS:.0f} ms, "
        f"{found.clipped} clipped, {found.talked_over} begun before the caller had finished."
    ]
    if found.word_error_rate is not None:
        said.append(f"Of the words that were meant, {100 * found.word_error_rate:.1f} % were not what a caller heard.")
    if found.load is not None and found.load.percent_per_call is not None:
        load = found.load
        said.append(
            f"Gateway: {100 * (load.cores or 0):.0f} % of a core, {load.percent_per_call:.2f} % a call; memory "
            f"{load.rss_most / 1e6:.0f} MB at most, {(load.rss_most - load.rss_before) / 1e6 / found.callers:.2f} MB a "
            f"call over the {load.rss_before / 1e6:.0f} MB it began with."
        )
        if load.lag_p99_ms is not None:
            said.append(f"Its event loop was up to {load.lag_p99_ms:.1f} ms late (p99).")
    said.append(f"The load tester used {100 * found.tester_cores:.0f} % of a core.")
    if found.lost:
        said.append(f"{found.lost} of {found.lost + found.frames} frames were lost on the way, as asked.")
    if found.stuck:
        said.append(
            f"The server did not take sound for {found.stuck * FRAME_SECONDS:.1f} s of the callers' time in all."
        )
    if found.tester_late:
        said.append(
            f"The load tester, not the server, was late: 1 % of its own frames left more than {found.late.p99:.1f} ms "
            f"late (at most {TOO_LATE_MS:.0f} are good). Give it more cores, or another machine."
        )
    return [*said, *(f"Missed: {miss}." for miss in found.misses)]


def verdict(capacity: Capacity) -> str:
    """Whether there is a number of callers at which the target is missed, and which."""
    if capacity.broke_at is None:
        return f"{capacity.knee} calls at once went well; the goal was never missed, so there is room for more."
    if capacity.tester_was_the_limit:
        return (
            f"{capacity.knee} calls at once went well. At {capacity.broke_at} the load tester itself was late, so the "
            "server may hold more: give the load tester a machine of its own."
        )
    if not capacity.knee:
        return f"Not even {capacity.broke_at} calls at once met the goal."
    return f"The knee: {capacity.knee} calls at once went well, {capacity.broke_at} did not."
