"""Bodies of HTTP that are read up to a size."""

from aiohttp import StreamReader


async def body_up_to(content: StreamReader, most: int) -> bytes:
    """The body, or its first `most` bytes. `StreamReader.read(most)` alone gives what is there of it by now."""
    pieces, left = [], most
    while left and (piece := await content.read(left)):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)
