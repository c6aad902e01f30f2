"""Answers that come as server-sent events (HTML standard, section 9.2), as OpenAI's streams are."""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from lineside.openai_api.errors import OpenAiError

WRITE_SECONDS = 30.0  # for one event to be taken; who reads no more is let go
DONE = b"data: [DONE]\n\n"
HEADERS = {"Content-Type": "text/event-stream", "Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


def sent_event(data: Mapping[str, Any]) -> bytes:
    """One event."""
    return b"data: " + json.dumps(data).encode() + b"\n\n"


class StreamedAnswer:
    """An answer that is sent piece by piece; its header leaves with the first."""

    def __init__(self, request: web.Request, headers: Mapping[str, str]) -> None:
        self._request = request
        self.response = web.StreamResponse(headers=dict(headers))

    async def __call__(self, piece: bytes) -> None:
        """Send it. Raises `ConnectionError` where the client is gone or does not read."""
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                if not self.response.prepared:
                    await self.response.prepare(self._request)
                await self.response.write(piece)
        except TimeoutError:
            raise ConnectionError("the client does not read") from None


@asynccontextmanager
async def event_stream(request: web.Request) -> AsyncGenerator[StreamedAnswer, None]:
    """Send events. What goes wrong before the first is an answer of its own; later the stream itself says it."""
    send = StreamedAnswer(request, HEADERS)
    try:
        yield send
    except OpenAiError as why:
        if not send.response.prepared:
            raise
        error = {"message": why.message, "type": "server_error", "param": why.param, "code": why.code}
        await send(sent_event({"error": error}))
