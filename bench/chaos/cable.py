"""A network cable between two programs on this machine, that can be pulled: nothing passes, and nobody is told."""

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

BLOCK = 1 << 16  # bytes that are read at once; what a pulled cable holds back is this much and what the kernel keeps


class Cable:
    """A port that leads to another one."""

    def __init__(self, host: str, port: int, listener: socket.socket) -> None:
        self._host, self._port, self._listener = host, port, listener
        self._whole = asyncio.Event()
        self._whole.set()

    @property
    def port(self) -> int:
        """The near end, on 127.0.0.1."""
        return int(self._listener.getsockname()[1])

    def pull(self) -> None:
        """From now on nothing passes; connections stay as they are, and new ones hear nothing."""
        self._whole.clear()

    def plug_in(self) -> None:
        """All passes again, what was held back first."""
        self._whole.set()

    async def run(self) -> None:
        """Join every connection that comes with one to the far end, until cancelled."""
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as connections:
            while True:
                near, _ = await loop.sock_accept(self._listener)
                connections.create_task(self._join(near), name="connection through a cable")

    async def _join(self, near: socket.socket) -> None:
        with suppress(OSError):
            from_near, to_near = await asyncio.open_connection(sock=near)
            try:
                await self._whole.wait()
                from_far, to_far = await asyncio.open_connection(self._host, self._port)
            except OSError:
                to_near.transport.abort()
                raise
            try:
                async with asyncio.TaskGroup() as ways:
                    ways.create_task(self._pass_on(from_near, to_far))
                    ways.create_task(self._pass_on(from_far, to_near))
            finally:
                to_near.close()
                to_far.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while block := await reader.read(BLOCK):
                await self._whole.wait()
                writer.write(block)
                await writer.drain()
            await self._whole.wait()
            if writer.can_write_eof():
                writer.write_eof()
        except OSError:  # one end broke off: the other hears of it
            await self._whole.wait()
            writer.transport.abort()


@asynccontextmanager
async def cable(host: str, port: int) -> AsyncGenerator[Cable, None]:
    """A cable to this port, whole; gone with the block."""
    with socket.create_server(("127.0.0.1", 0), backlog=200) as listener:
        listener.setblocking(False)
        laid = Cable(host, port, listener)
        running = asyncio.create_task(laid.run(), name="cable")
        try:
            yield laid
        finally:
            running.cancel()
            await asyncio.wait([running])
