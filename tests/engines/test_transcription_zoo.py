"""Recognisers of others, with their oddities: what was said comes through, in one request from the second time on."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from msgspec import Struct

from lineside.audio.frame import Utterance
from lineside.engines.protocols import SpeechToText
from lineside.engines.transcript_gate import GatedSTT
from lineside.engines.vendors.openai import OpenAISTT
from lineside.engines.vendors.whisper_server import WhisperServer
from lineside.errors import EngineBusy, EngineError
from tests.engines.fixtures import built
from tests.engines.zoo import ZOO
from tests.fakes import form_of, serving

SECONDS = Utterance(bytes(2 * 16_000), 0.0, 1.0)
Answer = Callable[[dict[str, Any]], tuple[int, Any]]


class Recogniser(Struct, frozen=True):
    """One server: what it answers to a form, as status and JSON or text."""

    name: str
    answer: Answer
    tries: int = 1


def formats(*accepted: str, said: Any) -> Answer:
    def answer(form: dict[str, Any]) -> tuple[int, Any]:
        asked = form.get("response_format", "json")
        if asked in accepted:
            return 200, said
        return 400, {"error": {"message": f"Currently only support response_format {accepted[0]}", "param": None}}

    return answer


def forbids(field: str, status: int, body: Any) -> Answer:
    def answer(form: dict[str, Any]) -> tuple[int, Any]:
        return (status, body) if field in form else (200, {"text": "When do you open?"})

    return answer


EXTRA = {"detail": [{"loc": ["body", "language"], "msg": "Extra inputs"}]}
ODD = [None, {"avg_logprob": "x"}]
RECOGNISERS = (
    Recogniser("verbose", formats("verbose_json", said={"text": " When do you open? ", "segments": []})),
    Recogniser("vllm: json alone", formats("json", said={"text": "When do you open?"}), tries=2),
    Recogniser("text alone", formats("text", said="When do you open?\n"), tries=3),
    Recogniser("no format at all", forbids("response_format", 422, {"detail": "response_format: unknown"}), tries=4),
    Recogniser(
        "pydantic",
        forbids("language", 422, {"detail": [{"loc": ["body", "language"], "msg": "Extra inputs"}]}),
        tries=2,
    ),
    Recogniser("no language", forbids("language", 400, {"error": "language is not supported"}), tries=2),
    Recogniser("segments are null", lambda form: (200, {"text": "When do you open?", "segments": None})),
    Recogniser(
        "odd segments", lambda form: (200, {"text": "When do you open?", "segments": [None, {"avg_logprob": "x"}]})
    ),
    Recogniser("text where json was asked", lambda form: (200, "When do you open?")),
)


def told(recogniser: Recogniser, kind: type[Any] = OpenAISTT) -> tuple[list[str], list[dict[str, Any]]]:
    """What is heard when it is asked twice, and the forms that it got."""
    forms: list[dict[str, Any]] = []

    async def handler(request: web.Request) -> web.Response:
        form = await form_of(request)
        forms.append({name: value for name, value in form.items() if name != "file"})
        status, body = recogniser.answer(forms[-1])
        if isinstance(body, str):
            return web.Response(status=status, text=body)
        return web.Response(status=status, text=json.dumps(body), content_type="application/json")

    async def main() -> list[str]:
        app = web.Application()
        app.router.add_post("/v1/audio/transcriptions", handler)
        app.router.add_post("/inference", handler)
        async with serving(app) as url, aiohttp.ClientSession() as http:
            engine: SpeechToText = built(kind, http, openai_url=url, whisper_server_url=url)
            gated = GatedSTT(engine, "en-GB")
            return [(await gated.transcribe(SECONDS)).text for _ in range(2)]

    return asyncio.run(main()), forms


@pytest.mark.parametrize("kind", [OpenAISTT, WhisperServer])
@pytest.mark.parametrize("recogniser", RECOGNISERS, ids=lambda one: one.name)
def test_every_recogniser_is_asked_in_the_way_that_it_wants(recogniser: Recogniser, kind: type[Any]) -> None:
    """What it refuses is left out from then on."""
    heard, forms = told(recogniser, kind)
    assert heard == ["When do you open?"] * 2
    assert len(forms) == recogniser.tries + 1


def test_the_agents_language_goes_along() -> None:
    """Without it Whisper guesses, and hears Korean in a cough."""
    _, forms = told(RECOGNISERS[0])
    assert forms[0]["language"] == "en"


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        ((200, {"error": "model is gone"}), EngineError, "model is gone"),
        ((200, {"detail": "?"}), EngineError, "JSON without a text"),
        ((200, "<html>Sign in</html>"), EngineError, "a page"),
        ((429, {"error": {"message": "slow down"}}), EngineBusy, "429"),
        ((401, {"error": {"message": "response_format"}}), EngineError, "401"),
        ((400, {"error": {"message": "audio too short"}}), EngineError, "audio too short"),
    ],
)
def test_an_answer_that_is_no_transcript_is_a_named_error(
    answer: tuple[int, Any], kind: type[EngineError], words: str
) -> None:
    """In the server's own words."""
    with pytest.raises(kind, match=words):
        told(Recogniser("broken", lambda form: answer))


def test_the_table_of_servers_is_the_zoo() -> None:
    """Every one of them stands in the documentation, with what its first answer costs."""
    page = (Path(__file__).parents[2] / "docs" / "reference" / "servers.md").read_text("utf-8")
    table = page.partition("## What a first answer costs")[2].partition("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ")][2:]
    zoo = [(one.name, "chat", one.tries) for one in ZOO] + [
        (one.name, "transcription", one.tries) for one in RECOGNISERS
    ]
    assert rows == [f"| {name} | {role} | {tries - 1} |" for name, role, tries in zoo]
