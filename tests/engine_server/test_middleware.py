"""Who may ask the engine server: programs that were given its secret, and no page of a browser."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web

from lineside.engine_server.middleware import allowed, guarded
from lineside.http_front import PROGRAMS, http_server
from lineside.processes.ports import listening_socket


def served(story: Callable[[int, aiohttp.ClientSession], Awaitable[None]], secret: str) -> None:
    """An engine server's front without its models."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=str(msgspec.json.decode(await request.read() or b"1")))

    async def main() -> None:
        app = web.Application(middlewares=[allowed(secret, only_this_machine=True), guarded])
        for path in ("/health", "/metrics", "/v1/models", "/v1/warm"):
            app.router.add_route("*", path, answer)
        with listening_socket("127.0.0.1", 0, host_name="", port_name="", advice="") as listener:
            port = listener.getsockname()[1]
            async with http_server(app, listener, grace=1.0, limits=PROGRAMS), aiohttp.ClientSession() as http:
                await story(port, http)

    asyncio.run(main())


def test_whoever_lacks_the_secret_is_refused() -> None:
    """By header or in the address, as clients have it; `/health` is open to the one who watches the process."""

    async def story(port: int, http: aiohttp.ClientSession) -> None:
        for path in ("/metrics", "/v1/models", "/v1/warm"):
            for who, status in (("", 401), ("lineside:wrong@", 401), ("other:secret@", 401), ("lineside:secret@", 200)):
                async with http.post(f"http://{who}127.0.0.1:{port}{path}") as answer:
                    assert answer.status == status, (path, who)
            for header, status in (("Bearer secret", 200), ("Bearer secre", 401), ("Bearer \udcff", 401)):
                async with http.post(f"http://127.0.0.1:{port}{path}", headers={"Authorization": header}) as answer:
                    assert answer.status == status, (path, header)
        async with http.get(f"http://127.0.0.1:{port}/health") as answer:
            assert answer.status == 200

    served(story, "secret")


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Host": "["}, {"Origin": "http://localhost"}])
def test_a_page_of_a_browser_is_refused(headers: dict[str, str]) -> None:
    """By its origin, and where it sends none by the name that was made to point here."""

    async def story(port: int, http: aiohttp.ClientSession) -> None:
        for secret in ("", "lineside:secret@"):
            async with http.get(f"http://{secret}127.0.0.1:{port}/v1/models", headers=headers) as answer:
                assert answer.status in (400, 403)

    served(story, "secret")


def test_a_body_that_is_nested_without_end_is_refused() -> None:
    """It is the client's fault, and no fault of ours in the log."""

    async def story(port: int, http: aiohttp.ClientSession) -> None:
        given: dict[str, Any] = {"data": b"[" * 50_000}
        async with http.post(f"http://127.0.0.1:{port}/v1/warm", **given) as answer:
            assert answer.status == 400

    served(story, "")
