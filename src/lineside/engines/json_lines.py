"""A stream of lines of JSON, cut anywhere, of a bounded size."""

import codecs
from collections.abc import AsyncGenerator, AsyncIterable
from typing import TypeVar

import msgspec

T = TypeVar("T")


async def json_lines(
    pieces: AsyncIterable[bytes], decoder: msgspec.json.Decoder[T], most_bytes: int
) -> AsyncGenerator[T, None]:
    """Each line as it ends; white space between them is passed over.

    Args:
        pieces: Bytes as they come.
        decoder: What reads a line.
        most_bytes: Of the whole stream.

    Raises:
        OverflowError: The stream does not end.
        msgspec.DecodeError: A line is none of JSON.
    """
    held, left = b"", most_bytes
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
