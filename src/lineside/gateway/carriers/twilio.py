"""Twilio: TwiML, X-Twilio-Signature, REST of 2010-04-01. SignalWire's compatibility API is the same at another host."""

from typing import Literal

import aiohttp
import structlog

from lineside.gateway.carriers import twiml
from lineside.gateway.carriers.account import (
    CarrierUnreachable,
    Webhook,
    WebhookAnswer,
    ask,
    basic,
    same,
    twilio_signature,
)
from lineside.gateway.carriers.placing import CallAddresses, CallProgress, CarrierRefused
from lineside.gateway.carriers.progress import placed_call_id, progress_of, refused_outcome
from lineside.protocol import EndReason
from lineside.settings import Settings
from lineside.transports.call_facts import CallFacts
from lineside.transports.dialer import CannotDial, DialOrder
from lineside.transports.line_control import Ability, LineControl, OnlyHangsUp, TransferOutcome, TransferTarget
from lineside.transports.media_streams.dialect import StreamDialect
from lineside.transports.media_streams.signalwire import SignalWireDialect
from lineside.transports.media_streams.twilio import TwilioDialect

log = structlog.get_logger()


class TwilioAccount:
    """The account of the settings."""

    line = "twilio"
    base = "https://api.twilio.com/2010-04-01/Accounts"

    def __init__(self, settings: Settings, http: aiohttp.ClientSession) -> None:
        self._http, self._fallback, self._public = http, settings.fallback_number, settings.public_url
        self._account, self._token = settings.twilio_account_sid, settings.twilio_auth_token
        self._signing = settings.twilio_auth_token
        self._extra = ""

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
        """See `PlacesCalls` (twilio.com/docs/voice/api/call-resource)."""
        if not order.caller_id:
            raise CannotDial("calling out needs OUTBOUND_CALLER_ID, a number of the account's")
        form = {
            "To": order.to,
            "From": order.caller_id,
            "Url": addresses.answer,
            "Timeout": f"{order.ring_seconds:.0f}",
            "StatusCallback": addresses.progress,
            "StatusCallbackEvent": "ringing",
        }
        url, headers = f"{self.base}/{self._account}/Calls.json", basic(self._account, self._token)
        answer = await ask(self._http, "POST", url, headers=headers, form=form)
        found = placed_call_id(answer, "sid")
        if not found.replace("-", "").isalnum():
            raise CarrierRefused(refused_outcome(answer))
        return found

    def progress(self, asked: Webhook) -> CallProgress:
        """See `PlacesCalls`."""
        return progress_of(asked.given.get("CallStatus", ""))

    async def open_stream(self, carrier_call_id: str, socket_url: str) -> None:
        """See `PlacesCalls`: the answer to the webhook does it."""

    async def give_up(self, carrier_call_id: str) -> None:
        """See `PlacesCalls`. `completed` ends a call in whatever state; `canceled` one that rings only."""
        url = f"{self.base}/{self._account}/Calls/{carrier_call_id}.json"
        await ask(self._http, "POST", url, headers=basic(self._account, self._token), form={"Status": "completed"})

    def control(self, call: str, facts: CallFacts) -> LineControl | None:
        """See `CarrierAccount`."""
        if not ((self._account and self._token and call.isalnum()) or call.replace("-", "").isalnum()):
            return None
        url = f"{self.base}/{self._account}/Calls/{call}.json"
        headers = basic(self._account, self._token)
        action = f"{self._public}/lines/{self.line}/dialled" if self._public else ""
        return TwilioControl(self._http, url, headers, action)


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


class TwilioControl(OnlyHangsUp):
    """One call: ended and moved by changing it."""

    abilities: frozenset[Ability] = frozenset({"transfer_cold"})

    def __init__(self, http: aiohttp.ClientSession, url: str, headers: dict[str, str], action: str) -> None:
        self._http, self._url, self._headers, self._action = http, url, headers, action

    async def hang_up(self, reason: EndReason) -> None:
        """See `LineControl`. A call that is over already is no failure (error 20404, 21220)."""
        if reason in ("transferred", "caller_hung_up"):
            return
        try:
            answer = await ask(self._http, "POST", self._url, headers=self._headers, form={"Status": "completed"})
        except CarrierUnreachable as why:
            log.warning("a carrier was not told to hang up", why=str(why))
            return
        if answer.status >= 400 and answer.status != 404:
            log.warning("a carrier refused to hang up", status=answer.status)

    async def transfer(self, target: TransferTarget, how: Literal["cold", "warm"] = "cold") -> TransferOutcome:
        """See `LineControl`. Where the colleague does not answer, `action` brings the caller back."""
        form = {"Twiml": twiml.dial(target, self._action)}
        try:
            answer = await ask(self._http, "POST", self._url, headers=self._headers, form=form)
        except CarrierUnreachable as why:
            return TransferOutcome("failed", str(why))
        if answer.status == 400:
            return TransferOutcome("invalid", "the carrier refuses the number")
        return TransferOutcome("transferred" if answer.status < 300 else "failed", f"HTTP {answer.status}")
