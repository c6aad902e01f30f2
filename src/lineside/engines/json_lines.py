"""A stream of lines of JSON, cut anywhere, of a bounded size."""

import asyncio
import codecs
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TypeVar

import msgspec
from aiohttp import StreamReader

from lineside.errors import EngineTimeout

T = TypeVar("T")


async def answer_chunks(content: StreamReader, seconds: float, who: str) -> AsyncGenerator[bytes, None]:
    """The bytes of an answer as they come from `who`.

    Raises:
        EngineTimeout: Nothing came for so long after the first of them; how long those may take is up to the request.
    """
    piece = await content.readany()
    while piece:
        yield piece
        try:
            async with asyncio.timeout(seconds):
                piece = await content.readany()
        except TimeoutError:
            raise EngineTimeout(f"{who} stopped in mid-answer, and sent nothing for {seconds:g} s") from None


async def json_lines(
    pieces: AsyncGenerator[bytes, None], decoder: msgspec.json.Decoder[T], most_bytes: int
) -> AsyncGenerator[T, None]:
    """Each line as it ends; white space between them is passed over.

    Args:
        pieces: Bytes as they come; closed at the end.
        decoder: What reads a line.
        most_bytes: Of the whole stream.

    Raises:
        OverflowError: The stream does not end.
        msgspec.DecodeError: A line is none of JSON.
    """
    held, left = b"", most_bytes
    async with aclosing(pieces):
        async for piece in pieces:
            left -= len(piece)
            if left < 0:
                raise OverflowError(f"more than {most_bytes} bytes for one answer")
            *lines, held = (held + piece).split(b"\n")
            for line in lines:
                if line := line.strip():
                    yield _decoded(decoder, line)
            if not held.strip():
                held = b""
    if held := held.strip():
        yield _decoded(decoder, held)


def _decoded(decoder: msgspec.json.Decoder[T], line: bytes) -> T:
    line = line.removeprefix(codecs.BOM_UTF8)
    try:
        return decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        if line.isascii():
            raise
        return decoder.decode(line.decode(errors="ignore"))  # half a character, cut by a proxy
