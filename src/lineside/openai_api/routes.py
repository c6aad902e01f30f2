"""The routes under `/v1`, and what holds for all of them: OpenAI's errors, few at once, none for who is gone."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from lineside.openai_api.chat import Chat
from lineside.openai_api.engine_choice import EngineChoice, ModelName, NamedEngines
from lineside.openai_api.errors import OpenAiError, openai_error
from lineside.openai_api.speech import Speech
from lineside.openai_api.stretches import Judge
from lineside.openai_api.transcriptions import Transcriptions

AT_ONCE = 8  # requests; the engines are the callers' first of all
LOOK_EVERY = 0.5  # seconds between two looks whether the client is still there
TOO_MANY = f"{AT_ONCE} requests are under way; try again when one is finished"
LONGEST_NAME = 200  # characters of a model's name that are told back

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class OpenAiDependencies:
    """What the endpoints need of a gateway."""

    engines: NamedEngines
    new_judge: Callable[[], Judge]  # makes what tells speech from the rest, for one recording


def add_openai_routes(app: web.Application, dependencies: OpenAiDependencies) -> None:
    """Serve the endpoints."""
    engines = EngineChoice(dependencies.engines)
    admission = Admission()
    posts: Mapping[str, Handler] = {
        "/v1/audio/transcriptions": Transcriptions(engines, dependencies.new_judge).post,
        "/v1/audio/translations": _no_translations,
        "/v1/audio/speech": Speech(engines).post,
        "/v1/chat/completions": Chat(engines).post,
    }
    for path, handler in posts.items():
        app.router.add_post(path, _answered(admission.admitted(handler)))

    async def models(request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [_model(one) for one in engines.known()]})

    async def model(request: web.Request) -> web.Response:
        name = request.match_info["name"][:LONGEST_NAME]
        found = next((one for one in engines.known() if one.id == name), None)
        if found is None:
            raise OpenAiError(404, f"The model {name!r} does not exist", "model", "model_not_found")
        return web.json_response(_model(found))

    app.router.add_get("/v1/models", _answered(models))
    app.router.add_get("/v1/models/{name:.+}", _answered(model))
    app.router.add_route("*", "/v1/{rest:.*}", _answered(_unknown))


class Admission:
    """So many requests at once, each for as long as its client is there."""

    def __init__(self) -> None:
        self._under_way = 0

    def admitted(self, handler: Handler) -> Handler:
        """The handler, with a place for each request."""

        async def handle(request: web.Request) -> web.StreamResponse:
            if self._under_way >= AT_ONCE:
                raise OpenAiError(429, TOO_MANY, code="rate_limit_exceeded")
            self._under_way += 1
            try:
                async with _while_connected(request):
                    return await handler(request)
            finally:
                self._under_way -= 1

        return handle


@asynccontextmanager
async def _while_connected(request: web.Request) -> AsyncGenerator[None, None]:
    """Cancel the block when the client is gone: nobody would have what it makes."""
    working = asyncio.current_task()
    gone = False

    async def watch() -> None:
        nonlocal gone
        while request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110 - a transport tells nobody that it closes
            await asyncio.sleep(LOOK_EVERY)
        gone = True
        if working is not None:
            working.cancel()

    watching = asyncio.create_task(watch(), name="client of /v1")
    try:
        yield
    except asyncio.CancelledError:
        if gone and working is not None and working.uncancel() == 0:
            raise ConnectionResetError("the client is gone") from None
        raise
    finally:
        watching.cancel()
        await asyncio.wait([watching])


def _answered(handler: Handler) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except OpenAiError as why:
            return openai_error(why.status, why.message, why.param, why.code)

    return handle


async def _no_translations(request: web.Request) -> web.StreamResponse:
    raise OpenAiError(400, "no recogniser of this gateway translates; ask for a transcription", "model")


async def _unknown(request: web.Request) -> web.StreamResponse:
    path = request.path[:LONGEST_NAME]
    raise OpenAiError(404, f"Unknown request URL: {request.method} {path}", code="unknown_url")


def _model(name: ModelName) -> dict[str, Any]:
    return {"id": name.id, "object": "model", "created": STARTED, "owned_by": f"lineside:{name.role}"}


STARTED = int(time.time())
