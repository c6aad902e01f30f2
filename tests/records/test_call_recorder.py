"""A call over the real gateway is found afterwards: its turns, its times, its decisions, its sound."""

import time
from pathlib import Path

import pytest

from lineside.protocol import Codec, FirstMessage
from tests.records.fixtures import RecordingGateway, heard, stretches, with_records


def test_a_call_is_kept_with_its_turns(tmp_path: Path, records_url: str) -> None:
    """What was said on both sides, where the time went, why the turn ended, who answered, why it ended."""

    async def story(server: RecordingGateway) -> None:
        call = await server.call(0.8, 0.6, hello=FirstMessage(codec="pcm", greeting="", caller="+15550100"))
        whole = await server.kept(call)
        about = whole["call"]
        assert about["id"] == call
        assert about["caller"] == "+15550100"
        assert about["reason"] == "caller_hung_up"
        assert (about["stt"], about["llm"], about["tts"]) == ("scripted", "scripted", "scripted")
        assert about["turns"] == 2
        assert about["recording"] == "none"
        assert abs(about["began"] - time.time()) < 60
        first, second = whole["turns"]
        assert (first["heard"], first["said"], first["reached"]) == ("When are you open?", "From nine.", "From nine.")
        assert (first["cut"], first["turn"], second["turn"]) == (False, 1, 2)
        assert first["speech_began_at"] < 0.1
        assert first["speech_ended_at"] == pytest.approx(0.8, abs=0.1)
        assert first["speech_ended_at"] < first["audio_at"] < first["done_at"]
        assert {"endpoint_ms", "asr_ms", "llm_first_ms", "llm_ms", "tts_first_ms", "tts_ms", "e2e_ms"} <= set(
            first["stages"]
        )
        over = [decision for decision in whole["decisions"] if decision["what"] == "turn_ended"]
        assert [decision["detector"] for decision in over] == ["silence", "silence"]
        assert over[0]["silence_ms"] == pytest.approx(1000, abs=50)
        page = await server.ask("/api/history")
        assert [each["id"] for each in page["calls"]] == [call]

    with_records(story, tmp_path, records_url=records_url, turn_profile="silence")


@pytest.mark.parametrize("codec", ["pcm", "g711_ulaw", "g711_alaw"])
def test_a_recording_has_both_voices_in_their_places(tmp_path: Path, codec: Codec) -> None:
    """The caller on the left where they spoke, the agent on the right where it was heard, silence elsewhere."""

    async def story(server: RecordingGateway) -> None:
        call = await server.call(0.8, hello=FirstMessage(codec=codec, greeting="", record=True))
        whole = await server.kept(call)
        (turn,) = whole["turns"]
        async with server.http.get(f"{server.url}/api/calls/{call}/audio") as answer:
            assert (answer.status, answer.content_type) == (200, "audio/flac")
            sound, rate = heard(await answer.read())
        ((caller_from, caller_to),) = stretches(sound[:, 0], rate)
        ((agent_from, agent_to),) = stretches(sound[:, 1], rate)
        assert caller_from == pytest.approx(0.0, abs=0.01)
        assert caller_to == pytest.approx(0.8, abs=0.01)
        assert agent_from == pytest.approx(turn["audio_at"], abs=0.06)
        assert agent_to - agent_from == pytest.approx(0.6, abs=0.1), "two words of a third of a second each"
        assert whole["call"]["recording"] == "kept"
        drawn = await server.ask(f"/api/calls/{call}/waveform")
        assert drawn["seconds"] == pytest.approx(len(sound) / rate, abs=0.001)
        assert max(drawn["caller"]) > 20
        assert max(drawn["agent"]) > 20

    with_records(story, tmp_path)


def test_no_sound_is_kept_without_leave(tmp_path: Path) -> None:
    """Off by default; a call that says no is not recorded in a server that records; one that says yes is."""

    async def story(server: RecordingGateway) -> None:
        call = await server.call(0.4, hello=FirstMessage(codec="pcm", greeting="", record=False))
        assert (await server.kept(call))["call"]["recording"] == "none"
        async with server.http.get(f"{server.url}/api/calls/{call}/audio") as answer:
            assert answer.status == 404
        call = await server.call(0.4)
        assert (await server.kept(call))["call"]["recording"] == "kept"

    with_records(story, tmp_path, record_calls=True)


def test_a_part_of_a_recording_is_answered(tmp_path: Path) -> None:
    """A player asks for the range it needs."""

    async def story(server: RecordingGateway) -> None:
        call = await server.call(0.4, hello=FirstMessage(codec="pcm", greeting="", record=True))
        await server.kept(call)
        where = f"{server.url}/api/calls/{call}/audio"
        async with server.http.get(where, headers={"Range": "bytes=4-99"}) as answer:
            assert answer.status == 206
            assert len(await answer.read()) == 96
        async with server.http.get(where, headers={"Range": "bytes=99999999-"}) as answer:
            assert answer.status == 416

    with_records(story, tmp_path)
