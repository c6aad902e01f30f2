"""Plivo: XML, X-Plivo-Signature-V3, REST of v1."""

from typing import Literal
from urllib.parse import parse_qsl, quote, urlsplit

import aiohttp
import structlog

from lineside.gateway.carriers.account import (
    BUSY,
    XML,
    CarrierUnreachable,
    Webhook,
    WebhookAnswer,
    ask,
    basic,
    hmac_base64,
    same,
    xml_text,
)
from lineside.gateway.carriers.placing import CallAddresses, CallProgress, CarrierRefused
from lineside.gateway.carriers.progress import placed_call_id, progress_of, refused_outcome
from lineside.protocol import EndReason
from lineside.settings import Settings
from lineside.transports.call_facts import CallFacts
from lineside.transports.dialer import CannotDial, DialOrder
from lineside.transports.line_control import Ability, LineControl, OnlyHangsUp, TransferOutcome, TransferTarget
from lineside.transports.media_streams.dialect import StreamDialect
from lineside.transports.media_streams.plivo import PlivoDialect

log = structlog.get_logger()


class PlivoAccount:
    """The account of the settings."""

    line = "plivo"

    def __init__(self, settings: Settings, http: aiohttp.ClientSession) -> None:
        self._http, self._fallback, self._public = http, settings.fallback_number, settings.public_url
        self._id, self._token = settings.plivo_auth_id, settings.plivo_auth_token

    def is_genuine(self, asked: Webhook) -> bool:
        """See `CarrierAccount`. While a token is changed they send two signatures."""
        nonce = asked.headers.get("X-Plivo-Signature-V3-Nonce", "")
        form = asked.form if asked.method == "POST" else {}
        wanted = plivo_signature(self._token, asked.url, form, nonce)
        given = asked.headers.get("X-Plivo-Signature-V3", "").split(",")
        return bool(nonce) and any(same(one.strip(), wanted) for one in given)

    def facts(self, asked: Webhook) -> CallFacts:
        """See `CarrierAccount`."""
        given = asked.given
        return CallFacts(
            line=self.line,
            direction="outbound" if given.get("Direction") == "outbound" else "inbound",
            caller=given.get("From", ""),
            called=given.get("To", ""),
            diverted_from=given.get("ForwardedFrom", ""),
            carrier_call_id=given.get("CallUUID", ""),
            headers=given,
        )

    def connect(self, socket_url: str, asked: Webhook) -> WebhookAnswer:
        """See `CarrierAccount`. `keepCallAlive`: other elements wait for the stream's end, and run after it."""
        kind = 'bidirectional="true" keepCallAlive="true" audioTrack="inbound" contentType="audio/x-mulaw;rate=8000"'
        return _xml(f"<Stream {kind}>{xml_text(socket_url)}</Stream>{self._fallback_xml()}")

    def refuse(self, asked: Webhook) -> WebhookAnswer:
        """See `CarrierAccount`."""
        return _xml(self._fallback_xml())

    def _fallback_xml(self) -> str:
        if self._fallback:
            return f"<Dial>{_whom(self._fallback)}</Dial>"
        return f"<Speak>{xml_text(BUSY)}</Speak><Hangup/>"

    def hang_up(self) -> WebhookAnswer:
        """See `CarrierAccount`."""
        return _xml("<Hangup/>")

    def dialect(self) -> StreamDialect:
        """See `CarrierAccount`."""
        return PlivoDialect()

    # ── calls of ours: see `placing.PlacesCalls` ───────────────────────────────────────────────────────────────────

    def why_not(self) -> str:
        """See `PlacesCalls`."""
        return "" if self._id and self._token else "calling out needs PLIVO_AUTH_ID"

    async def place(self, order: DialOrder, addresses: CallAddresses) -> str:
        """See `PlacesCalls` (plivo.com/docs/voice/api/call/make-a-call): the id of the request is the call's."""
        if not order.caller_id:
            raise CannotDial("calling out needs OUTBOUND_CALLER_ID, a number of the account's")
        wanted = {
            "from": order.caller_id.lstrip("+"),
            "to": order.to.lstrip("+"),
            "answer_url": addresses.answer,
            "ring_url": addresses.progress,
            "hangup_url": addresses.progress,
            "ring_timeout": round(order.ring_seconds),
        }
        url = f"https://api.plivo.com/v1/Account/{self._id}/Call/"
        answer = await ask(self._http, "POST", url, headers=basic(self._id, self._token), json=wanted)
        found = placed_call_id(answer, "request_uuid")
        if not found.replace("-", "").isalnum():
            raise CarrierRefused(refused_outcome(answer))
        return found

    def progress(self, asked: Webhook) -> CallProgress:
        """See `PlacesCalls`."""
        return progress_of(asked.given.get("CallStatus", ""), asked.given.get("HangupCauseName", ""))

    async def open_stream(self, carrier_call_id: str, socket_url: str) -> None:
        """See `PlacesCalls`: the answer to the webhook does it."""

    async def give_up(self, carrier_call_id: str) -> None:
        """See `PlacesCalls`: what rings is a request; `Call/` knows calls that were answered."""
        url = f"https://api.plivo.com/v1/Account/{self._id}/Request/{carrier_call_id}/"
        await ask(self._http, "DELETE", url, headers=basic(self._id, self._token))

    def moved(self, to: str) -> WebhookAnswer:
        """See `AsksWhereTo`."""
        return _xml(f"<Dial>{_whom(to)}</Dial>")

    def control(self, call: str, facts: CallFacts) -> LineControl | None:
        """See `CarrierAccount`."""
        if not (self._id and self._token and call.replace("-", "").isalnum()):
            return None
        url = f"https://api.plivo.com/v1/Account/{self._id}/Call/{call}/"
        moved = f"{self._public}/lines/{self.line}/moved"
        return PlivoControl(self._http, url, basic(self._id, self._token), moved)


class PlivoControl(OnlyHangsUp):
    """One call. A transfer has them ask us, at `moved`, what the caller's leg shall do now."""

    abilities: frozenset[Ability] = frozenset({"transfer_cold"})

    def __init__(self, http: aiohttp.ClientSession, url: str, headers: dict[str, str], moved: str) -> None:
        self._http, self._url, self._headers, self._moved = http, url, headers, moved

    async def hang_up(self, reason: EndReason) -> None:
        """See `LineControl`."""
        if reason in ("transferred", "caller_hung_up"):
            return
        try:
            answer = await ask(self._http, "DELETE", self._url, headers=self._headers)
        except CarrierUnreachable as why:
            log.warning("a carrier was not told to hang up", why=str(why))
            return
        if answer.status >= 400 and answer.status != 404:
            log.warning("a carrier refused to hang up", status=answer.status)

    async def transfer(self, target: TransferTarget, how: Literal["cold", "warm"] = "cold") -> TransferOutcome:
        """See `LineControl`."""
        order = {"legs": "aleg", "aleg_url": f"{self._moved}?to={_quoted(target.to)}", "aleg_method": "POST"}
        try:
            answer = await ask(self._http, "POST", self._url, headers=self._headers, json=order)
        except CarrierUnreachable as why:
            return TransferOutcome("failed", str(why))
        return TransferOutcome("transferred" if answer.status < 300 else "failed", f"HTTP {answer.status}")


def plivo_signature(token: str, url: str, form: dict[str, str], nonce: str) -> str:
    """X-Plivo-Signature-V3 (plivo.com/docs/voice/concepts/signature-validation)."""
    parts = urlsplit(url)
    query = "&".join(f"{name}={value}" for name, value in sorted(parse_qsl(parts.query, keep_blank_values=True)))
    base = f"{parts.scheme}://{parts.netloc}{parts.path}"
    if query or form:
        base += f"?{query}"
    if query and form:
        base += "."
    base += "".join(name + form[name] for name in sorted(form))
    return hmac_base64(token, f"{base}.{nonce}", "sha256")


def _whom(to: str) -> str:
    return f"<User>{xml_text(to)}</User>" if to.startswith("sip:") else f"<Number>{xml_text(to)}</Number>"


def _quoted(text: str) -> str:
    return quote(text, safe="")


def _xml(elements: str) -> WebhookAnswer:
    return WebhookAnswer("text/xml", f"{XML}<Response>{elements}</Response>")
