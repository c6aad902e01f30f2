"""Models are loaded and unloaded, over a real socket, while others go on answering."""

import asyncio
import json
from typing import Any

import pytest
from structlog.testing import capture_logs

from lineside.engine_server import model_pool
from lineside.engine_server.model_pool import MAX_MODELS_PER_ROLE
from tests.engine_server.fixtures import SECRET, FakeEngineServer, chat, engine_server, form, run, wav


async def transcribe(it: FakeEngineServer, model: str = "", seconds: float = 1.0) -> tuple[int, Any]:
    return await it.post("/v1/audio/transcriptions", form(wav(seconds), model=model))


def test_the_list_holds_what_is_here() -> None:
    """Every model that can be run and is on the disk, loaded or not, with what is known of it."""

    async def main() -> None:
        async with engine_server() as it:
            _, said = await it.get("/v1/models")
            assert said["object"] == "list"
            assert "absent" not in [entry["id"] for entry in said["data"]]
            assert await it.entry("choir") == {
                "id": "choir",
                "object": "model",
                "owned_by": "lineside",
                "role": "tts",
                "engine": "kokoro",
                "default": False,
                "loaded": False,
                "in_use": 0,
                "bytes": 30,
                "memory_bytes": None,
                "voices": ["af_anna", "bm_bert"],
            }
            await transcribe(it)
            entry = await it.entry("whisper")
            assert (entry["default"], entry["loaded"], entry["voices"]) == (True, True, [])
            assert entry["memory_bytes"] >= 0

    run(main())


def test_the_list_says_who_speaks_for_a_preset() -> None:
    """Each of Piper's presets with its voice, and a notice where it is not the one meant."""

    async def main() -> None:
        async with engine_server() as it:
            _, said = await it.get("/v1/models")
            assert list(said["presets"]) == ["fast", "quality", "high"]
            assert said["presets"]["quality"] == {"voice": "second-voice", "notice": ""}
            assert said["presets"]["high"] == {"voice": "voice", "notice": "high is not here"}

    run(main())


def test_a_model_is_loaded_when_a_request_first_names_it() -> None:
    """Nothing is loaded before; afterwards both stay, and each answers for itself."""

    async def main() -> None:
        async with engine_server() as it:
            assert it.made == []
            assert (await transcribe(it))[0] == 200
            assert (await transcribe(it, "other-whisper"))[0] == 200
            assert (await transcribe(it, "whisper"))[0] == 200
            assert it.made == ["whisper", "other-whisper"]
            assert it.stt.heard == [1.0, 1.0]

    run(main())


def test_a_model_that_is_told_to_load_is_loaded_once() -> None:
    """Ten ask at once, and two requests use it meanwhile: one load, and later ones cost nothing."""

    async def main() -> None:
        async with engine_server() as it:
            it.gate.clear()
            async with asyncio.TaskGroup() as tasks:
                asked = [tasks.create_task(it.post("/v1/models/load", {"model": "other-whisper"})) for _ in range(10)]
                used = [tasks.create_task(transcribe(it, "other-whisper")) for _ in range(2)]
                await it.until('model="other-whisper",role="stt"} 2.0\n')
                assert (await it.entry("other-whisper"))["loaded"] is False
                it.gate.set()
            assert {task.result()[0] for task in (*asked, *used)} == {200}
            assert {task.result()[1]["loaded"] for task in asked} == {True}
            await it.post("/v1/models/load", {"model": "other-whisper"})
            assert it.made == ["other-whisper"]

    run(main())


def test_the_others_answer_while_one_is_loaded() -> None:
    """The voice takes its time to come; Whisper and Llama, which are here, are as quick as ever."""

    async def main() -> None:
        async with engine_server() as it:
            await transcribe(it)
            await it.post("/v1/chat/completions", chat(max_tokens=1))
            it.gate.clear()
            speech = asyncio.create_task(it.post("/v1/audio/speech", {"input": "Hello"}))
            await it.until('model="voice",role="tts"} 1.0\n')
            assert (await transcribe(it))[0] == 200
            assert (await it.post("/v1/chat/completions", chat(max_tokens=1)))[0] == 200
            assert not speech.done()
            it.gate.set()
            assert (await speech)[0] == 200

    run(main())


def test_a_load_that_fails_says_why_and_disturbs_nobody() -> None:
    """A torn file: those who asked are told so, the next attempt is made anew, the others go on."""

    async def main() -> None:
        async with engine_server() as it:
            await transcribe(it)
            with capture_logs() as lines:
                for answer in (await it.post("/v1/models/load", {"model": "broken"}), await transcribe(it, "broken")):
                    assert (answer[0], answer[1]["error"]["code"]) == (500, "load_failed")
                    assert "its weights are torn" in answer[1]["error"]["message"]
            assert it.made == ["whisper", "broken", "broken"]
            assert (await it.entry("broken"))["loaded"] is False
            assert (await transcribe(it))[0] == 200
            assert [line["why"] for line in lines if line["log_level"] == "error"] == ["its weights are torn"] * 2

    run(main())


def test_a_client_that_leaves_does_not_stop_the_load() -> None:
    """Who asked for the model goes away; the model comes all the same, for the next one."""

    async def main() -> None:
        async with engine_server() as it:
            it.gate.clear()
            impatient = asyncio.create_task(it.post("/v1/models/load", {"model": "choir"}))
            await it.until('model="choir",role="tts"} 0.0\n')
            impatient.cancel()
            it.gate.set()
            assert (await it.post("/v1/models/load", {"model": "choir"}))[1]["loaded"] is True
            assert it.made == ["choir"]

    run(main())


@pytest.mark.parametrize(
    ("path", "body", "status", "code", "hint"),
    [
        ("/v1/models/load", {"model": "gpt-4"}, 404, "unknown_model", "'other-whisper'"),
        ("/v1/models/unload", {"model": "gpt-4"}, 404, "unknown_model", "'choir'"),
        ("/v1/models/load", {"model": "absent"}, 409, "not_fetched", "lineside models pull absent"),
        ("/v1/models/load", {}, 400, None, "model"),
        ("/v1/models/unload", {"model": "whisper", "wait": "yes"}, 400, None, "bool"),
        ("/v1/chat/completions", chat(model="whisper"), 404, "unknown_model", "'llama'"),
        ("/v1/warm", chat(model="gpt-4"), 404, "unknown_model", "'llama'"),
        ("/v1/audio/speech", {"input": "Hello", "model": "tts-1"}, 404, "unknown_model", "'choir'"),
        ("/v1/audio/speech", {"input": "Hello", "model": "absent"}, 409, "not_fetched", "lineside models pull absent"),
        ("/v1/audio/speech", {"input": "Hello", "voice": "absent"}, 409, "not_fetched", "lineside models pull absent"),
        ("/v1/audio/speech", {"input": "Hello", "model": "choir", "voice": "voice"}, 400, "unknown_voice", "'bm_bert'"),
    ],
)
def test_a_model_that_cannot_be_had_is_refused(path: str, body: Any, status: int, code: str | None, hint: str) -> None:
    """An unknown name gets the known ones, one that was not fetched the command; nothing is loaded."""

    async def main() -> None:
        async with engine_server() as it:
            got, said = await it.post(path, body)
            assert (got, said["error"]["code"]) == (status, code)
            assert hint in said["error"]["message"]
            assert it.made == []

    run(main())


def test_only_so_many_of_a_role_are_loaded() -> None:
    """One voice too many is refused, naming those that could go; when one of them has gone, it may come."""

    async def main() -> None:
        async with engine_server() as it:
            await transcribe(it)  # another role: it does not count
            for number in range(MAX_MODELS_PER_ROLE):
                assert (await it.post("/v1/models/load", {"model": f"spare-{number}"}))[0] == 200
            status, said = await it.post("/v1/audio/speech", {"input": "Hello", "model": "choir"})
            assert (status, said["error"]["code"]) == (409, "too_many")
            assert "spare-0, spare-1, spare-2, spare-3" in said["error"]["message"]
            await it.post("/v1/models/unload", {"model": "spare-1"})
            assert (await it.post("/v1/audio/speech", {"input": "Hello", "model": "choir"}))[0] == 200

    run(main())


def test_an_unloaded_model_is_gone_until_it_is_asked_for() -> None:
    """It is let go of, its thread too; unloading it again is nothing; the next request loads it anew."""

    async def main() -> None:
        async with engine_server() as it:
            await transcribe(it)
            for _ in range(2):
                status, said = await it.post("/v1/models/unload", {"model": "whisper"})
                assert (status, said["loaded"], said["memory_bytes"]) == (200, False, None)
            assert (await transcribe(it))[0] == 200
            assert it.made == ["whisper", "whisper"]

    run(main())


def test_a_model_in_use_is_not_unloaded() -> None:
    """While it hears somebody: 409 in_use, and the one who speaks is heard."""

    async def main() -> None:
        async with engine_server() as it:
            it.stt.gate.clear()
            heard = asyncio.create_task(transcribe(it))
            await it.until('inside{model="whisper",role="stt"} 1.0\n')
            assert (await it.entry("whisper"))["in_use"] == 1
            status, said = await it.post("/v1/models/unload", {"model": "whisper"})
            assert (status, said["error"]["code"]) == (409, "in_use")
            it.stt.gate.set()
            assert (await heard)[0] == 200
            assert (await it.entry("whisper"))["loaded"] is True

    run(main())


def test_an_unload_that_waits_takes_no_new_requests() -> None:
    """Who is being heard is heard to the end, who comes then is sent away, and then the model is gone."""

    async def main() -> None:
        async with engine_server() as it:
            it.stt.gate.clear()
            heard = asyncio.create_task(transcribe(it))
            await it.until('inside{model="whisper",role="stt"} 1.0\n')
            unload = asyncio.create_task(it.post("/v1/models/unload", {"model": "whisper", "wait": True}))
            while (await hear_briefly(it)) == 200:
                pass  # until the unload has arrived
            assert not unload.done()
            it.stt.gate.set()
            assert (await heard)[0] == 200
            assert (await unload)[1]["loaded"] is False
            assert (await transcribe(it))[0] == 200
            assert it.made == ["whisper", "whisper"]

    async def hear_briefly(it: FakeEngineServer) -> int:
        """What happens to a request that comes now: sent away at once, or let in, where it would wait for long."""
        asked = asyncio.create_task(transcribe(it))
        while not asked.done():
            if (await it.entry("whisper"))["in_use"] > 1:
                asked.cancel()
                await it.until('inside{model="whisper",role="stt"} 1.0\n')
                return 200
        return asked.result()[0]

    run(main())


def test_an_unload_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody is heard for longer than an unload waits: it is refused, and the model takes requests again."""
    monkeypatch.setattr(model_pool, "UNLOAD_WAIT_SECONDS", 0.05)

    async def main() -> None:
        async with engine_server() as it:
            it.stt.gate.clear()
            heard = asyncio.create_task(transcribe(it))
            await it.until('inside{model="whisper",role="stt"} 1.0\n')
            status, said = await it.post("/v1/models/unload", {"model": "whisper", "wait": True})
            assert (status, said["error"]["code"]) == (409, "in_use")
            it.stt.gate.set()
            assert (await heard)[0] == 200
            assert (await transcribe(it))[0] == 200
            assert it.made == ["whisper"]

    run(main())


def test_a_model_that_is_still_loading_is_let_come_first() -> None:
    """Unloading what is only coming is refused; with wait it comes and goes."""

    async def main() -> None:
        async with engine_server() as it:
            it.gate.clear()
            load = asyncio.create_task(it.post("/v1/models/load", {"model": "choir"}))
            await it.until('model="choir",role="tts"} 0.0\n')
            status, said = await it.post("/v1/models/unload", {"model": "choir"})
            assert (status, said["error"]["code"]) == (409, "in_use")
            assert "being loaded" in said["error"]["message"]
            unload = asyncio.create_task(it.post("/v1/models/unload", {"model": "choir", "wait": True}))
            it.gate.set()
            assert (await load)[0] == 200
            assert (await unload)[1]["loaded"] is False

    run(main())


def test_without_a_default_the_first_that_is_named_becomes_it() -> None:
    """No language model at start: a request must name one, and from then on it is the one that is meant."""

    async def main() -> None:
        async with engine_server({}) as it:
            status, said = await it.post("/v1/chat/completions", chat(max_tokens=1))
            assert (status, said["error"]["code"]) == (404, "unknown_model")
            assert "'llama'" in said["error"]["message"]
            assert (await it.post("/v1/chat/completions", chat(model="llama", max_tokens=1)))[0] == 200
            assert (await it.post("/v1/chat/completions", chat(max_tokens=1)))[0] == 200

    run(main())


@pytest.mark.parametrize(
    ("ask", "model", "voice"),
    [
        ({}, "voice", "voice"),
        ({"model": "piper"}, "voice", "voice"),
        ({"model": "kokoro"}, "choir", "af_anna"),
        ({"model": "choir"}, "choir", "af_anna"),
        ({"voice": "bm_bert"}, "choir", "bm_bert"),
        ({"model": "kokoro", "voice": "bm_bert"}, "choir", "bm_bert"),
        ({"model": "second-voice"}, "second-voice", "second-voice"),
        ({"voice": "second-voice"}, "second-voice", "second-voice"),
        ({"model": "piper", "voice": "quality"}, "second-voice", "second-voice"),
        ({"voice": "fast"}, "voice", "voice"),
    ],
)
def test_who_speaks_is_told_by_model_and_voice(ask: dict[str, str], model: str, voice: str) -> None:
    """A model's name, an engine's, a voice's or a preset: whatever names it, it is the one that speaks."""

    async def main() -> None:
        async with engine_server() as it:
            assert (await it.post("/v1/audio/speech", {"input": "Hello"} | ask))[0] == 200
            assert it.made == [model]
            assert it.parts[model].voices == [voice]

    run(main())


def test_what_callers_say_is_in_no_line_about_models() -> None:
    """Loads, unloads and refusals are logged and answered without what was to be said."""

    async def main() -> None:
        async with engine_server() as it:
            with capture_logs() as lines:
                answers = [
                    await it.post("/v1/audio/speech", {"input": SECRET, "model": "absent"}),
                    await it.post("/v1/chat/completions", chat(SECRET, model="gpt-4")),
                    await it.post("/v1/chat/completions", chat(SECRET, max_tokens=1)),
                    await it.post("/v1/models/unload", {"model": "llama"}),
                ]
            assert [line["event"] for line in lines] == ["model loaded", "model unloaded"]
            assert SECRET not in repr(lines)
            assert SECRET not in json.dumps(answers)

    run(main())
