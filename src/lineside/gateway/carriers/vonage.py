"""Vonage Voice: NCCO, webhooks with a signed JWT, REST with a JWT of ours."""

import base64
import json
import time
from pathlib import Path
from typing import Literal
from uuid import uuid4

import aiohttp
import structlog

from lineside.errors import ConfigError
from lineside.gateway.carriers.account import (
    BUSY,
    CarrierUnreachable,
    RestAnswer,
    Webhook,
    WebhookAnswer,
    ask,
    same,
    sha256_hex,
)
from lineside.gateway.carriers.placing import CallAddresses, CallProgress, CarrierRefused
from lineside.gateway.carriers.progress import placed_call_id, progress_of, refused_outcome
from lineside.protocol import EndReason
from lineside.settings import Settings
from lineside.transports.call_facts import CallFacts
from lineside.transports.dialer import CannotDial, DialOrder
from lineside.transports.line_control import Ability, LineControl, OnlyHangsUp, TransferOutcome, TransferTarget
from lineside.transports.media_streams.dialect import StreamDialect
from lineside.transports.media_streams.vonage import VonageDialect

log = structlog.get_logger()

FRESH = 300.0  # seconds that a signed webhook may be old
OURS = 60  # seconds that a token of ours is good for
RATE = 16_000
CALLS = "https://api.nexmo.com/v1/calls"


class VonageAccount:
    """The application of the settings."""

    line = "vonage"

    def __init__(self, settings: Settings, http: aiohttp.ClientSession) -> None:
        """Raises `ConfigError` for a private key that cannot be read."""
        self._http, self._fallback, self._public = http, settings.fallback_number, settings.public_url
        self._secret, self._application = settings.vonage_signature_secret, settings.vonage_application_id
        self._signer = _Signer(settings.vonage_private_key) if settings.vonage_private_key else None

    def is_genuine(self, asked: Webhook) -> bool:
        """See `CarrierAccount`. The token covers the body by its hash; a GET has none."""
        claims = read_jwt(asked.headers.get("Authorization", "").removeprefix("Bearer ").strip(), self._secret)
        if claims is None:
            return False
        issued, hashed = claims.get("iat"), claims.get("payload_hash")
        fresh = isinstance(issued, int | float) and abs(asked.now - issued) <= FRESH
        return fresh and (not asked.body or (isinstance(hashed, str) and same(hashed, sha256_hex(asked.body))))

    def facts(self, asked: Webhook) -> CallFacts:
        """See `CarrierAccount`."""
        given = asked.given
        return CallFacts(
            line=self.line,
            caller=given.get("from", ""),
            called=given.get("to", ""),
            carrier_call_id=given.get("uuid", ""),
            headers={name.removeprefix("SipHeader_"): value for name, value in given.items()},
        )

    def connect(self, socket_url: str, asked: Webhook) -> WebhookAnswer:
        """See `CarrierAccount`. `synchronous`: where the socket fails they ask `eventUrl` what to do instead."""
        endpoint = {"type": "websocket", "uri": socket_url, "content-type": f"audio/l16;rate={RATE}"}
        action: dict[str, object] = {
            "action": "connect",
            "eventType": "synchronous",
            "eventUrl": [f"{self._public}/lines/{self.line}/fallback"],
            "endpoint": [endpoint],
        }
        return _ncco([action])

    def refuse(self, asked: Webhook) -> WebhookAnswer:
        """See `CarrierAccount`."""
        if self._fallback:
            return _ncco([_dialling(self._fallback)])
        return _ncco([{"action": "talk", "text": BUSY}])

    def hang_up(self) -> WebhookAnswer:
        """See `CarrierAccount`."""
        return _ncco([])

    def dialect(self) -> StreamDialect:
        """See `CarrierAccount`."""
        return VonageDialect(RATE)

    # ── calls of ours: see `placing.PlacesCalls` ───────────────────────────────────────────────────────────────────

    def why_not(self) -> str:
        """See `PlacesCalls`."""
        there = self._signer is not None and self._application
        return "" if there else "calling out needs VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY"

    async def place(self, order: DialOrder, addresses: CallAddresses) -> str:
        """See `PlacesCalls` (developer.vonage.com/api/voice#createCall)."""
        if not order.caller_id or self._signer is None:
            raise CannotDial("calling out needs OUTBOUND_CALLER_ID, a number of the application's")
        wanted = {
            "to": [_whom(order.to)],
            "from": {"type": "phone", "number": order.caller_id.lstrip("+")},
            "answer_url": [addresses.answer],
            "event_url": [addresses.progress],
            "ringing_timer": round(order.ring_seconds),
        }
        answer = await ask(self._http, "POST", CALLS, headers=self._signer.headers(self._application), json=wanted)
        found = placed_call_id(answer, "uuid")
        if not found.replace("-", "").isalnum():
            raise CarrierRefused(refused_outcome(answer))
        return found

    def progress(self, asked: Webhook) -> CallProgress:
        """See `PlacesCalls`."""
        return progress_of(asked.given.get("status", ""), asked.given.get("detail", ""))

    async def open_stream(self, carrier_call_id: str, socket_url: str) -> None:
        """See `PlacesCalls`: the answer to the webhook does it."""

    async def give_up(self, carrier_call_id: str) -> None:
        """See `PlacesCalls`."""
        if self._signer is not None:
            headers = self._signer.headers(self._application)
            await ask(self._http, "PUT", f"{CALLS}/{carrier_call_id}", headers=headers, json={"action": "hangup"})

    def control(self, call: str, facts: CallFacts) -> LineControl | None:
        """See `CarrierAccount`: the caller's leg is the one that is steered, not the socket's."""
        caller_leg = facts.carrier_call_id or call
        if self._signer is None or not self._application or not caller_leg.replace("-", "").isalnum():
            return None
        return VonageControl(self._http, caller_leg, self._application, self._signer)


class VonageControl(OnlyHangsUp):
    """One call, changed by PUT."""

    abilities: frozenset[Ability] = frozenset({"transfer_cold", "send_digits"})

    def __init__(self, http: aiohttp.ClientSession, leg: str, application: str, signer: "_Signer") -> None:
        self._http, self._leg, self._application, self._signer = http, leg, application, signer

    async def hang_up(self, reason: EndReason) -> None:
        """See `LineControl`."""
        if reason in ("transferred", "caller_hung_up"):
            return
        try:
            answer = await self._put("", {"action": "hangup"})
        except CarrierUnreachable as why:
            log.warning("a carrier was not told to hang up", why=str(why))
            return
        if answer.status >= 400 and answer.status != 404:
            log.warning("a carrier refused to hang up", status=answer.status)

    async def transfer(self, target: TransferTarget, how: Literal["cold", "warm"] = "cold") -> TransferOutcome:
        """See `LineControl`."""
        ncco = [_dialling(target.to, target.caller_id, round(target.ring_seconds))]
        try:
            answer = await self._put("", {"action": "transfer", "destination": {"type": "ncco", "ncco": ncco}})
        except CarrierUnreachable as why:
            return TransferOutcome("failed", str(why))
        return TransferOutcome("transferred" if answer.status < 300 else "failed", f"HTTP {answer.status}")

    async def send_digits(self, digits: str) -> None:
        """See `LineControl`."""
        await self._put("/dtmf", {"digits": digits})

    async def _put(self, path: str, order: dict[str, object]) -> RestAnswer:
        headers = self._signer.headers(self._application)
        return await ask(self._http, "PUT", f"{CALLS}/{self._leg}{path}", headers=headers, json=order)


class _Signer:
    """Tokens of ours, RS256."""

    def __init__(self, path: Path) -> None:
        try:
            from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
            from cryptography.hazmat.primitives.serialization import load_pem_private_key

            key = load_pem_private_key(path.read_bytes(), None)
        except ImportError:
            raise ConfigError("Vonage needs a package more: pip install 'lineside[carriers]'") from None
        except (OSError, ValueError, TypeError) as cause:
            raise ConfigError(f"VONAGE_PRIVATE_KEY={path} cannot be read: {type(cause).__name__}") from None
        if not isinstance(key, RSAPrivateKey):
            raise ConfigError(f"VONAGE_PRIVATE_KEY={path} is no RSA key")
        self._key = key

    def headers(self, application: str) -> dict[str, str]:
        """Of a request."""
        return {"Authorization": f"Bearer {self.token(application)}"}

    def token(self, application: str) -> str:
        """One for a minute."""
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.hashes import SHA256

        now = int(time.time())
        claims = {"application_id": application, "iat": now, "exp": now + OURS, "jti": str(uuid4())}
        signed = f"{_part({'alg': 'RS256', 'typ': 'JWT'})}.{_part(claims)}"
        return f"{signed}.{_coded(self._key.sign(signed.encode(), PKCS1v15(), SHA256()))}"


def read_jwt(token: str, secret: str) -> dict[str, object] | None:
    """The claims of a token that was signed with this secret (HS256); None: it was not."""
    import hmac

    head, _, rest = token.partition(".")
    claims, _, signature = rest.partition(".")
    try:
        if json.loads(_decoded(head)).get("alg") != "HS256":
            return None
        wanted = _coded(hmac.digest(secret.encode(), f"{head}.{claims}".encode(), "sha256"))
        if not same(signature, wanted):
            return None
        read = json.loads(_decoded(claims))
    except (ValueError, AttributeError, RecursionError):
        return None
    return read if isinstance(read, dict) else None


def _dialling(to: str, caller_id: str = "", ring_seconds: int = 45) -> dict[str, object]:
    action: dict[str, object] = {"action": "connect", "timeout": ring_seconds, "endpoint": [_whom(to)]}
    return action | ({"from": caller_id.lstrip("+")} if caller_id else {})


def _whom(to: str) -> dict[str, str]:
    return {"type": "sip", "uri": to} if to.startswith("sip:") else {"type": "phone", "number": to.lstrip("+")}


def _ncco(actions: list[dict[str, object]]) -> WebhookAnswer:
    return WebhookAnswer("application/json", json.dumps(actions))


def _part(value: object) -> str:
    return _coded(json.dumps(value, separators=(",", ":")).encode())


def _coded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
