"""`lineside talk --explain`: every part of the silence before an answer, named after the setting that rules it."""

import re

import pytest

from lineside.cli.explained_waits import waits
from lineside.cli.talk import print_waits
from lineside.protocol import ReplyMetrics
from lineside.settings import Settings
from lineside.testclient.client import ClientCall, ClientTurn

PREPARED = ReplyMetrics(
    at=9.0, turn=1, reply=1, endpoint_ms=1000, asr_from_ms=200, asr_ms=150, llm_from_ms=350, tts_from_ms=600,
    tts_first_ms=100, e2e_ms=1010,
)  # fmt: skip
ASKED_AFTERWARDS = ReplyMetrics(
    at=9.0, turn=1, reply=1, endpoint_ms=500, asr_from_ms=500, asr_ms=150, llm_from_ms=650, tts_from_ms=1050,
    tts_first_ms=100, e2e_ms=1160,
)  # fmt: skip


@pytest.mark.parametrize(
    ("metrics", "heard", "parts"),
    [
        (PREPARED, 1050, [1000, 0, 0, 0, 10, 40]),
        (ASKED_AFTERWARDS, 1200, [500, 150, 400, 100, 10, 40]),
    ],
)
def test_the_parts_are_the_silence_that_the_caller_heard(
    metrics: ReplyMetrics, heard: float, parts: list[float]
) -> None:
    """What was done in their pause took none of it; all parts together are all of it."""
    found = waits(metrics, heard)
    assert [wait.ms for wait in found] == parts
    assert sum(wait.ms for wait in found) == heard


def test_a_stage_that_had_no_part_in_an_answer_is_not_named() -> None:
    """As where the agent answers by rule, or nothing was measured."""
    assert waits(ReplyMetrics(at=1.0, turn=1, reply=1), None) == []
    assert [wait.what for wait in waits(ReplyMetrics(at=1.0, turn=1, reply=1, endpoint_ms=700), 740)] == [
        "end of the turn",
        "way to the caller",
    ]


def test_what_rules_a_wait_is_a_setting() -> None:
    """An operator finds it by that name in .env."""
    named = {name for wait in waits(PREPARED, 1050) for name in re.findall(r"\b[A-Z_]{5,}\b", wait.ruled_by)}
    assert named
    assert named <= {name.upper() for name in Settings.model_fields}


def test_every_turn_is_explained_line_by_line(capsys: pytest.CaptureFixture[str]) -> None:
    """One that was not answered is said to be, too."""
    answered = ClientTurn("yes.wav", voice_to_voice_ms=1050, metrics=PREPARED)
    print_waits(ClientCall("ws://here", "c1", {}, [answered, ClientTurn("no.wav")]))
    shown = capsys.readouterr().out
    assert "yes.wav: the caller waited for" in shown
    assert " 1000 ms  end of the turn  (TURN_PROFILE, VAD_SILENCE_TIMEOUT_MS)" in shown
    assert "no.wav: nothing was measured" in shown
