"""What a request brings: read only once its sender may ask, and no more of it than the engine server takes."""

from collections.abc import AsyncIterable, Mapping
from typing import TYPE_CHECKING

from lineside.engine_server.middleware import Access
from lineside.engine_server.openai_schema import AUDIO_BYTES, JSON_BYTES, RequestRefused, error

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

AUDIO_PATH = "/v1/audio/transcriptions"


async def body_of(request: "Request", access: Access) -> bytes:
    """The body of a request that Serve's entrance took. Raises `RequestRefused`."""
    return await admitted_body(access, request.url.path, request.headers, request.stream())


async def admitted_body(access: Access, path: str, headers: Mapping[str, str], blocks: AsyncIterable[bytes]) -> bytes:
    """All of it. Raises `RequestRefused`, before a block is read where the sender may not ask."""
    access.check(path, headers)
    most, read = AUDIO_BYTES if path == AUDIO_PATH else JSON_BYTES, bytearray()
    async for block in blocks:
        read += block
        if len(read) > most:
            raise RequestRefused(413, f"the body is larger than {most >> 20} MB")
    return bytes(read)


def refused(no: RequestRefused) -> "Response":
    """A refusal, as the engine server words it."""
    from starlette.responses import JSONResponse

    return JSONResponse({"error": error("invalid_request_error", no.message, no.param, no.code)}, no.status)
