"""Calls over WebRTC, of our own protocol and of the Realtime API: the offer answered, the call held to its end.

The gateway's own process has the sound, whatever WORKERS is, as it has that of calls over SIP.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import structlog
from aiohttp import web
from msgspec import Struct

from lineside.call.program import CallProgram
from lineside.errors import CallRefused, TransportError
from lineside.gateway.call_handle import CallHandle
from lineside.gateway.line_host import LineHost
from lineside.realtime.errors import RealtimeError
from lineside.settings import Settings
from lineside.transports.line_control import OfferedCall
from lineside.transports.webrtc.offer import BadOffer

if TYPE_CHECKING:
    from lineside.transports.webrtc.connection import WebRtcConnection

log = structlog.get_logger()

MISSING = "Calls over WebRTC need a package more: pip install 'lineside[webrtc]'."
USUAL_HEADERS = "Authorization, Content-Type"
ANSWERED_WITHIN = 10.0  # seconds for sockets to be opened and the answer to be written
SECONDS_TO_END = 10.0  # for calls whose end was told when the gateway closes; then they are cancelled
LAST_WORDS = 0.5  # seconds for what `begin` says of a refusal to leave

Offered = tuple[OfferedCall, CallProgram | None]
Begin = Callable[[CallHandle, "WebRtcConnection"], AbstractContextManager[Offered]]


class Answered(Struct, frozen=True):
    """What a caller's offer is answered with."""

    call_id: str
    sdp: str


class WebRtcCalls:
    """Holds them, and owns their tasks."""

    def __init__(self, settings: Settings, host: LineHost) -> None:
        self._settings, self._host = settings, host
        self._tasks: set[asyncio.Task[None]] = set()
        self._connections: set[WebRtcConnection] = set()

    async def owned(self, app: web.Application) -> AsyncGenerator[None, None]:
        """See `web.Application.cleanup_ctx`."""
        yield
        for connection in self._connections:
            connection.end("server_stopping")
        if self._tasks and (left := (await asyncio.wait(self._tasks, timeout=SECONDS_TO_END))[1]):
            log.warning("calls over WebRTC were cut off", calls=len(left))
            for task in left:
                task.cancel()
            await asyncio.wait(left)

    async def answer(self, offer: str, holder: str, begin: Begin) -> Answered:
        """Take a slot, answer the offer, and hold the call from then on.

        Args:
            offer: SDP.
            holder: whose key asks.
            begin: makes the call and who leads it, around all of it; hears of a `TransportError` after the answer.

        Raises:
            BadOffer: no call can be made of it.
            CallRefused: no slot, or no port, is free.
            RealtimeError: `begin` raised it.
        """
        ready: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(self._hold(offer, holder, begin, ready), name="webrtc call")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        either: list[asyncio.Future[Any]] = [ready, task]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not ready.done():
            raise web.HTTPInternalServerError(text="The call could not be set up.")
        return ready.result()

    async def _hold(self, offer: str, holder: str, begin: Begin, ready: "asyncio.Future[Answered]") -> None:
        """One call from its slot to its end. `ready` hears of the answer, or why there is none."""
        from lineside.transports.webrtc.connection import WebRtcConnection
        from lineside.transports.webrtc.ice_ports import IcePorts

        chosen = self._settings
        where = IcePorts(chosen.webrtc_host or chosen.host, chosen.webrtc_port_range, chosen.webrtc_advertised_host)
        try:
            with self._host.slot(holder) as handle:
                connection = WebRtcConnection(where)
                self._connections.add(connection)
                try:
                    with begin(handle, connection) as (offered, program):
                        await self._converse(handle, connection, offer, offered, program, ready)
                except TransportError:
                    await asyncio.sleep(LAST_WORDS)
                    raise
                finally:
                    self._connections.discard(connection)
                    await connection.close()
        except (BadOffer, CallRefused, RealtimeError) as why:
            if ready.done():
                log.warning("a call over WebRTC was refused after its answer", why=str(why))
            else:
                ready.set_exception(why)
        except TransportError as fault:
            log.warning("a call over WebRTC was refused", why=str(fault))
        except Exception:
            log.exception("a call over WebRTC could not be held")

    async def _converse(
        self,
        handle: CallHandle,
        connection: "WebRtcConnection",
        offer: str,
        offered: OfferedCall,
        program: CallProgram | None,
        ready: "asyncio.Future[Answered]",
    ) -> None:
        handle.rings(lambda: connection.end("caller_hung_up"))  # they gave up before they were connected
        async with asyncio.timeout(ANSWERED_WITHIN):
            sdp = await connection.answer(offer)
        ready.set_result(Answered(handle.id, sdp))
        if await connection.wait_connected():
            await self._host.run(handle, offered, program)
        else:
            log.warning("a call over WebRTC never connected", call=handle.id)


def for_pages(request: web.Request, answer: web.StreamResponse) -> web.StreamResponse:
    """What a page of another origin may read of it; which ones may ask, `AccessGuard` has decided."""
    if origin := request.headers.get("Origin"):
        answer.headers["Access-Control-Allow-Origin"] = origin
        answer.headers["Access-Control-Expose-Headers"] = "Location"
        answer.headers["Vary"] = "Origin"
    return answer


async def preflight(request: web.Request) -> web.StreamResponse:
    """A page of another origin asks whether it may; which ones may, `AccessGuard` has decided."""
    allowed = {"Access-Control-Allow-Methods": "POST", "Access-Control-Max-Age": "600"}
    # Clients add headers of their own, such as X-OpenAI-Agents-SDK; none that a page may send is read but the key.
    allowed["Access-Control-Allow-Headers"] = request.headers.get("Access-Control-Request-Headers", USUAL_HEADERS)
    return for_pages(request, web.Response(status=204, headers=allowed))
