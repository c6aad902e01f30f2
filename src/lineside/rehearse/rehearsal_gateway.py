"""A gateway for one call of a rehearsal: a port on this machine, and all of a gateway's way from there to the call.

By construction it has no tools: what its call is given to reach the world outside with is the scenario's stand-in. It
keeps no records, hands no call on, and nobody outside this machine can call it.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Literal

from aiohttp import web

from lineside.call.program import CallProgram
from lineside.gateway.call_handle import CallControl, CallHandle, RegisteredCall
from lineside.gateway.call_registry import CallRegistry
from lineside.gateway.call_runner import HEARTBEAT, LARGEST_MESSAGE, CallRunner
from lineside.gateway.line_host import LineHost
from lineside.gateway.listen import gateway_socket
from lineside.gateway.sip_line import SipLine
from lineside.gateway.tickets import TicketStore
from lineside.http_front import http_server
from lineside.observability.metrics import GatewayMetrics
from lineside.protocol import Codec, Ended, EndReason, ServerMessage
from lineside.records.event_log import EventLog
from lineside.rehearse.held_call import Backstage
from lineside.settings import Settings
from lineside.sip_settings import CODECS
from lineside.transports.call_facts import CallFacts
from lineside.transports.line_control import OfferedCall
from lineside.transports.websocket import WebSocket

RehearsalLine = Literal["sip", "browser"]
GOODBYE = 2.0  # seconds for the caller's connection when the gateway closes
HERE = "127.0.0.1"


def gateway_settings(settings: Settings) -> Settings:
    """As they are set, but for where the gateway answers, and for all that would reach somebody else."""
    ports = {"host": HERE, "port": 0, "api_keys": (), "base_path": ""}
    sip = {
        "sip_host": HERE,
        "sip_port": 0,
        "sip_transports": ("udp",),
        "sip_rtp_ports": "26000-31999",
        "sip_advertised_host": "",
        "sip_trusted": (HERE,),
        "sip_allowed": (),
        "sip_users": (),
        "sip_accounts": (),
        "sip_trunk": "",
        "sip_codecs": CODECS,
        "sip_tls_certificate": "",
        "sip_srtp": "off",
    }
    outside = {"keep_calls": False, "otlp_endpoint": "", "transfer_to": "", "transfer_allowed": ()}
    return settings.model_copy(update=ports | sip | outside)


class WatchedCall(RegisteredCall):
    """The call, as its gateway has it: hears all that happens in it, and gives it up when it takes too long."""

    def __init__(self, name: str, behind: Backstage, longest: float, on_event: Callable[[ServerMessage], None]) -> None:
        """`longest`: seconds; `on_event` hears of everything too."""
        super().__init__(name)
        self._log, self._longest, self._tell = EventLog(name, behind.entries.append), longest, on_event
        self._giving_up: asyncio.TimerHandle | None = None
        self.events: list[ServerMessage] = []
        self.reason: EndReason | None = None  # None: it never ended by itself

    def answered(
        self, control: CallControl, *, facts: CallFacts, codec: Codec, rate: int, engines: dict[str, str]
    ) -> None:
        """See `RegisteredCall`."""
        self._giving_up = asyncio.get_running_loop().call_later(self._longest, control.end, "too_long")

    def on_event(self, event: ServerMessage) -> None:
        """See `Observer`."""
        self.events.append(event)
        self._log.on_event(event)
        if isinstance(event, Ended):
            self.reason = event.reason
        self._tell(event)

    def ended(self) -> None:
        """See `RegisteredCall`."""
        if self._giving_up is not None:
            self._giving_up.cancel()


class OneCallHost(LineHost):
    """Holds the one call, whatever line it comes on."""

    def __init__(self, runner: CallRunner, watched: WatchedCall, meters: GatewayMetrics) -> None:
        super().__init__(CallRegistry(1), runner, meters)
        self._watched = watched

    async def run(self, handle: CallHandle, offered: OfferedCall, program: CallProgram | None = None) -> EndReason:
        """See `LineHost`."""
        return await self.runner.run_offered(self._watched, offered, program)

    async def run_browser(self, ws: WebSocket) -> None:
        """Hold the call of a browser."""
        await self.runner.run(self._watched, ws)


@asynccontextmanager
async def one_call_gateway(line: RehearsalLine, settings: Settings, host: OneCallHost) -> AsyncGenerator[str, None]:
    """Where the caller calls, while the block runs; when it ends, so has the call."""
    if line == "sip":
        async with SipLine(settings, host, TicketStore()).opened() as port:
            yield f"sip:agent@{HERE}:{port.endpoint.port}"
        return
    app = web.Application()
    app.router.add_get("/ws/call", partial(_browser_call, host))
    with gateway_socket(settings) as listener:
        async with http_server(app, listener, grace=GOODBYE):
            yield f"http://{HERE}:{listener.getsockname()[1]}"


async def _browser_call(host: OneCallHost, request: web.Request) -> web.StreamResponse:
    transport = request.transport
    if transport is None:
        return web.Response()  # gone already
    with host.slot():
        ws = WebSocket(LARGEST_MESSAGE, HEARTBEAT, request.protocol.connection_lost)
        ws.take_over(transport, request.headers["Sec-WebSocket-Key"])
        await host.run_browser(ws)
    return web.Response()  # to nobody: the connection was the call's, and is gone
