"""A carrier whose calls are steered by documents: Twilio's REST, or Telnyx's TeXML, with telephones at its other end.

Nobody here was at a carrier: paths, fields and webhooks are those of their documents. Time is the loop's.
"""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import aiohttp

from lineside.gateway.carriers.account import Webhook
from lineside.gateway.carriers.colleague_calls import WarmTwimlControl
from lineside.gateway.carriers.telnyx import TelnyxAccount
from lineside.gateway.carriers.twilio import TwilioAccount
from lineside.transports.call_facts import CallFacts
from tests.call.fixtures import settings

PUBLIC = "https://voice.example.com"
CALLER = {"twilio": "CA77", "telnyx": "v3:caller"}
COLLEAGUE = {"twilio": "CA9", "telnyx": "v3:colleague"}
HEAD = {
    "twilio": "https://api.twilio.com/2010-04-01/Accounts/AC1/Calls",
    "telnyx": "https://api.telnyx.com/v2/texml/Accounts/f5586561/Calls",
}
# What the carrier says first of a call that came in; TeXML's have account and application in them.
ANSWERED = {
    "twilio": {"AccountSid": "AC1", "CallSid": "CA77", "From": "+15550100", "To": "+15550199", "Direction": "inbound"},
    "telnyx": {
        "AccountSid": "f5586561", "CallSid": "v3:caller", "ConnectionId": "1234567890", "From": "+15550100",
        "To": "+15550199", "CallStatus": "ringing",
    },
}  # fmt: skip
KEYS: dict[str, Any] = {
    "public_url": PUBLIC, "twilio_account_sid": "AC1", "twilio_auth_token": "12345", "telnyx_api_key": "KEY",
    "telnyx_public_key": "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
}  # fmt: skip


class _Answer:
    def __init__(self, status: int, text: str) -> None:
        self.status, self._left = status, text.encode()
        self.content = self

    async def read(self, most: int) -> bytes:
        piece, self._left = self._left[:most], self._left[most:]
        return piece

    async def __aenter__(self) -> "_Answer":
        return self

    async def __aexit__(self, *why: object) -> None: ...


class TwimlCarrier:
    """One caller's call, and the colleague's once it is placed."""

    def __init__(self, line: str) -> None:
        self.line = line
        maker = TwilioAccount if line == "twilio" else TelnyxAccount
        self.account: TwilioAccount | TelnyxAccount = maker(settings(**KEYS), cast("aiohttp.ClientSession", self))
        self.placed: list[dict[str, str]] = []
        self.documents: dict[str, list[str]] = {"caller": [], "colleague": []}
        self.ended: list[str] = []
        self.status = {"place": 201, "caller": 200, "colleague": 200}  # what is answered
        self.on_placed: Callable[[], None] = lambda: None
        self.on_caller_moved: Callable[[], None] = lambda: None

    def control(self) -> WarmTwimlControl:
        """Of the caller's call, which came in just now."""
        facts = self.account.facts(self._webhook(ANSWERED[self.line]))
        control = self.account.control(facts.carrier_call_id, facts)
        assert isinstance(control, WarmTwimlControl)
        return control

    def facts(self) -> CallFacts:
        return self.account.facts(self._webhook(ANSWERED[self.line]))

    # ── its REST ───────────────────────────────────────────────────────────────────────────────────────────────────

    def request(
        self,
        method: str,
        url: str,
        *,
        data: Mapping[str, str] | Sequence[tuple[str, str]] | None = None,
        json: Mapping[str, str] | None = None,
        **how: object,
    ) -> _Answer:
        assert method == "POST"
        base, given = url.removesuffix(".json"), dict(data or json or {})
        assert url.endswith(".json") is (self.line == "twilio")
        assert base.startswith(HEAD[self.line])
        if base == HEAD[self.line]:
            return self._place(given)
        which = {CALLER[self.line]: "caller", COLLEAGUE[self.line]: "colleague"}[
            base.rpartition("/")[2].replace("%3A", ":")
        ]
        if self.status[which] >= 300:
            return _Answer(self.status[which], "{}")
        if given.get("Status") == "completed":
            self.ended.append(which)
        else:
            document = given["Twiml" if self.line == "twilio" else "Texml"]
            assert document.startswith('<?xml version="1.0" encoding="UTF-8"?><Response>')
            self.documents[which].append(document)
            if which == "caller":
                self.on_caller_moved()
        return _Answer(200, "{}")

    def _place(self, order: dict[str, str]) -> _Answer:
        if self.line == "telnyx":
            assert order["ApplicationSid"] == "1234567890"
        if self.status["place"] >= 300:
            return _Answer(self.status["place"], "{}")
        self.placed.append(order)
        self.on_placed()
        # Telnyx does not say what it calls the call: its webhooks do.
        return _Answer(201, '{"sid": "CA9"}' if self.line == "twilio" else '{"status": "queued"}')

    # ── its webhooks ───────────────────────────────────────────────────────────────────────────────────────────────

    async def tells(self, what: str, **form: str) -> str:
        """A webhook about the colleague's call; answers with the document of the answer."""
        name = self.name
        given = {"CallSid": COLLEAGUE[self.line]} | form
        answer = await self.account.colleagues.on_webhook(name, what, self._webhook(given), self.account.progress)
        return answer.body

    @property
    def name(self) -> str:
        """Of the colleague's call, in the addresses."""
        found = re.fullmatch(rf"{PUBLIC}/lines/{self.line}/colleague/([0-9a-f]{{32}})/answered", self.placed[-1]["Url"])
        assert found is not None
        return found[1]

    async def hears(self, pattern: str, within: float = 5.0) -> str:
        """The document that the colleague's call goes on by, once it is of this kind."""
        async with asyncio.timeout(within):
            while not (found := [one for one in self.documents["colleague"] if re.search(pattern, one)]):  # noqa: ASYNC110 - on virtual time
                await asyncio.sleep(0.05)
        return found[-1]

    @staticmethod
    def _webhook(form: dict[str, str]) -> Webhook:
        return Webhook("POST", f"{PUBLIC}/x", {}, form, {}, b"", 0.0)
