"""Genesys Cloud's Audio Connector: it opens a signed WebSocket, and reads at its end what becomes of the caller."""

import time
from typing import Literal
from urllib.parse import urlsplit

import structlog
from aiohttp import web

from lineside.errors import ConfigError
from lineside.gateway.base_path import path_below
from lineside.gateway.carriers.audiohook import ORGANIZATION, AudioHookSignatures
from lineside.gateway.line_requests import forbidden
from lineside.gateway.stream_sockets import StreamSockets
from lineside.gateway.tickets import Ticket
from lineside.protocol import EndReason
from lineside.settings import Settings
from lineside.transports.call_facts import CallFacts
from lineside.transports.line_control import Ability, LineControl, OnlyHangsUp, TransferOutcome, TransferTarget
from lineside.transports.media_streams.dialect import StreamStarted
from lineside.transports.media_streams.genesys import GenesysDialect

log = structlog.get_logger()

PATH = "/lines/genesys"


class GenesysLine:
    """The route /lines/genesys."""

    def __init__(self, settings: Settings, sockets: StreamSockets) -> None:
        """Raises `ConfigError`."""
        if not settings.public_url.startswith("https://"):
            raise ConfigError(
                f"PUBLIC_URL={settings.public_url}: Genesys signs the address that it calls; set it to that, "
                "e.g. https://voice.example.com"
            )
        self._public, self._base_path, self._sockets = urlsplit(settings.public_url), settings.base_path, sockets
        self._signatures = AudioHookSignatures(settings.genesys_api_key, settings.genesys_client_secret)

    def add_routes(self, app: web.Application) -> None:
        """The one."""
        app.router.add_get(PATH, self._socket)

    def opens_by_itself(self, path: str) -> bool:
        """A signature lets it in."""
        return path == PATH

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        """Refused before the socket opens; their flow takes its error path then, and the caller with it."""
        target = self._public.path + path_below(request.path_qs, self._base_path)
        genuine = self._signatures.is_genuine(request.headers, self._public.netloc, target, time.time())
        if not genuine or "Origin" in request.headers:
            log.warning("a connection without a right signature was refused", line="genesys")
            return forbidden()
        dialect = GenesysDialect()

        def control(begun: StreamStarted, facts: CallFacts) -> LineControl | None:
            return FlowControl(dialect)

        organization = request.headers.get(ORGANIZATION, "")
        ticket = Ticket(CallFacts(line="genesys"))
        return await self._sockets.hold(request, dialect, ticket, control, account=organization)


class FlowControl(OnlyHangsUp):
    """The call goes back to the Architect flow, which reads `lineside_next` and `lineside_target` and acts on them."""

    abilities: frozenset[Ability] = frozenset({"transfer_cold"})

    def __init__(self, dialect: GenesysDialect) -> None:
        self._variables = dialect.variables

    async def transfer(self, target: TransferTarget, how: Literal["cold", "warm"] = "cold") -> TransferOutcome:
        """See `LineControl`: the flow makes the move when the session ends."""
        self._variables |= {"lineside_next": "transfer", "lineside_target": target.to}
        return TransferOutcome("transferred")

    async def hang_up(self, reason: EndReason) -> None:
        """See `LineControl`."""
        self._variables.setdefault("lineside_next", "hangup")
        self._variables["lineside_reason"] = reason
