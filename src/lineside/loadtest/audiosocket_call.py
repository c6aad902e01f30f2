"""Simulated callers behind Asterisk's AudioSocket. We play Asterisk: what comes is heard as it comes."""

import asyncio
from contextlib import suppress
from uuid import UUID

import aiohttp

from lineside.audio.frame import STT_RATE
from lineside.loadtest.plan import Plan
from lineside.loadtest.telephone_call import CallOutcome, CallScript, NoTicket, test_ticket
from lineside.loadtest.telephone_ear import TelephoneEar
from lineside.transports.audiosocket_frames import HANG_UP, KINDS, UUID_KIND, AudioSocketReader, socket_frame

OPENS_WITHIN = 10.0  # seconds
KIND = KINDS[STT_RATE]


class _AsteriskSide(asyncio.Protocol):
    """The connection, as a PBX has it."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.over: asyncio.Future[None] = loop.create_future()
        self.room = asyncio.Event()
        self.room.set()
        self.ear: TelephoneEar | None = None
        self._reader = AudioSocketReader()

    def data_received(self, data: bytes) -> None:
        for frame in self._reader.feed(data):
            if frame.kind == KIND and self.ear is not None:
                self.ear.hear(frame.payload)
            elif frame.kind == HANG_UP:
                self.connection_lost(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self.room.set()
        if not self.over.done():
            self.over.set_result(None)

    def pause_writing(self) -> None:
        self.room.clear()

    def resume_writing(self) -> None:
        self.room.set()


async def hold_audiosocket_call(
    http: aiohttp.ClientSession, plan: Plan, intervals: list[int], script: CallScript
) -> CallOutcome:
    """One call, from the ticket to its end. `intervals` counts the milliseconds between two frames."""
    host, _, port = plan.audiosocket.rpartition(":")
    try:
        ticket = await test_ticket(http, plan)
        async with asyncio.timeout(OPENS_WITHIN):
            transport, side = await asyncio.get_running_loop().create_connection(
                _AsteriskSide, host.strip("[]"), int(port)
            )
    except NoTicket:
        return CallOutcome(None, "no_ticket")
    except (TimeoutError, OSError):
        return CallOutcome(None, "no_connection")
    caller = script.new_caller()
    side.ear = TelephoneEar(caller, plan.codec, asyncio.get_running_loop().time, intervals)
    transport.write(socket_frame(UUID_KIND, UUID(ticket).bytes))

    async def send(frame: bytes) -> None:
        await side.room.wait()
        transport.write(socket_frame(KIND, frame))

    speaking = asyncio.ensure_future(script.speak(caller, send))
    try:
        await asyncio.wait([speaking, side.over], return_when=asyncio.FIRST_COMPLETED)
        return CallOutcome(caller, "line_lost" if side.over.done() else "caller_hung_up")
    finally:
        speaking.cancel()
        with suppress(asyncio.CancelledError):
            await speaking
        transport.close()
