"""What a WebSocket server has written, read back."""

from typing import Protocol


class Written(Protocol):
    """Keeps what was written."""

    written: bytes


def server_frames(wire: Written) -> list[tuple[int, bytes]]:
    """What a server has written since the last look; its frames are whole and not masked."""
    data, wire.written, found, at = wire.written, b"", list[tuple[int, bytes]](), 0
    while at < len(data):
        size, start = data[at + 1], at + 2
        if size > 125:
            wide = 2 if size == 126 else 8
            size, start = int.from_bytes(data[start : start + wide], "big"), start + wide
        found.append((data[at] & 15, data[start : start + size]))
        at = start + size
    return found
