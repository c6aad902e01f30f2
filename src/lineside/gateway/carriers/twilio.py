"""Twilio: TwiML, X-Twilio-Signature, REST of 2010-04-01. SignalWire's compatibility API is the same at another host."""

import aiohttp

from lineside.gateway.carriers import twiml
from lineside.gateway.carriers.account import Webhook, WebhookAnswer, basic, same, twilio_signature
from lineside.gateway.carriers.colleague_calls import ColleagueCalls, WarmTwimlControl
from lineside.gateway.carriers.placing import CallAddresses, CallProgress
from lineside.gateway.carriers.progress import progress_of
from lineside.gateway.carriers.twiml_calls import RedirectedControl, TwimlCalls
from lineside.settings import Settings
from lineside.transports.call_facts import CallFacts
from lineside.transports.dialer import DialOrder
from lineside.transports.line_control import LineControl, TransferTarget
from lineside.transports.media_streams.dialect import StreamDialect
from lineside.transports.media_streams.signalwire import SignalWireDialect
from lineside.transports.media_streams.twilio import TwilioDialect


class TwilioAccount:
    """The account of the settings."""

    line = "twilio"
    base = "https://api.twilio.com/2010-04-01/Accounts"

    def __init__(self, settings: Settings, http: aiohttp.ClientSession) -> None:
        self._http, self._fallback, self._public = http, settings.fallback_number, settings.public_url
        self._account, self._token = settings.twilio_account_sid, settings.twilio_auth_token
        self._signing = settings.twilio_auth_token
        self._extra = ""
        self._caller_id = settings.outbound_caller_id
        self.colleagues = ColleagueCalls(self.line, settings.public_url)

    def is_genuine(self, asked: Webhook) -> bool:
        """See `CarrierAccount`."""
        given = asked.headers.get("X-Twilio-Signature") or asked.headers.get("X-SignalWire-Signature", "")
        return same(given, twilio_signature(self._signing, asked.url, asked.form)) and self._is_ours(asked)

    def _is_ours(self, asked: Webhook) -> bool:
        return not self._account or asked.form.get("AccountSid", self._account) == self._account

    def facts(self, asked: Webhook) -> CallFacts:
        """See `CarrierAccount`."""
        given = asked.given
        return CallFacts(
            line=self.line,
            direction="outbound" if given.get("Direction", "").startswith("outbound") else "inbound",
            caller=given.get("From", ""),
            called=given.get("To", ""),
            diverted_from=given.get("ForwardedFrom", ""),
            carrier_call_id=given.get("CallSid", ""),
            headers={name.removeprefix("SipHeader_"): value for name, value in given.items()},
        )

    def connect(self, socket_url: str, asked: Webhook) -> WebhookAnswer:
        """See `CarrierAccount`."""
        return twiml.connect(socket_url, self._fallback, self._extra)

    def refuse(self, asked: Webhook) -> WebhookAnswer:
        """See `CarrierAccount`."""
        return twiml.refuse(self._fallback)

    def hang_up(self) -> WebhookAnswer:
        """See `CarrierAccount`."""
        return twiml.hang_up()

    def dialect(self) -> StreamDialect:
        """See `CarrierAccount`."""
        return TwilioDialect()

    # ── calls of ours: see `placing.PlacesCalls` ───────────────────────────────────────────────────────────────────

    def why_not(self) -> str:
        """See `PlacesCalls`."""
        named = "SIGNALWIRE_PROJECT and SIGNALWIRE_TOKEN" if self.line == "signalwire" else "TWILIO_ACCOUNT_SID"
        return "" if self._account and self._token else f"calling out needs {named}"

    async def place(self, order: DialOrder, addresses: CallAddresses) -> str:
        """See `PlacesCalls`."""
        return await self._calls().place(order, addresses)

    def progress(self, asked: Webhook) -> CallProgress:
        """See `PlacesCalls`."""
        return progress_of(asked.given.get("CallStatus", ""))

    async def open_stream(self, carrier_call_id: str, socket_url: str) -> None:
        """See `PlacesCalls`: the answer to the webhook does it."""

    async def give_up(self, carrier_call_id: str) -> None:
        """See `PlacesCalls`."""
        await self._calls().end(carrier_call_id)

    def moved(self, to: str) -> WebhookAnswer:
        """See `AsksWhereTo`."""
        return twiml.as_answer(twiml.dial(TransferTarget(to), f"{self._public}/lines/{self.line}/dialled"))

    def control(self, call: str, facts: CallFacts) -> LineControl | None:
        """See `CarrierAccount`. A colleague of a warm transfer sees the number of ours that is in the call."""
        if not (self._account and self._token and call.isalnum()):
            return None
        action = f"{self._public}/lines/{self.line}/dialled" if self._public else ""
        ours = (facts.called if facts.direction == "inbound" else facts.caller) or self._caller_id
        return WarmTwimlControl(self._calls(), call, action, self.colleagues, ours)

    def _calls(self) -> TwimlCalls:
        return TwimlCalls(self._http, f"{self.base}/{self._account}/Calls", basic(self._account, self._token))


class SignalWireAccount(TwilioAccount):
    """The space of the settings."""

    line = "signalwire"

    def __init__(self, settings: Settings, http: aiohttp.ClientSession) -> None:
        super().__init__(settings, http)
        self.base = f"https://{settings.signalwire_space}/api/laml/2010-04-01/Accounts"
        self._account, self._token = settings.signalwire_project, settings.signalwire_token
        self._signing = settings.signalwire_signing_key
        self._extra = ' codec="L16@16000h"'

    def dialect(self) -> StreamDialect:
        """See `CarrierAccount`."""
        return SignalWireDialect()

    def control(self, call: str, facts: CallFacts) -> LineControl | None:
        """See `CarrierAccount`."""
        if not (self._account and self._token and call.replace("-", "").isalnum()):
            return None
        return RedirectedControl(self._calls(), call, f"{self._public}/lines/{self.line}/moved")
