"""A kept call is held again from its caller's sound: faster than it was, and compared with what it was."""

import asyncio
import json
import re
import signal
import time
from pathlib import Path

import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from lineside.audio.turn_model import nobody_knows
from lineside.audio.vad import LoudnessVad
from lineside.cli.main import app
from lineside.cli.replay import given
from lineside.engines.registry import Engines
from lineside.engines.vendors.scripted import ScriptedLLM, ScriptedSTT, ScriptedTTS
from lineside.errors import ConfigError, LinesideError
from lineside.protocol import Codec, FirstMessage
from lineside.records.entries import KeptTurn
from lineside.replay.compare import Comparison, compared
from lineside.replay.jumping_loop import JumpingLoop, WorkInProgress
from lineside.replay.runner import ReplayResult, replay_call
from lineside.replay.source import load_call
from lineside.settings import Settings
from lineside.testclient.client import CallClient, recordings
from tests.call.fixtures import AGENT, settings
from tests.project.test_product import command, serving
from tests.records.fixtures import RecordingGateway, with_records
from tests.turns.test_speech_segmenter import AUDIO


def keep(folder: Path, *doing: float, codec: Codec = "pcm", record: bool = True) -> str:
    """Hold a call at a server in that folder; its id."""
    ids: list[str] = []

    async def story(server: RecordingGateway) -> None:
        ids.append(await server.call(*doing, hello=FirstMessage(codec=codec, greeting="", record=record)))
        await server.kept(ids[0])

    with_records(story, folder)
    return ids[0]


def again(chosen: Settings, call: str, *, hears: str = "When are you open?", thinks: float = 0.05) -> Comparison:
    """Hold it again, with these scripts."""
    work = WorkInProgress()
    stt, llm, tts = ScriptedSTT(hears=[hears]), ScriptedLLM(answers=["At ten."], first=thinks), ScriptedTTS()
    engines = Engines(stt, llm, tts, {"stt": "scripted", "llm": "other", "tts": "scripted"}, tts)

    async def story() -> Comparison:
        with work.done():
            kept = await load_call(chosen, call)
        held = await replay_call(kept, chosen, AGENT, engines, LoudnessVad, nobody_knows, work)
        return compared(kept.whole, held)

    with asyncio.Runner(loop_factory=lambda: JumpingLoop(work)) as runner:
        return runner.run(story())


@pytest.mark.parametrize("codec", ["pcm", "g711_ulaw"])
def test_a_call_is_held_again_faster_than_it_was(tmp_path: Path, codec: Codec) -> None:
    """The same sound gives the same turns, and only the engines' own time is waited for."""
    call = keep(tmp_path, 0.8, 0.6, codec=codec)
    began = time.monotonic()
    found = again(settings(data_dir=tmp_path), call)
    assert time.monotonic() - began < found.seconds / 2
    assert [pair.wer for pair in found.pairs] == [0.0, 0.0]
    for pair in found.pairs:
        assert pair.kept is not None
        assert pair.now is not None
        assert pair.now.speech_ended_at == pytest.approx(pair.kept.speech_ended_at, abs=0.05)
        assert pair.now.stages["endpoint_ms"] == pytest.approx(pair.kept.stages["endpoint_ms"], abs=60)
        assert pair.now.stages["llm_first_ms"] >= 50, "an engine's time is real"
        assert (pair.kept.said, pair.now.said) == ("From nine.", "At ten.")
        assert {role: by.engine for role, by in pair.kept.engines.items()}["llm"] == "scripted"


def test_other_engines_and_settings_are_seen_in_what_is_printed_side_by_side(tmp_path: Path) -> None:
    """A recogniser that errs, a slower model and a shorter silence: each is in its column."""
    call = keep(tmp_path, 0.8)
    found = again(
        settings(data_dir=tmp_path, vad_silence_timeout_ms=400, speculation=False),
        call,
        hears="When are we open now?",
        thinks=0.3,
    )
    (pair,) = found.pairs
    assert pair.now is not None
    assert pair.wer == found.wer == 0.5, "one word is wrong and one too many, of four"
    assert pair.now.stages["endpoint_ms"] == pytest.approx(400, abs=60)
    assert pair.now.stages["llm_first_ms"] >= 300


def test_who_has_no_sound_is_not_replayed_and_it_is_said_why(tmp_path: Path) -> None:
    """No such call; one that was not recorded; one whose recording was given up; one whose file is gone."""
    chosen, without = settings(data_dir=tmp_path), keep(tmp_path, 0.4, record=False)
    recorded = keep(tmp_path, 0.4)
    (tmp_path / "recordings" / f"{recorded}.flac").write_bytes(b"no flac")
    for call, why in (("nobody", "no call 'nobody'"), (without, "not recorded"), (recorded, "cannot be read")):
        with pytest.raises(LinesideError, match=why):
            again(chosen, call)
    (tmp_path / "recordings" / f"{recorded}.flac").unlink()
    with pytest.raises(LinesideError, match="is gone"):
        again(chosen, recorded)


def test_settings_of_a_replay_are_given_by_name() -> None:
    """As the environment has them; what is none of ours is refused."""
    assert given(["vad_silence_timeout_ms=400", "LINESIDE_MODELS=/m"]) == {
        "vad_silence_timeout_ms": "400",
        "models_dir": "/m",
    }
    for wrong, why in (("VAD_SILENCE_TIMEOUT_MS", "must be NAME=VALUE"), ("NONSENSE=1", "NONSENSE is no setting")):
        with pytest.raises(ConfigError, match=why):
            given([wrong])


def turn(number: int, begins: float, ends: float, heard: str = "yes") -> KeptTurn:
    return KeptTurn(
        turn=number, reply=number, speech_began_at=begins, speech_ended_at=ends, heard_at=ends, heard=heard, said="",
        reached="", audio_at=None, done_at=None, cut=False, wasted=0, stages={},
    )  # fmt: skip


def test_turns_are_the_same_where_their_speech_overlaps(tmp_path: Path) -> None:
    """One that was cut in two now stands beside its greater part, the other part alone; one that is gone as well."""
    call = keep(tmp_path, 0.4)
    whole = asyncio.run(load_call(settings(data_dir=tmp_path), call)).whole
    kept = (turn(1, 0, 3, "one two three"), turn(2, 8, 9))
    now = (turn(1, 0, 1, "one"), turn(2, 1.2, 3, "two three"))
    found = compared(replace(whole, turns=kept), ReplayResult(now, 9.0, 1.0))
    shown = [(p.kept and p.kept.turn, p.now and p.now.turn, p.wer) for p in found.pairs]
    assert shown == [(None, 1, None), (1, 2, pytest.approx(1 / 3, abs=0.001)), (2, None, 1.0)]
    assert found.wer == 0.25


def test_the_command_prints_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table for people, a document for programs."""
    call = keep(tmp_path, 0.8)
    for name, value in {"DATA_DIR": tmp_path, "TURN_PROFILE": "silence", "FALLBACK_TTS_ENGINES": "none"}.items():
        monkeypatch.setenv(name, str(value))
    scripted = [part for role in ("STT", "LLM", "TTS") for part in ("--set", f"DEFAULT_{role}_ENGINE=scripted")]
    told = CliRunner().invoke(app, ["replay", call, *scripted])
    assert told.exit_code == 0, told.output
    assert re.search(r"When are you open\?  +scripted words", told.output), "whole, in one line, in a pipe"
    assert not re.search(r"[…\x1b│]", told.output)
    with monkeypatch.context() as terminal:
        terminal.setenv("FORCE_COLOR", "1")
        terminal.setenv("COLUMNS", "80")
        shown = re.sub(r"\x1b\[[0-9;]*m", "", CliRunner().invoke(app, ["replay", call, *scripted]).stdout)
    assert max(map(len, shown.splitlines()[:-1])) <= 80
    assert "response time" in shown
    told = CliRunner().invoke(app, ["replay", call, "--json", *scripted])
    found = json.loads(told.stdout)
    assert found["call"] == call
    assert found["pairs"][0]["now"]["heard"] == "scripted words"
    assert isinstance(CliRunner().invoke(app, ["replay", "nobody"]).exception, LinesideError)


def test_a_spoken_call_is_replayed_with_the_embedded_models(tmp_path: Path) -> None:
    """A recorded question, kept and held again by the same recogniser: the same words, and less time than it took."""
    env = {"DATA_DIR": str(tmp_path), "RECORD_CALLS": "true", "WORKERS": "1"}
    with serving(**env) as (process, url):
        spoken = recordings([AUDIO / "order_status.wav"])
        held = asyncio.run(CallClient(url, FirstMessage(codec="pcm", greeting="")).run(spoken))
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
    told, said = command("replay", held.call_id, "--json", **env).communicate(timeout=300)
    found = json.loads(told)
    assert found["wer"] == 0.0, said
    assert found["pairs"][0]["now"]["heard"] == held.turns[0].transcript
    assert found["took"] < found["seconds"]
