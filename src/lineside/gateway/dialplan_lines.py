"""Asterisk and FreeSWITCH, whose dialplan asks: for a ticket when a call comes, and what is next when it is over."""

import time

from aiohttp import web

from lineside.errors import CallRefused
from lineside.gateway.asterisk.ari_line import AriLine
from lineside.gateway.dialplan_control import DialplanControl
from lineside.gateway.line_host import LineHost
from lineside.gateway.line_requests import LARGEST_BODY, forbidden, form_of
from lineside.gateway.stream_sockets import StreamSockets
from lineside.gateway.tickets import Ticket, TicketStore
from lineside.http_bodies import body_up_to
from lineside.settings import Settings
from lineside.transports.call_facts import CallFacts
from lineside.transports.line_control import LineControl
from lineside.transports.media_streams.asterisk import AsteriskDialect
from lineside.transports.media_streams.dialect import StreamDialect, StreamStarted
from lineside.transports.media_streams.fork import FreeSwitchDialect

ARI_SOCKET = "/lines/asterisk/ari"
FREESWITCH_MEDIA = "/lines/freeswitch/media/"


class DialplanLines:
    """Routes for those that are on. Where a question has no answer the dialplan goes on: the caller is in the queue."""

    def __init__(
        self,
        settings: Settings,
        host: LineHost,
        sockets: StreamSockets,
        tickets: TicketStore,
        ari: AriLine | None = None,
    ) -> None:
        """`ari` takes the media sockets of its calls: they come to the same address."""
        self._settings, self._host, self._sockets, self._tickets = settings, host, sockets, tickets
        self._ari = ari

    def add_routes(self, app: web.Application) -> None:
        """Those of the lines that are on."""
        if self._settings.asterisk or self._settings.audiosocket_port:
            app.router.add_route("*", "/lines/asterisk/ticket", self._ticket_for_asterisk)
            app.router.add_route("*", "/lines/asterisk/next", self._next)
        if self._settings.asterisk or self._ari is not None:
            app.router.add_get("/lines/asterisk", self._asterisk)
        if self._ari is not None and not self._settings.ari_url:
            app.router.add_get(ARI_SOCKET, self._ari.accept)
        if self._settings.freeswitch:
            app.router.add_route("*", "/lines/freeswitch/ticket", self._ticket_for_freeswitch)
            app.router.add_route("*", "/lines/freeswitch/next", self._next)
            app.router.add_get(FREESWITCH_MEDIA + "{ticket}", self._freeswitch)

    def opens_by_itself(self, path: str) -> bool:
        """Whether a ticket lets a request in; the dialplan's own questions need a key where keys are set."""
        return path in ("/lines/asterisk", ARI_SOCKET) or path.startswith(FREESWITCH_MEDIA)

    async def _ticket_for_asterisk(self, request: web.Request) -> web.Response:
        given = await _given(request)
        return self._ticket("audiosocket" if given.get("line") == "audiosocket" else "asterisk", given)

    async def _ticket_for_freeswitch(self, request: web.Request) -> web.Response:
        return self._ticket("freeswitch", await _given(request))

    def _ticket(self, line: str, given: dict[str, str]) -> web.Response:
        """A dialplan announces a call; the answer is its ticket, or nothing where there is no room."""
        if not self._host.has_room:
            return web.Response(text="")
        facts = CallFacts(
            line=line,
            caller=given.get("from", ""),
            called=given.get("to", ""),
            diverted_from=given.get("diverted", ""),
            carrier_call_id=given.get("id", ""),
            headers=given,
        )
        try:
            return web.Response(text=self._tickets.issue(Ticket(self._sockets.cleaned(facts)), time.monotonic()))
        except CallRefused:
            return web.Response(text="")

    async def _next(self, request: web.Request) -> web.Response:
        """After a call: `transfer,TARGET`, `hangup`, or nothing: then the caller goes to the queue."""
        return web.Response(text=self._tickets.take_next(request.query.get("t", ""), time.monotonic()))

    async def _asterisk(self, request: web.Request) -> web.StreamResponse:
        """`v(t=…)` of a dial string becomes the query; its WebSocket client bore no pings before 22.8."""
        name = request.query.get("t", "")
        legs = self._ari.expects(name) if self._ari is not None and "Origin" not in request.headers else None
        if self._ari is not None and legs is not None:
            return await self._ari.open_socket(request, legs)
        return await self._hold(request, name, AsteriskDialect(), pings=False)

    async def _freeswitch(self, request: web.Request) -> web.StreamResponse:
        return await self._hold(request, request.match_info["ticket"], FreeSwitchDialect(), pings=True)

    async def _hold(
        self, request: web.Request, name: str, dialect: StreamDialect, *, pings: bool
    ) -> web.StreamResponse:
        ticket = self._tickets.redeem(name, dialect.line, time.monotonic())
        if ticket is None or "Origin" in request.headers:
            return forbidden()

        def control(begun: StreamStarted, facts: CallFacts) -> LineControl | None:
            return DialplanControl(self._tickets, name)

        return await self._sockets.hold(request, dialect, ticket, control, pings=pings)


async def _given(request: web.Request) -> dict[str, str]:
    return dict(request.query) | form_of(request.content_type, await body_up_to(request.content, LARGEST_BODY))
