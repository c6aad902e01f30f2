"""The last lines that a server printed, for whoever must find out why it fell."""

import asyncio
from collections import deque
from collections.abc import Callable

LAST_LINES, LINE_BYTES = 20, 500  # that are kept; older lines and longer ends are forgotten


class ServerOutput:
    """The output of one server, over all its starts."""

    def __init__(self, keeps: int = LAST_LINES, passes_on: Callable[[str], None] | None = None) -> None:
        """`passes_on` hears each line, where it may be shown."""
        self.last_lines: deque[str] = deque(maxlen=keeps)
        self._passes_on = passes_on

    async def read(self, output: asyncio.StreamReader | None) -> None:
        """Read what one process prints, to its end."""
        rest = b""
        while output and (block := await output.read(4096)):
            *lines, rest = (rest + block).split(b"\n")
            rest = rest[:LINE_BYTES]
            for line in lines:
                said = line[:LINE_BYTES].decode(errors="replace").rstrip()
                self.last_lines.append(said)
                if self._passes_on:
                    self._passes_on(said)

    def quoted(self) -> str:
        """The last lines as the end of an error message."""
        last = list(self.last_lines)[-LAST_LINES:]
        return " It said:\n  " + "\n  ".join(last) if last else " It said nothing."
