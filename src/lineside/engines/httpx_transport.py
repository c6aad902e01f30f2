"""Lets a library that wants httpx use an engine's own aiohttp pool: one pool, one TLS context, one limit for all.

httpx calls such a thing a transport (python-httpx.org/advanced/transports). Errors on the way stay aiohttp's.
"""

from collections.abc import AsyncIterator

import aiohttp
import httpx

from lineside.errors import EngineError


class AiohttpTransport(httpx.AsyncBaseTransport):
    """Sends httpx's requests through an aiohttp session. `most_bytes`: an answer that is longer is broken off."""

    def __init__(self, http: aiohttp.ClientSession, most_bytes: int) -> None:
        self._http, self._most_bytes = http, most_bytes

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One request, its answer streamed."""
        limits = request.extensions.get("timeout", {})
        timeout = aiohttp.ClientTimeout(
            total=None, connect=limits.get("pool"), sock_connect=limits.get("connect"), sock_read=limits.get("read")
        )
        passed_on = {name: value for name, value in request.headers.items() if name not in ("host", "content-length")}
        answer = await self._http.request(
            request.method,
            str(request.url),
            headers=passed_on | {"accept-encoding": "identity"},
            data=await request.aread(),
            timeout=timeout,
            allow_redirects=False,
        )
        return httpx.Response(
            answer.status, headers=list(answer.headers.items()), stream=_Body(answer, self._most_bytes)
        )


class _Body(httpx.AsyncByteStream):
    def __init__(self, answer: aiohttp.ClientResponse, most_bytes: int) -> None:
        self._answer, self._left = answer, most_bytes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._answer.content.iter_any():
            self._left -= len(piece)
            if self._left < 0:
                raise EngineError(f"{self._answer.url.origin()} does not end its answer")
            yield piece

    async def aclose(self) -> None:
        """Give the connection back, or cut it where the answer was not read to its end."""
        if self._answer.content.at_eof():
            self._answer.release()
        else:
            self._answer.close()
