"""Calls over a browser's WebSocket: what the first message asks for, and which call it goes on with."""

import asyncio
from contextlib import suppress

import structlog

from lineside.client_messages import read_hello, read_resume
from lineside.errors import TransportError
from lineside.observability.metrics import GatewayMetrics
from lineside.protocol import Error, FirstMessage, encode
from lineside.settings import Settings
from lineside.transports.base import AudioMeter
from lineside.transports.browser import LAST_WORDS, BrowserTransport
from lineside.transports.call_facts import TEST_LINE, CallFacts
from lineside.transports.frame_grace import FrameGrace
from lineside.transports.line_control import CallLeg, OfferedCall
from lineside.transports.resumption import Resumption, WaitingRoom, refused
from lineside.transports.websocket import WebSocket
from lineside.transports.websocket_frames import POLICY_VIOLATION, TEXT, framed

log = structlog.get_logger()

FIRST_MESSAGE = 5.0  # seconds; a caller's program that says nothing by then is disconnected
LARGEST_FIRST = 64 * 1024  # bytes of the first message


class BrowserCalls:
    """The browser calls of one process."""

    def __init__(self, settings: Settings, meters: GatewayMetrics) -> None:
        self._meters = meters
        self._room = WaitingRoom(settings.resume_s, meters.call_broken)
        self._transports: dict[str, BrowserTransport] = {}  # of calls that may be resumed, by call
        self._most = settings.max_concurrent_calls
        self._returning = 0  # connections that have not said yet which call they go on with

    async def offered(self, call_id: str, ws: WebSocket) -> OfferedCall:
        """A call, once its first message has come. Raises `TransportError` where that is wrong."""
        hello = read_hello(await _first_message(ws))

        def connect(meter: AudioMeter) -> CallLeg:
            return self._connect(call_id, ws, hello, meter)

        return OfferedCall(browser_facts(hello, hello.codec), hello, connect)

    def over(self, call_id: str) -> None:
        """The call is over, and cannot be resumed."""
        self._transports.pop(call_id, None)

    async def resume(self, call_id: str, ws: WebSocket) -> None:
        """Go on with a call over this connection, to its end. Raises `TransportError` where it cannot be."""
        if self._returning >= self._most:  # more than there can be callers who come back
            raise refused()
        self._returning += 1
        try:
            asked = read_resume(await _first_message(ws))
            if (transport := self._transports.get(call_id)) is None:
                raise refused()
            transport.resume(ws, call_id, asked)
        except TransportError:
            self._meters.call_broken("refused")
            raise
        finally:
            self._returning -= 1
        log.info("call resumed", call=call_id)
        await asyncio.wait([ws.over])

    def _connect(self, call_id: str, ws: WebSocket, hello: FirstMessage, meter: AudioMeter) -> CallLeg:
        resumption = Resumption(self._room) if self._room.seconds else None
        transport = BrowserTransport(ws, hello, meter, resumption)
        if resumption is not None:
            self._transports[call_id] = transport
        return CallLeg(FrameGrace(transport), transport)


def browser_facts(hello: FirstMessage, codec: str) -> CallFacts:
    """What is known of a call of our own protocol."""
    test = hello.test or bool(hello.draft)  # no customer's call: the history can leave it out
    return CallFacts(line=TEST_LINE if test else "browser", caller=hello.caller, codec=codec, test=test)


async def refuse(ws: WebSocket, fault: TransportError) -> None:
    """Say what is wrong, and close."""
    ws.write(framed(TEXT, encode(Error(at=0.0, code=fault.code, message=str(fault), fatal=True))))
    with suppress(TimeoutError):
        async with asyncio.timeout(LAST_WORDS):
            await ws.close(POLICY_VIOLATION)


async def _first_message(ws: WebSocket) -> str:
    example = '{"codec":"pcm","sample_rate":16000}'
    try:
        async with asyncio.timeout(FIRST_MESSAGE):
            message = await ws.first()
    except TimeoutError:
        raise TransportError(
            "no_first_message", f"first message: not received within {FIRST_MESSAGE:g} s; send {example}"
        ) from None
    if isinstance(message, str):
        if len(message.encode()) > LARGEST_FIRST:
            raise TransportError("bad_first_message", f"first message: more than {LARGEST_FIRST} bytes")
        return message
    if isinstance(message, bytes):
        raise TransportError("bad_first_message", f"first message: audio came before it; send {example} first")
    raise TransportError("line_lost", "the caller disconnected before the first message")
