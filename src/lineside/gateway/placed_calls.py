"""Where carriers call back about calls that they make for us: answered, ringing, over."""

import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from aiohttp import web

from lineside.gateway.carriers.account import CarrierAccount, Webhook
from lineside.gateway.carriers.placing import CarrierDialer, PlacesCalls
from lineside.gateway.line_requests import forbidden
from lineside.gateway.tickets import Ticket, TicketStore
from lineside.protocol import EndReason
from lineside.transports.call_facts import CallFacts
from lineside.transports.line_control import OfferedCall

Genuine = Callable[[web.Request], Awaitable[tuple[CarrierAccount | None, Webhook]]]


class PlacedCalls:
    """The carriers that can call somebody, and their webhooks."""

    def __init__(
        self, public_url: str, carriers: Mapping[str, CarrierAccount], tickets: TicketStore, genuine: Genuine
    ) -> None:
        """`genuine` says which carrier asks, if its signature says so."""
        self._public, self._tickets, self._genuine = public_url, tickets, genuine
        self.dialers = {
            name: CarrierDialer(account, public_url, partial(self._socket_url, name))
            for name, account in carriers.items()
            if isinstance(account, PlacesCalls)
        }

    def add_routes(self, app: web.Application) -> None:
        """Theirs."""
        app.router.add_route("*", "/lines/{carrier:[a-z]+}/placed/{placed:[0-9a-f]{32}}", self._placed)
        app.router.add_route("*", "/lines/{carrier:[a-z]+}/progress/{placed:[0-9a-f]{32}}", self._progress)

    def holder(self, ticket: Ticket) -> Callable[[OfferedCall], Awaitable[EndReason]] | None:
        """What holds the call of this ticket; None: nobody waits for it any more."""
        dialer = self.dialers.get(ticket.facts.line)
        return dialer.holder(ticket.placed) if dialer is not None else None

    async def _placed(self, request: web.Request) -> web.Response:
        """A call of ours was answered."""
        account, asked = await self._genuine(request)
        dialer, name = self.dialers.get(request.match_info["carrier"]), request.match_info["placed"]
        if account is None or dialer is None:
            return forbidden()
        if not dialer.waits_for(name):  # given up meanwhile, or of before a restart
            answer = account.refuse(asked)
        else:
            dialer.answered(name)
            answer = account.connect(self._socket_url(account.line, name), asked)
        return web.Response(text=answer.body, content_type=answer.content_type)

    async def _progress(self, request: web.Request) -> web.Response:
        """A call of ours rings, is answered, is over."""
        account, asked = await self._genuine(request)
        dialer = self.dialers.get(request.match_info["carrier"])
        if account is None or dialer is None:
            return forbidden()
        await dialer.progressed(request.match_info["placed"], asked)
        return web.Response()

    def _socket_url(self, line: str, placed: str) -> str:
        """Where the media stream of a call of ours goes."""
        facts = CallFacts(line=line, direction="outbound")
        ticket = self._tickets.issue(Ticket(facts, placed=placed), time.monotonic())
        return f"{self._public.replace('https://', 'wss://', 1)}/lines/{line}/media/{ticket}"
