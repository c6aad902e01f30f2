"""Telnyx: TeXML, webhooks signed with Ed25519, Call Control v2."""

import base64
import binascii
import json
from typing import Literal
from urllib.parse import quote
from uuid import uuid4

import aiohttp
import structlog

from lineside.errors import ConfigError
from lineside.gateway.carriers import twiml
from lineside.gateway.carriers.account import CarrierUnreachable, RestAnswer, Webhook, WebhookAnswer, ask
from lineside.gateway.carriers.colleague_calls import ColleagueCalls, WarmTwimlControl
from lineside.gateway.carriers.placing import CallAddresses, CallProgress, CarrierRefused
from lineside.gateway.carriers.progress import placed_call_id, progress_of, refused_outcome
from lineside.gateway.carriers.twiml_calls import TwimlCalls
from lineside.protocol import EndReason
from lineside.settings import Settings
from lineside.transports.call_facts import CallFacts
from lineside.transports.dialer import CannotDial, DialOrder
from lineside.transports.line_control import Ability, LineControl, OnlyHangsUp, TransferOutcome, TransferTarget
from lineside.transports.media_streams.dialect import StreamDialect
from lineside.transports.media_streams.telnyx import TelnyxDialect

log = structlog.get_logger()

FRESH = 300.0  # seconds that a signed webhook may be old
CALLS = "https://api.telnyx.com/v2/calls"
TEXML = "https://api.telnyx.com/v2/texml/Accounts"
OVER = "90018"  # their code: the call has ended already


class TelnyxAccount:
    """The account of the settings."""

    line = "telnyx"

    def __init__(self, settings: Settings, http: aiohttp.ClientSession) -> None:
        """Raises `ConfigError` for a key that is none, or without the package that checks signatures."""
        try:
            from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

            self._key = Ed25519PublicKey.from_public_bytes(base64.b64decode(settings.telnyx_public_key, validate=True))
        except ImportError:
            raise ConfigError("Telnyx needs a package more: pip install 'lineside[carriers]'") from None
        except (ValueError, binascii.Error):
            raise ConfigError("TELNYX_PUBLIC_KEY is not an Ed25519 key in base64; copy it from the portal") from None
        self._http, self._api_key, self._fallback = http, settings.telnyx_api_key, settings.fallback_number
        self._connection, self._public = settings.telnyx_connection_id, settings.public_url
        self._caller_id = settings.outbound_caller_id
        self._account = self._application = ""  # of TeXML: every webhook of an incoming call says which
        self.colleagues = ColleagueCalls(self.line, settings.public_url)

    def is_genuine(self, asked: Webhook) -> bool:
        """See `CarrierAccount`."""
        from cryptography.exceptions import InvalidSignature

        at = asked.headers.get("telnyx-timestamp", "")
        if not (at.isascii() and at.isdigit() and len(at) < 12 and abs(asked.now - int(at)) <= FRESH):
            return False
        try:
            signature = base64.b64decode(asked.headers.get("telnyx-signature-ed25519", ""), validate=True)
            self._key.verify(signature, at.encode() + b"|" + asked.body)
        except (InvalidSignature, ValueError):
            return False
        return True

    def facts(self, asked: Webhook) -> CallFacts:
        """See `CarrierAccount`."""
        given = asked.given
        self._account = given.get("AccountSid", "") or self._account
        self._application = given.get("ConnectionId", "") or self._application
        return CallFacts(
            line=self.line,
            direction="outbound" if given.get("Direction", "").startswith("outbound") else "inbound",
            caller=given.get("From", ""),
            called=given.get("To", ""),
            diverted_from=given.get("ForwardedFrom", ""),
            carrier_call_id=given.get("CallSid", "") or given.get("CallControlId", ""),
            headers=given,
        )

    def connect(self, socket_url: str, asked: Webhook) -> WebhookAnswer:
        """See `CarrierAccount`. Without `rtp` nothing of ours would be played."""
        extra = ' track="inbound_track" bidirectionalMode="rtp" bidirectionalCodec="PCMU"'
        return twiml.connect(socket_url, self._fallback, extra)

    def refuse(self, asked: Webhook) -> WebhookAnswer:
        """See `CarrierAccount`."""
        return twiml.refuse(self._fallback)

    def hang_up(self) -> WebhookAnswer:
        """See `CarrierAccount`."""
        return twiml.hang_up()

    def dialect(self) -> StreamDialect:
        """See `CarrierAccount`."""
        return TelnyxDialect()

    # ── calls of ours, by Call Control: see `placing.PlacesCalls` ──────────────────────────────────────────────────

    def why_not(self) -> str:
        """See `PlacesCalls`."""
        there = self._api_key and self._connection
        return "" if there else "calling out needs TELNYX_API_KEY and TELNYX_CONNECTION_ID"

    async def place(self, order: DialOrder, addresses: CallAddresses) -> str:
        """See `PlacesCalls` (developers.telnyx.com/api-reference/call-commands/dial)."""
        if not order.caller_id:
            raise CannotDial("calling out needs OUTBOUND_CALLER_ID, a number of the account's")
        wanted = {
            "connection_id": self._connection,
            "to": order.to,
            "from": order.caller_id,
            "timeout_secs": round(order.ring_seconds),
            "webhook_url": addresses.progress,
            "command_id": str(uuid4()),
        }
        headers = {"Authorization": f"Bearer {self._api_key}"}
        answer = await ask(self._http, "POST", CALLS, headers=headers, json=wanted)
        if not (found := placed_call_id(answer, "call_control_id")):
            raise CarrierRefused(refused_outcome(answer))
        return found

    def progress(self, asked: Webhook) -> CallProgress:
        """See `PlacesCalls`. Call Control tells no ringing but that the call has begun; TeXML does."""
        if status := asked.given.get("CallStatus", ""):
            return progress_of(status)
        try:
            data = json.loads(asked.body)["data"]
            kind, payload = str(data["event_type"]), data["payload"]
            cause, of_sip = str(payload.get("hangup_cause", "")), str(payload.get("sip_hangup_cause", ""))
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return CallProgress()
        if kind == "call.answered":
            return CallProgress("answered", stream_wanted=True)
        if kind == "call.hangup":
            return progress_of(cause, of_sip)
        return CallProgress("ringing" if kind == "call.initiated" else "")

    async def open_stream(self, carrier_call_id: str, socket_url: str) -> None:
        """See `PlacesCalls`. Without `rtp` nothing of ours would be played."""
        order: dict[str, object] = {
            "stream_url": socket_url,
            "stream_track": "inbound_track",
            "stream_bidirectional_mode": "rtp",
            "stream_bidirectional_codec": "PCMU",
        }
        await TelnyxControl(self._http, _call_url(carrier_call_id), self._api_key).command("streaming_start", order)

    async def give_up(self, carrier_call_id: str) -> None:
        """See `PlacesCalls`."""
        await TelnyxControl(self._http, _call_url(carrier_call_id), self._api_key).command("hangup", {})

    def control(self, call: str, facts: CallFacts) -> LineControl | None:
        """See `CarrierAccount`.

        A call that came in is TeXML's for as long as it lasts: a command of Call Control would move it, and as soon as
        our stream ends its document would go on, and hang up. So it is moved by another document.
        """
        if not self._api_key or not call:
            return None
        url = _call_url(call)
        if facts.direction == "outbound" or not self._account:
            return TelnyxControl(self._http, url, self._api_key)
        calls = TwimlCalls(
            self._http,
            f"{TEXML}/{quote(self._account, safe='')}/Calls",
            {"Authorization": f"Bearer {self._api_key}"},
            document="Texml",
            suffix="",
            application=self._application,
        )
        keys = TelnyxControl(self._http, url, self._api_key)
        action = f"{self._public}/lines/{self.line}/dialled" if self._public else ""
        return TexmlControl(calls, call, action, self.colleagues, facts.called or self._caller_id, keys)


class TexmlControl(WarmTwimlControl):
    """One call that came in: moved by documents, warm only where it is known which application calls colleagues."""

    def __init__(
        self,
        calls: TwimlCalls,
        call: str,
        action_url: str,
        colleagues: ColleagueCalls,
        caller_id: str,
        keys: "TelnyxControl",
    ) -> None:
        """`keys` presses them."""
        super().__init__(calls, call, action_url, colleagues, caller_id)
        can: set[Ability] = {"transfer_cold", "send_digits"}
        self.abilities = frozenset(can | {"transfer_warm"} if calls.can_place else can)
        self._keys = keys

    async def send_digits(self, digits: str) -> None:
        """See `LineControl`."""
        await self._keys.send_digits(digits)


class TelnyxControl(OnlyHangsUp):
    """One call, steered by commands. Each has an id, so that one sent twice is done once."""

    abilities: frozenset[Ability] = frozenset({"transfer_cold", "send_digits"})

    def __init__(self, http: aiohttp.ClientSession, url: str, key: str) -> None:
        self._http, self._url, self._key = http, url, key

    async def hang_up(self, reason: EndReason) -> None:
        """See `LineControl`."""
        if reason in ("transferred", "caller_hung_up"):
            return
        try:
            answer = await self.command("hangup", {})
        except CarrierUnreachable as why:
            log.warning("a carrier was not told to hang up", why=str(why))
            return
        if answer.status >= 400 and OVER not in answer.text:
            log.warning("a carrier refused to hang up", status=answer.status)

    async def transfer(self, target: TransferTarget, how: Literal["cold", "warm"] = "cold") -> TransferOutcome:
        """See `LineControl`."""
        order: dict[str, object] = {"to": target.to, "timeout_secs": round(target.ring_seconds)}
        if target.caller_id:
            order["from"] = target.caller_id
        if target.headers:
            order["custom_headers"] = [{"name": name, "value": value} for name, value in target.headers.items()]
        try:
            answer = await self.command("transfer", order)
        except CarrierUnreachable as why:
            return TransferOutcome("failed", str(why))
        if answer.status == 422:
            return TransferOutcome("invalid", _title(answer))
        return TransferOutcome("transferred" if answer.status < 300 else "failed", f"HTTP {answer.status}")

    async def send_digits(self, digits: str) -> None:
        """See `LineControl`."""
        await self.command("send_dtmf", {"digits": digits})

    async def command(self, name: str, order: dict[str, object]) -> RestAnswer:
        """Steer the call. Raises `CarrierUnreachable`."""
        headers = {"Authorization": f"Bearer {self._key}"}
        order["command_id"] = str(uuid4())
        return await ask(self._http, "POST", f"{self._url}/actions/{name}", headers=headers, json=order)


def _call_url(call: str) -> str:
    return f"{CALLS}/{quote(call, safe='')}"


def _title(answer: RestAnswer) -> str:
    try:
        return str(json.loads(answer.text)["errors"][0]["title"])[:200]
    except (ValueError, LookupError, TypeError):
        return f"HTTP {answer.status}"
