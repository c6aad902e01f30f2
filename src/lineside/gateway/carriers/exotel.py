"""Exotel: the Voicebot applet asks an address of ours, with a password, for the WebSocket to connect to."""

import json

import aiohttp

from lineside.gateway.carriers.account import Webhook, WebhookAnswer, basic, same
from lineside.settings import Settings
from lineside.transports.call_facts import CallFacts
from lineside.transports.line_control import LineControl
from lineside.transports.media_streams.dialect import StreamDialect
from lineside.transports.media_streams.exotel import ExotelDialect


class ExotelAccount:
    """The applet of a flow. After the call the flow's next applet runs: that is the transfer, and the fallback."""

    line = "exotel"

    def __init__(self, settings: Settings, http: aiohttp.ClientSession) -> None:
        self._wanted = basic("lineside", settings.exotel_password)["Authorization"]

    def is_genuine(self, asked: Webhook) -> bool:
        """See `CarrierAccount`: they sign nothing, so the address in the flow carries a password."""
        return same(asked.headers.get("Authorization", ""), self._wanted)

    def facts(self, asked: Webhook) -> CallFacts:
        """See `CarrierAccount`."""
        given = asked.given
        return CallFacts(
            line=self.line,
            caller=given.get("From", "") or given.get("CallFrom", ""),
            called=given.get("To", "") or given.get("CallTo", ""),
            carrier_call_id=given.get("CallSid", ""),
            headers=given,
        )

    def connect(self, socket_url: str, asked: Webhook) -> WebhookAnswer:
        """See `CarrierAccount`."""
        return WebhookAnswer("application/json", json.dumps({"url": socket_url}))

    def refuse(self, asked: Webhook) -> WebhookAnswer:
        """See `CarrierAccount`: without an address the next applet runs."""
        return WebhookAnswer("application/json", "{}")

    def hang_up(self) -> WebhookAnswer:
        """See `CarrierAccount`."""
        return WebhookAnswer("application/json", "{}")

    def dialect(self) -> StreamDialect:
        """See `CarrierAccount`."""
        return ExotelDialect()

    def control(self, call: str, facts: CallFacts) -> LineControl | None:
        """See `CarrierAccount`: closing the socket is all that is needed."""
        return None
