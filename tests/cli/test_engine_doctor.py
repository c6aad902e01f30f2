"""`lineside doctor --engine`: what a server is like is found by asking it, and told with what lineside does then."""

import asyncio
import json
from typing import Any
from unittest.mock import patch

import pytest
from aiohttp import web
from typer.testing import CliRunner

from lineside.audio.wav import wav_header
from lineside.cli import doctor
from lineside.cli.engine_doctor import EngineFinding, examined, print_finding
from lineside.errors import ConfigError
from tests.call.fixtures import settings
from tests.engines.zoo import ZOO, Animal, Server
from tests.fakes import form_of, serving, speech
from tests.fakes.ollama import FakeOllama
from tests.fakes.openai import FakeOpenAI
from tests.fakes.whisper_server import FakeWhisperServer

HEARD = "When are you open on Saturday?"


async def found(app: web.Application, name: str, setting: str = "openai_url", **given: Any) -> dict[str, EngineFinding]:
    """What the doctor finds at a server, by question."""
    async with serving(app) as url:
        given = {setting: url, "openai_model": "a-model", "fallback_tts_engines": (), **given}
        return {finding.question: finding async for finding in examined(name, settings(**given))}


def chat(animal: Animal | str) -> dict[str, EngineFinding]:
    """What it finds at one of the zoo."""
    animal = animal if isinstance(animal, Animal) else next(one for one in ZOO if one.name == animal)
    return asyncio.run(found(Server(animal).app(), "llm:openai"))


# ── language models ────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_ordinary_server_has_nothing_to_be_told() -> None:
    """It streams, keeps its connections, and knows the whole prompt."""
    facts = chat(Animal("well", pause=0.03))
    assert all(fact.ok for fact in facts.values())
    assert facts["fields"].found == "refuses none"
    assert facts["connections"].found == "kept open"
    assert facts["template"].found == "takes roles in any order"
    assert facts["streams"].found.startswith("3 pieces over")
    assert facts["long prompt"].found == "knows the beginning of 18000 characters"


@pytest.mark.parametrize(
    ("name", "question", "found", "does"),
    [
        ("vllm strict template", "template", "strict: After the optional system", "user and assistant go out in turn"),
        ("vllm gemma", "system message", "refused", "its words begin the first message of the caller"),
        ("llama.cpp jinja", "system message", "refused", "its words begin"),
        ("openai gpt-5", "fields", "refuses max_tokens, temperature", "max_completion_tokens goes out instead; temp"),
        ("sparse", "fields", "refuses max_tokens, temperature", "left out"),
        ("one json instead of a stream", "streams", "in one piece", "is a proxy buffering?"),
        ("mistral reasoning", "thinks", "characters before it speaks", "never spoken"),
    ],
)
def test_what_a_language_model_s_server_is_like_is_told(name: str, question: str, found: str, does: str) -> None:
    """With what lineside does about it."""
    fact = chat(name)[question]
    assert found in fact.found
    assert does in fact.does


def test_a_prompt_that_is_cut_in_silence_is_found() -> None:
    """A word from its beginning is asked for."""
    facts = chat(Animal("short", reads=12_000))
    assert not facts["long prompt"].ok
    assert "cut in silence" in facts["long prompt"].does


def test_a_slow_first_token_is_told() -> None:
    """Callers would hear a filler."""
    with patch.dict("lineside.engines.examination.SOON", {"llm": 0.02}):
        facts = chat(Animal("slow", stream=[b": wait\n\n", *Server(ZOO[0])._events({"messages": []})], pause=0.05))
    assert not facts["first token"].ok
    assert "filler" in facts["first token"].does


def test_a_server_that_answers_nothing_is_not_asked_for_more() -> None:
    """One finding, with its words."""

    async def main() -> None:
        app = web.Application()
        facts = await found(app, "llm:openai")
        assert list(facts) == ["answers"]
        assert "answered 404" in facts["answers"].found

    asyncio.run(main())


def test_ollama_tells_its_context() -> None:
    """And that a model refuses to be told whether to think."""
    ollama = FakeOllama()
    ollama.thinks = set()
    facts = asyncio.run(found(ollama.app(), "ollama", "ollama_url", ollama_think="on"))
    assert "num_ctx" in facts["context"].does
    assert facts["thinking"].does == "think is left out"
    ollama = FakeOllama()
    ollama.evaluated = 5
    facts = asyncio.run(found(ollama.app(), "ollama", "ollama_url"))
    assert not facts["context"].ok


# ── recognisers ────────────────────────────────────────────────────────────────────────────────────────────────────


def recogniser(**oddities: Any) -> web.Application:
    """One that hears the recorded question, with oddities."""

    async def transcribe(request: web.Request) -> web.Response:
        form = await form_of(request)
        if form.get("response_format") != oddities.get("format", "verbose_json"):
            return web.json_response({"error": {"message": "response_format not supported"}}, status=400)
        quiet = not any(bytes(form["file"])[44:])  # type: ignore[arg-type]
        text = HEARD if form.get("language") == "en" or not oddities.get("wants_language") else "계속"
        text = oddities.get("in_silence", "") if quiet else oddities.get("always", text)
        segments = [{"no_speech_prob": 0.01, "avg_logprob": -0.2}] if "format" not in oddities else []
        return web.json_response({"text": text, "segments": segments})

    async def models(request: web.Request) -> web.Response:
        return web.json_response({"data": []})

    app = web.Application(client_max_size=64 << 20)
    app.add_routes([web.post("/v1/audio/transcriptions", transcribe), web.get("/v1/models", models)])
    return app


@pytest.mark.parametrize(
    ("oddities", "question", "found_there", "does"),
    [
        ({}, "figures", "tells how sure it is", ""),
        ({"format": "json"}, "format", "json", "asked for from the first on"),
        ({"format": "json"}, "figures", "none", "by their shape alone"),
        ({"wants_language": True}, "language", "without being told: '계속'", "the agent's language goes along"),
        ({"in_silence": "Thank you for watching!"}, "silence", "Thank you for watching!", "starts no turn"),
        ({"always": "La la la."}, "hears", "La la la.", "the recording says"),
        ({"always": ""}, "does its work", "hears nothing in a recorded question", ""),
    ],
)
def test_what_a_recogniser_is_like_is_told(
    oddities: dict[str, Any], question: str, found_there: str, does: str
) -> None:
    """It is asked with a recorded question, with and without a language, and with silence."""
    fact = asyncio.run(found(recogniser(**oddities), "stt:openai"))[question]
    assert found_there in fact.found
    assert does in fact.does
    assert fact.ok is not ("always" in oddities)


def test_a_whisper_server_is_examined_too() -> None:
    """By its own routes."""
    facts = asyncio.run(found(FakeWhisperServer().app(), "whisper-server", "whisper_server_url"))
    assert facts["format"].found == "verbose_json"
    assert facts["silence"].found == "hears nothing"


# ── voices ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def voice(body: Any) -> web.Application:
    """One whose sound this makes of the text."""

    async def speak(request: web.Request) -> web.Response:
        return web.Response(body=body((await request.json())["input"]), content_type="audio/wav")

    async def models(request: web.Request) -> web.Response:
        return web.json_response({"data": []})

    app = web.Application()
    app.add_routes([web.post("/v1/audio/speech", speak), web.get("/v1/models", models)])
    return app


def wavs(text: str) -> bytes:
    """A file for each sentence."""
    files = []
    for sentence in text.split(". "):
        sound = speech(sentence, 24_000)
        header = bytearray(wav_header(24_000))
        header[4:8], header[40:44] = (36 + len(sound)).to_bytes(4, "little"), len(sound).to_bytes(4, "little")
        files.append(bytes(header) + sound)
    return b"".join(files)


@pytest.mark.parametrize(
    ("body", "question", "found_there", "ok"),
    [
        (lambda text: wav_header(24_000) + speech(text, 24_000), "file", "WAV, 16 bits, 1 channel, 24000 Hz", True),
        (wavs, "files in a row", "3 for three sentences", True),
        (lambda text: b"ID3" + bytes(9000), "does its work", "not a WAV", False),
        (lambda text: wav_header(24_000) + bytes(96_000), "does its work", "of silence", False),
    ],
)
def test_what_a_voice_is_like_is_told(body: Any, question: str, found_there: str, ok: bool) -> None:
    """Its files are looked at."""
    fact = asyncio.run(found(voice(body), "tts:openai"))[question]
    assert found_there in fact.found
    assert fact.ok is ok


def test_every_role_of_a_name_is_examined() -> None:
    """Or the one that is named."""

    async def main() -> None:
        async with serving(FakeOpenAI(key="").app()) as url:
            given = settings(openai_url=url, openai_model="some-model", fallback_tts_engines=())
            roles = [finding.role async for finding in examined("openai", given)]
            assert list(dict.fromkeys(roles)) == ["stt", "llm", "tts"]
            assert {finding.role async for finding in examined("tts:openai", given)} == {"tts"}

    asyncio.run(main())


# ── the command ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_engine_that_there_is_not_is_named_with_those_that_there_are() -> None:
    """As every wrong setting."""

    async def main() -> None:
        with pytest.raises(ConfigError, match=r"--engine parrot: there is no such engine.*ollama"):
            [finding async for finding in examined("parrot", settings())]
        with pytest.raises(ConfigError, match="stt:ollama"):
            [finding async for finding in examined("stt:ollama", settings())]

    asyncio.run(main())


@pytest.mark.parametrize("ok", [True, False])
def test_the_exit_code_says_whether_something_is_wrong(ok: bool) -> None:
    """In JSON every finding has its fields."""

    async def one(name: str, given: Any) -> Any:
        yield EngineFinding("llm", name, "streams", ok, "it does", "")

    with patch("lineside.cli.engine_doctor.examined", one):
        ran = CliRunner().invoke(_command(), ["--engine", "ollama", "--json"])
    assert ran.exit_code == (0 if ok else 1)
    (finding,) = json.loads(ran.stdout)["findings"]
    assert finding == {
        "role": "llm",
        "engine": "ollama",
        "question": "streams",
        "ok": ok,
        "found": "it does",
        "does": "",
    }


def _command() -> Any:
    import typer

    app = typer.Typer()
    app.command()(doctor.doctor)
    return app


def test_a_finding_holds_at_eighty_columns_and_words_cannot_paint(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """However long they are."""
    words = "conversation roles must alternate " * 9 + "\x1b[31mred"
    print_finding(EngineFinding("llm", "openai", "system message", False, words, "user and assistant go out in turn"))
    printed = capsys.readouterr().out
    assert all(len(line) <= 80 for line in printed.splitlines())
    assert "\x1b[31mred" not in printed
