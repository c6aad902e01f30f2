"""jambonz: verbs in JSON, webhooks signed with HMAC-SHA256. After the stream it asks what comes next: no REST."""

import hmac
import json

import aiohttp

from lineside.gateway.carriers.account import BUSY, Webhook, WebhookAnswer, basic, same
from lineside.settings import Settings
from lineside.transports.call_facts import CallFacts
from lineside.transports.line_control import LineControl
from lineside.transports.media_streams.dialect import StreamDialect
from lineside.transports.media_streams.fork import JambonzDialect

FRESH = 300.0  # seconds that a signed webhook may be old
RATE = 16_000
RINGS = 25  # seconds for a colleague to answer

Verb = dict[str, object]


class JambonzAccount:
    """The account of the settings, hosted or one's own."""

    line = "jambonz"

    def __init__(self, settings: Settings, http: aiohttp.ClientSession) -> None:
        self._secret, self._fallback = settings.jambonz_webhook_secret, settings.fallback_number
        self._public = settings.public_url

    def is_genuine(self, asked: Webhook) -> bool:
        """See `CarrierAccount`: signed, or with the secret as the password of user `lineside`."""
        given = [pair.partition("=") for pair in asked.headers.get("Jambonz-Signature", "").split(",")]
        at = next((value for name, _, value in given if name.strip() == "t"), "")
        if not at:
            return same(asked.headers.get("Authorization", ""), basic("lineside", self._secret)["Authorization"])
        if not (at.isascii() and at.isdigit() and len(at) < 12 and abs(asked.now - int(at)) <= FRESH):
            return False
        wanted = hmac.digest(self._secret.encode(), at.encode() + b"." + asked.body, "sha256").hex()
        return any(same(value.strip(), wanted) for name, _, value in given if name.strip() == "v1")

    def facts(self, asked: Webhook) -> CallFacts:
        """See `CarrierAccount`. The headers are those of the SIP INVITE, which comes along at a POST."""
        given = asked.given
        return CallFacts(
            line=self.line,
            direction="outbound" if given.get("direction") == "outbound" else "inbound",
            caller=given.get("from", ""),
            called=given.get("to", ""),
            carrier_call_id=given.get("call_sid", ""),
            headers=given | _sip_headers(asked.body),
        )

    def connect(self, socket_url: str, asked: Webhook) -> WebhookAnswer:
        """See `CarrierAccount`. Without `streaming` nothing of ours would be played; rates must be the same."""
        ticket = socket_url.rpartition("/")[2]
        listen: Verb = {
            "verb": "listen",
            "url": socket_url,
            "mixType": "mono",
            "sampleRate": RATE,
            "passDtmf": True,
            "bidirectionalAudio": {"enabled": True, "streaming": True, "sampleRate": RATE},
            "actionHook": f"{self._public}/lines/{self.line}/ended?t={ticket}",
        }
        return _verbs([{"verb": "answer"}, listen, *self._fallback_verbs()])

    def after(self, what: str, asked: Webhook) -> WebhookAnswer:
        """See `AsksNext`."""
        if what.startswith("transfer,"):
            dial = _dial(what.partition(",")[2]) | {"actionHook": f"{self._public}/lines/{self.line}/dialled"}
            return _verbs([dial])
        return self.hang_up() if what == "hangup" else self.refuse(asked)

    def refuse(self, asked: Webhook) -> WebhookAnswer:
        """See `CarrierAccount`."""
        return _verbs(self._fallback_verbs())

    def hang_up(self) -> WebhookAnswer:
        """See `CarrierAccount`."""
        return _verbs([{"verb": "hangup"}])

    def _fallback_verbs(self) -> list[Verb]:
        return [_dial(self._fallback)] if self._fallback else [{"verb": "say", "text": BUSY}, {"verb": "hangup"}]

    def dialect(self) -> StreamDialect:
        """See `CarrierAccount`."""
        return JambonzDialect()

    def control(self, call: str, facts: CallFacts) -> LineControl | None:
        """See `CarrierAccount`: it asks, and is not told."""
        return None


def _dial(to: str) -> Verb:
    sip = to.startswith(("sip:", "sips:"))
    target: Verb = {"type": "sip", "sipUri": to} if sip else {"type": "phone", "number": to}
    return {"verb": "dial", "answerOnBridge": True, "timeout": RINGS, "target": [target]}


def _sip_headers(body: bytes) -> dict[str, str]:
    try:
        headers = json.loads(body)["sip"]["headers"]
        return {str(name): value for name, value in headers.items() if isinstance(value, str)}
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return {}


def _verbs(verbs: list[Verb]) -> WebhookAnswer:
    return WebhookAnswer("application/json", json.dumps(verbs))
