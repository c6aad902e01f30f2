"""The routes of the control API: requests are checked against the operations, answers are as these declare them."""

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import structlog
from aiohttp import web

from lineside.api.api_services import ApiServices
from lineside.api.background import BackgroundTasks
from lineside.api.dependencies import ApiDependencies
from lineside.api.docs_page import POLICY, page
from lineside.api.errors import ApiError
from lineside.api.openapi import document, schemas_of
from lineside.api.operation import ApiRequest, Operation
from lineside.api.operations import OPERATIONS
from lineside.api.schema_text import allowed
from lineside.errors import UNREADABLE
from lineside.http_front import error_response

log = structlog.get_logger()

WRITE_SECONDS = 30.0  # for one piece of a stream to be taken; who reads no more is let go
LOOK_EVERY = 15.0  # seconds between two looks at the models in memory
CODES = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}

STREAMED = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # nginx hands each piece on as it comes

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def mount(app: web.Application, dependencies: ApiDependencies) -> None:
    """Add the control API to the gateway's application. Its tasks begin and end with the application."""
    tasks = BackgroundTasks()
    api = ApiServices(dependencies, tasks)
    schemas, components = schemas_of(OPERATIONS)
    for operation in OPERATIONS:
        shapes = [allowed(schemas[t], components) if t is not None else "" for t in (operation.takes, operation.query)]
        app.router.add_route(operation.method, _pattern(operation), _route(operation, api, shapes[0], shapes[1]))
    described = msgspec.json.encode(document(OPERATIONS, dependencies.settings.base_path))
    shown = page(OPERATIONS).encode()

    async def openapi(request: web.Request) -> web.Response:
        return web.Response(body=described, content_type="application/json")

    async def docs(request: web.Request) -> web.Response:
        policy = {"Content-Security-Policy": POLICY}
        return web.Response(body=shown, content_type="text/html", charset="utf-8", headers=policy)

    async def begin(app: web.Application) -> None:
        await tasks.begin()
        if dependencies.loaded is not None:
            hears = dependencies.loaded
            tasks.start(
                dependencies.work.keep("models in memory", lambda: _tell_of_models(api, hears)), "models in memory"
            )
        _ = api.engine_list.all  # built now: a client with its TLS context takes so long that calls would hear it

    async def close(app: web.Application) -> None:
        tasks.closing.set()
        api.machine.close()
        api.downloads.close()

    async def end(app: web.Application) -> None:
        await tasks.end()
        api.model_readings.close()

    app.router.add_route("GET", "/openapi.json", openapi)
    app.router.add_route("GET", "/docs", docs)
    app.middlewares.append(_as_json_errors)
    app.on_startup.append(begin)
    app.on_shutdown.append(close)
    app.on_cleanup.append(end)


async def _tell_of_models(api: ApiServices, hears: Callable[[Mapping[tuple[str, str], int]], None]) -> None:
    while True:
        answers = await api.model_readings.in_backends()
        kept = [(role, one) for (role, _), said in answers.items() for one in said.kept]
        hears({(role, one.name): one.memory_bytes for role, one in kept if one.loaded and one.memory_bytes})
        await asyncio.sleep(LOOK_EVERY)


def _pattern(operation: Operation) -> str:
    """The path as aiohttp takes it. A name never matches a word that stands in its place in another path."""
    before, name, after = operation.path.partition("{")
    if not name:
        return operation.path
    words = {one.path.removeprefix(before).split("/")[0] for one in OPERATIONS if one.path.startswith(before)}
    fixed = "|".join(sorted(re.escape(word) for word in words if not word.startswith("{")))
    named, _, rest = after.partition("}")
    return f"{before}{{{named}:{f'(?!(?:{fixed})$)' if fixed else ''}[^/]+}}{rest}"


def _route(operation: Operation, api: ApiServices, of_body: str, of_query: str) -> Handler:
    """What aiohttp calls for one operation."""
    body = msgspec.json.Decoder(operation.takes) if operation.takes is not None else None

    async def asked(request: web.Request) -> ApiRequest:
        named = next(iter(request.match_info.values()), "")
        query: Any = None
        if operation.query is not None:
            with _explained(of_query):
                query = msgspec.convert(dict(request.query), operation.query, strict=False)
        if body is None:
            return ApiRequest(named, None, query)
        raw = await request.read() or (b"{}" if operation.may_be_bare else b"")
        with _explained(of_body):
            try:
                return ApiRequest(named, body.decode(raw), query)
            except msgspec.ValidationError:  # to JSON 7.0 is an integer, as JSON Schema has it
                return ApiRequest(named, msgspec.convert(_whole(msgspec.json.decode(raw)), body.type), query)

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            answer = await operation.run(api, await asked(request))
        except ApiError as no:
            return error_response(no.status, no.code, str(no))
        if isinstance(answer, Path):
            return web.FileResponse(answer, headers={"Content-Type": operation.media} | STREAMED)
        if isinstance(answer, AsyncGenerator):
            return await _stream(request, operation, answer, api)
        return web.Response(body=msgspec.json.encode(answer), content_type="application/json")

    return handle


def _whole(value: Any) -> Any:
    """The same with every number without a fraction as an integer; as deep as the decoder lets a body be."""
    match value:
        case float() if value.is_integer() and abs(value) < 2**53:
            return int(value)
        case list():
            return [_whole(each) for each in value]
        case dict():
            return {name: _whole(each) for name, each in value.items()}
    return value


@contextmanager
def _explained(may: str) -> Iterator[None]:
    """Say which field is wrong, and what is allowed."""
    try:
        yield
    except UNREADABLE as wrong:
        raise ApiError(400, "bad_request", f"{_named(str(wrong))}; allowed: {may}") from None


def _named(sentence: str) -> str:
    """The library's sentence, with the field first."""
    what, found, field = sentence.partition(" - at `$.")
    return f"{field.removesuffix('`')}: {what}" if found else sentence


async def _stream(
    request: web.Request, operation: Operation, pieces: AsyncGenerator[bytes, None], api: ApiServices
) -> web.StreamResponse:
    """Send each piece as it comes, until the stream is over, the reader is gone, or the longest watch is."""
    response = web.StreamResponse(headers={"Content-Type": operation.media, "Cache-Control": "no-store"})
    async with aclosing(pieces):
        try:
            async with asyncio.timeout(api.dependencies.longest_watch):
                await response.prepare(request)
                async for piece in pieces:
                    async with asyncio.timeout(WRITE_SECONDS):
                        await response.write(piece)
        except (TimeoutError, ConnectionError):
            pass  # what was to be followed goes on without this reader
    return response


@web.middleware
async def _as_json_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer what no operation answers in the same words: unknown paths, wrong methods, bodies that are too large."""
    nowhere = request.match_info.http_exception is not None  # outside the API too: people mistype addresses
    if "/api/" not in request.path and not nowhere:
        return await handler(request)
    try:
        return await handler(request)
    except web.HTTPException as no:
        if no.status < 400:
            raise
        answer = error_response(no.status, CODES.get(no.status, "refused"), f"{no.reason}; /docs shows what there is")
        if "Allow" in no.headers:
            answer.headers["Allow"] = no.headers["Allow"]
        return answer
    except (ConnectionError, web.RequestPayloadError):
        return error_response(400, "body_lost", "the client left before its request was whole")
    except Exception:  # a bug of ours: this request fails, the calls do not notice, the log says where
        log.exception("API request failed", method=request.method, path=request.path)
        return error_response(500, "internal_error", "something broke inside lineside; its log says where")
