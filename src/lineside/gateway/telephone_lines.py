"""The doors for telephone lines that come over HTTP: carriers' webhooks and media sockets, Asterisk's questions.

The calls are held in the gateway's own process, whatever WORKERS is: tickets, webhooks and control are here.
"""

import time

import aiohttp
import structlog
from aiohttp import web
from msgspec.structs import replace

from lineside.errors import CallRefused, ConfigError
from lineside.gateway.asterisk.ari_line import AriLine
from lineside.gateway.base_path import path_below
from lineside.gateway.carriers.account import AsksNext, AsksWhereTo, CarrierAccount, Webhook, WebhookAnswer
from lineside.gateway.carriers.accounts import carriers_of
from lineside.gateway.colleague_webhooks import ColleagueWebhooks
from lineside.gateway.dialplan_control import DialplanControl
from lineside.gateway.dialplan_lines import DialplanLines
from lineside.gateway.genesys_line import GenesysLine
from lineside.gateway.line_host import LineHost
from lineside.gateway.line_requests import LARGEST_BODY, forbidden, form_of
from lineside.gateway.outbound.outbound_calls import OutboundCallCenter
from lineside.gateway.placed_calls import PlacedCalls
from lineside.gateway.stream_sockets import StreamSockets
from lineside.gateway.telephone_programs import TelephonePrograms
from lineside.gateway.tickets import Ticket, TicketStore
from lineside.http_bodies import body_up_to
from lineside.settings import Settings
from lineside.transports.allowed_transfers import why_not_transferred
from lineside.transports.call_facts import CallFacts
from lineside.transports.line_control import LineControl
from lineside.transports.media_streams.dialect import StreamStarted

log = structlog.get_logger()


class TelephoneLines:
    """Routes under /lines, and the tickets that they share with the AudioSocket port."""

    def __init__(
        self, settings: Settings, host: LineHost, http: aiohttp.ClientSession, outbound: OutboundCallCenter
    ) -> None:
        """`outbound` is given the carriers that can call somebody. Raises `ConfigError`."""
        self._settings, self._host, self.outbound = settings, host, outbound
        self._carriers = carriers_of(settings, http)
        self.tickets = TicketStore()
        self.programs = TelephonePrograms(settings, host)
        self._placed = PlacedCalls(settings.public_url, self._carriers, self.tickets, self._genuine)
        self._colleagues = ColleagueWebhooks(self._carriers, self._genuine)
        self._sockets = StreamSockets(settings, host, self._placed.holder)
        self.ari = AriLine(settings, host, http) if settings.ari_password else None
        for dialer in self._placed.dialers.values():
            outbound.add_line(dialer)
        if self.ari is not None:
            outbound.add_line(self.ari)
        dialplans = DialplanLines(settings, host, self._sockets, self.tickets, self.ari)
        self._others: list[DialplanLines | GenesysLine] = [dialplans]
        if settings.genesys_client_secret:
            self._others.append(GenesysLine(settings, self._sockets))

    def add_routes(self, app: web.Application) -> None:
        """Those of the lines that are on, and of programs that take calls."""
        self.programs.add_routes(app)
        for other in self._others:
            other.add_routes(app)
        if self._carriers:
            for path, answer in (
                ("answer", self._answer),
                ("dialled", self._dialled),
                ("moved", self._moved),
                ("ended", self._ended),
                ("fallback", self._fallback),
            ):
                app.router.add_route("*", f"/lines/{{carrier:[a-z]+}}/{path}", answer)
            self._placed.add_routes(app)
            self._colleagues.add_routes(app)
            app.router.add_get("/lines/{carrier:[a-z]+}/media/{ticket}", self._media)

    def opens_by_itself(self, path: str) -> bool:
        """Whether a request is let in by a signature or a ticket, and needs no key."""
        if any(other.opens_by_itself(path) for other in self._others):
            return True
        return any(path.startswith(f"/lines/{line}/") for line in self._carriers)

    def issue_test_ticket(self, line: str) -> str:
        """A ticket for a call that reaches nothing outside. Raises `CallRefused`; `ConfigError`: the line is off."""
        settings = self._settings
        on = {
            "sip": settings.sip,
            "audiosocket": settings.audiosocket_port > 0,
            "asterisk": settings.asterisk,
        }
        if not on.get(line, line in self._carriers):
            raise ConfigError(f"the line {line} is off; its setting is in docs/how-to/telephone.md")
        facts = CallFacts(line=line, caller="test", test=True)
        return self.tickets.issue(Ticket(facts), time.monotonic())

    # ── carriers ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def _answer(self, request: web.Request) -> web.Response:
        account, asked = await self._genuine(request)
        if account is None:
            return forbidden()
        if not self._host.has_room:
            return _said(account.refuse(asked))
        return self._connect(account, asked)

    def _connect(self, account: CarrierAccount, asked: Webhook, *, returned: bool = False) -> web.Response:
        facts = replace(self._sockets.cleaned(account.facts(asked)), returned=returned)
        try:
            ticket = self.tickets.issue(Ticket(facts), time.monotonic())
        except CallRefused:
            return _said(account.refuse(asked))
        socket = self._settings.public_url.replace("https://", "wss://", 1)
        return _said(account.connect(f"{socket}/lines/{account.line}/media/{ticket}", asked))

    async def _fallback(self, request: web.Request) -> web.Response:
        account, asked = await self._genuine(request)
        return forbidden() if account is None else _said(account.refuse(asked))

    async def _dialled(self, request: web.Request) -> web.Response:
        """What became of a transfer by `<Dial>`: where nobody took it, the caller is back with us."""
        account, asked = await self._genuine(request)
        if account is None:
            return forbidden()
        status = asked.given.get("DialCallStatus") or asked.given.get("dial_call_status", "")
        if status in ("completed", "answered"):
            return _said(account.hang_up())
        return self._connect(account, asked, returned=True)

    async def _moved(self, request: web.Request) -> web.Response:
        """A carrier asks what the caller's leg does now."""
        account, asked = await self._genuine(request)
        to, settings = asked.query.get("to", ""), self._settings
        allowed = (settings.transfer_to, *settings.transfer_allowed)
        if not isinstance(account, AsksWhereTo) or why_not_transferred(to, allowed):
            return forbidden()
        return _said(account.moved(to))

    async def _ended(self, request: web.Request) -> web.Response:
        """A carrier whose stream has ended asks what comes next for the caller."""
        account, asked = await self._genuine(request)
        if not isinstance(account, AsksNext):
            return forbidden()
        return _said(account.after(self.tickets.take_next(asked.query.get("t", ""), time.monotonic()), asked))

    async def _genuine(self, request: web.Request) -> tuple[CarrierAccount | None, Webhook]:
        """The carrier that asks, if its signature says so."""
        account = self._carriers.get(request.match_info["carrier"])
        body = b"" if account is None else await body_up_to(request.content, LARGEST_BODY + 1)
        asked = Webhook(
            method=request.method,
            url=self._settings.public_url + path_below(request.path_qs, self._settings.base_path),
            query=dict(request.query),
            form=form_of(request.content_type, body),
            headers=request.headers,
            body=body,
            now=time.time(),
        )
        if account is None or len(body) > LARGEST_BODY or not account.is_genuine(asked):
            log.warning("a webhook without a right signature was refused", line=request.match_info["carrier"])
            return None, asked
        return account, asked

    async def _media(self, request: web.Request) -> web.StreamResponse:
        account = self._carriers.get(request.match_info["carrier"])
        if account is None:
            return forbidden()
        name = request.match_info["ticket"]
        ticket = self.tickets.redeem(name, account.line, time.monotonic())
        if ticket is None or "Origin" in request.headers:
            return forbidden()

        def control(begun: StreamStarted, facts: CallFacts) -> LineControl | None:
            if isinstance(account, AsksNext):
                return DialplanControl(self.tickets, name)
            return account.control(facts.carrier_call_id or begun.call, facts)

        return await self._sockets.hold(request, account.dialect(), ticket, control)


def _said(answer: WebhookAnswer) -> web.Response:
    return web.Response(text=answer.body, content_type=answer.content_type)
