"""Calls of one account that are steered by documents: Twilio's REST of 2010-04-01, and what is written like it.

twilio.com/docs/voice/api/call-resource, developers.telnyx.com/api-reference/texml-rest-commands/update-call
"""

from collections.abc import Sequence
from typing import Literal
from urllib.parse import quote, urlencode

import aiohttp
import structlog

from lineside.gateway.carriers import twiml
from lineside.gateway.carriers.account import CarrierUnreachable, RestAnswer, ask
from lineside.gateway.carriers.placing import CallAddresses, CarrierRefused
from lineside.gateway.carriers.progress import placed_call_id, refused_outcome
from lineside.protocol import EndReason
from lineside.transports.dialer import CannotDial, DialOrder
from lineside.transports.line_control import Ability, OnlyHangsUp, TransferOutcome, TransferTarget

log = structlog.get_logger()


class TwimlCalls:
    """The calls of an account."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        calls_url: str,
        headers: dict[str, str],
        *,
        document: str = "Twiml",
        suffix: str = ".json",
        application: str = "",
    ) -> None:
        """`document` is the field for a document; `application` is named with new calls, where the carrier asks."""
        self._http, self._calls, self._headers = http, calls_url, headers
        self._document, self._suffix, self._application = document, suffix, application

    @property
    def can_place(self) -> bool:
        """Whether somebody can be called: Twilio needs no application, Telnyx does."""
        return bool(self._application) or self._document == "Twiml"

    async def place(self, order: DialOrder, addresses: CallAddresses) -> str:
        """Have somebody called; answers what the carrier calls the call, or nothing: then its webhooks say.

        Raises `CarrierRefused`, `CarrierUnreachable`, `CannotDial`.
        """
        if not order.caller_id:
            raise CannotDial("calling out needs OUTBOUND_CALLER_ID, a number of the account's")
        form = [
            ("To", order.to),
            ("From", order.caller_id),
            ("Url", addresses.answer),
            ("Timeout", f"{order.ring_seconds:.0f}"),
            ("StatusCallback", addresses.progress),
        ]
        if self._application:
            return await self._place_texml([*form, ("ApplicationSid", self._application)])
        form += [("StatusCallbackEvent", "ringing"), ("StatusCallbackEvent", "completed")]  # only those are told
        answer = await ask(self._http, "POST", f"{self._calls}{self._suffix}", headers=self._headers, form=form)
        found = placed_call_id(answer, "sid")
        if not found.replace("-", "").isalnum():
            raise CarrierRefused(refused_outcome(answer))
        return found

    async def _place_texml(self, order: Sequence[tuple[str, str]]) -> str:
        wanted = dict(order) | {"StatusCallbackEvent": "initiated ringing answered completed"}
        answer = await ask(self._http, "POST", self._calls, headers=self._headers, json=wanted)
        if answer.status >= 300:
            raise CarrierRefused(refused_outcome(answer))
        return placed_call_id(answer, "call_sid") or placed_call_id(answer, "sid")

    async def change(self, call: str, document: str) -> RestAnswer:
        """The call goes on by this document, whatever it was doing. Raises `CarrierUnreachable`."""
        return await self._update(call, {self._document: document})

    async def redirect(self, call: str, document_url: str) -> RestAnswer:
        """The call goes on by the document that the carrier fetches there. Raises `CarrierUnreachable`."""
        return await self._update(call, {"Url": document_url})

    async def end(self, call: str) -> RestAnswer:
        """`completed` ends a call in whatever state; `canceled` one that rings only. Raises `CarrierUnreachable`."""
        return await self._update(call, {"Status": "completed"})

    async def _update(self, call: str, form: dict[str, str]) -> RestAnswer:
        url = f"{self._calls}/{quote(call, safe='')}{self._suffix}"
        return await ask(self._http, "POST", url, headers=self._headers, form=form)


class TwimlControl(OnlyHangsUp):
    """One call: ended and moved by changing it."""

    abilities: frozenset[Ability] = frozenset({"transfer_cold"})

    def __init__(self, calls: TwimlCalls, call: str, action_url: str) -> None:
        """`action_url` hears what became of a cold transfer."""
        self._calls, self._call, self._action = calls, call, action_url

    async def hang_up(self, reason: EndReason) -> None:
        """See `LineControl`. A call that is over already is no failure (error 20404, 21220)."""
        if reason in ("transferred", "caller_hung_up"):
            return
        try:
            answer = await self._calls.end(self._call)
        except CarrierUnreachable as why:
            log.warning("a carrier was not told to hang up", why=str(why))
            return
        if answer.status >= 400 and answer.status != 404:
            log.warning("a carrier refused to hang up", status=answer.status)

    async def transfer(self, target: TransferTarget, how: Literal["cold", "warm"] = "cold") -> TransferOutcome:
        """See `LineControl`. Where the colleague does not answer, `action_url` brings the caller back."""
        try:
            answer = await self._move(target)
        except CarrierUnreachable as why:
            return TransferOutcome("failed", str(why))
        if answer.status in (400, 422):
            return TransferOutcome("invalid", "the carrier refuses the number")
        return TransferOutcome("transferred" if answer.status < 300 else "failed", f"HTTP {answer.status}")

    async def _move(self, target: TransferTarget) -> RestAnswer:
        return await self._calls.change(self._call, twiml.dial(target, self._action))


class RedirectedControl(TwimlControl):
    """One call at a carrier that fetches documents and takes none with a request."""

    def __init__(self, calls: TwimlCalls, call: str, moved_url: str) -> None:
        """`moved_url` answers with the document that dials."""
        super().__init__(calls, call, "")
        self._moved = moved_url

    async def _move(self, target: TransferTarget) -> RestAnswer:
        return await self._calls.redirect(self._call, f"{self._moved}?{urlencode({'to': target.to})}")
