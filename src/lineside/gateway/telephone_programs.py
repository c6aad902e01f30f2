"""Calls over SIP that a program takes: told by webhook while it rings, then accepted, rejected, referred, hung up.

The shapes are OpenAI's: `realtime.call.incoming`, and `POST /v1/realtime/calls/{call_id}/accept`, `reject`, `refer`.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Any

import structlog
from aiohttp import web
from msgspec import Meta, Struct

from lineside.errors import ConfigError
from lineside.gateway.access import CALLS
from lineside.gateway.call_handle import CallHandle
from lineside.gateway.incoming_webhook import IncomingCallEvent, delivered, incoming_call
from lineside.gateway.led_calls import CALL_ID
from lineside.gateway.line_host import LineHost
from lineside.openai_api.errors import OpenAiError, openai_error
from lineside.openai_api.json_body import json_body
from lineside.realtime.errors import RealtimeError
from lineside.realtime.led_call import LedCall
from lineside.realtime.opening import RealtimeOpening, read_opening
from lineside.realtime.session_config import new_session, updated_session
from lineside.realtime.telephone_transport import led_telephone_call
from lineside.settings import Settings
from lineside.sip.incoming import IncomingCall
from lineside.transports.allowed_transfers import why_not_transferred
from lineside.transports.line_control import CannotDo, OfferedCall, TransferTarget

log = structlog.get_logger()

NOT_AVAILABLE, DECLINED, CLOSING = 480, 603, 503  # of SIP

Decision = RealtimeOpening | int | None  # the session that a program wants; what the caller is refused with; nobody


class Reject(Struct, frozen=True):
    """The body of `reject`."""

    status_code: Annotated[int, Meta(ge=400, le=699)] = DECLINED


class Refer(Struct, frozen=True):
    """The body of `refer`."""

    target_uri: str


class TelephonePrograms:
    """The programs that may take calls, and the calls that wait for them."""

    def __init__(self, settings: Settings, host: LineHost) -> None:
        """Raises `ConfigError` for a webhook that would not be signed, or never sent."""
        if settings.realtime_webhook_url and not settings.sip:
            raise ConfigError("REALTIME_WEBHOOK_URL is told of calls over SIP: set SIP=true, or leave it empty")
        if settings.realtime_webhook_url and not settings.realtime_webhook_secret:
            raise ConfigError("REALTIME_WEBHOOK_URL needs REALTIME_WEBHOOK_SECRET, whsec_ and 24 to 64 bytes in base64")
        self._settings, self._host, self._led = settings, host, host.led_calls
        self._waiting: dict[str, asyncio.Future[Decision]] = {}

    @property
    def enabled(self) -> bool:
        """Whether a program is told of calls at all."""
        return bool(self._settings.realtime_webhook_url)

    def add_routes(self, app: web.Application) -> None:
        """Serve it."""
        for name, does in (("accept", self._accept), ("reject", self._reject), ("refer", self._refer)):
            app.router.add_post(f"{CALLS}/{{call_id}}/{name}", partial(_answered, does))

    # ── a call ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def hold(
        self,
        handle: CallHandle,
        call: IncomingCall,
        offered: OfferedCall,
        refuse: Callable[[int], None],
        *,
        trusted: bool,
    ) -> None:
        """Have a program take the call that rings, and hold it to its end. `refuse` refuses it with a status."""
        settings = self._settings
        decision: asyncio.Future[Decision] = asyncio.get_running_loop().create_future()
        settle = partial(_settle, decision)
        handle.rings(lambda: settle(CLOSING))
        call.on_cancelled = lambda: settle(None)
        with self._led.call(handle.id, lambda: settle(DECLINED)) as led:
            event = incoming_call(handle.id, call.request, time.time(), trusted=trusted)
            self._waiting[handle.id] = decision
            try:
                decided = await self._decided(event, decision)
            finally:
                del self._waiting[handle.id]
            if call.over:
                return
            handle.rings(lambda: refuse(DECLINED))  # until it has been answered
            if isinstance(decided, RealtimeOpening):
                led.end = lambda: handle.end("agent_said_goodbye")
                longest = settings.call_max_s
                engines = self._host.runner.engines
                await self._host.run(handle, *led_telephone_call(led, offered, decided, engines, longest))
                return
        if decided is not None:
            refuse(decided)
        elif settings.realtime_unaccepted == "reject":
            refuse(NOT_AVAILABLE)
        else:
            await self._host.run(handle, offered)

    async def _decided(self, event: IncomingCallEvent, decision: "asyncio.Future[Decision]") -> Decision:
        """What a program says of the call; None: nothing in time, or it could not be told."""
        settings = self._settings

        async def tell() -> None:
            if not await delivered(settings.realtime_webhook_url, settings.realtime_webhook_secret, event):
                _settle(decision, None)

        try:
            async with asyncio.timeout(settings.realtime_accept_s), asyncio.TaskGroup() as tasks:
                telling = tasks.create_task(tell(), name="tell of a call")
                decided = await decision
                telling.cancel()
                return decided
        except TimeoutError:
            log.warning("no program accepted a call in time", call=event.data.call_id)
            return None

    # ── what programs ask ──────────────────────────────────────────────────────────────────────────────────────────

    async def _accept(self, request: web.Request) -> None:
        session = await json_body(request, dict[str, Any])
        opening = read_opening({}, "", session)
        config = new_session("", opening.model, 0, opening.kind)
        updated_session(config, {"type": opening.kind} | session)  # raises where it cannot be
        _settle(self._ringing(request), opening)

    async def _reject(self, request: web.Request) -> None:
        asked = await json_body(request, Reject) if request.can_read_body else Reject()
        _settle(self._ringing(request), asked.status_code)

    def _ringing(self, request: web.Request) -> "asyncio.Future[Decision]":
        """The call that waits for a program. Raises `OpenAiError`."""
        led = self._led.find(request.match_info["call_id"])
        waiting = self._waiting.get(led.id)
        if waiting is None or waiting.done():
            raise OpenAiError(400, "The call does not wait any more.", "call_id", "call_not_waiting")
        return waiting

    async def _refer(self, request: web.Request) -> None:
        """Hand the caller on; answers when it is known what became of it."""
        asked = await json_body(request, Refer)
        led = self._led.find(request.match_info["call_id"])
        settings, to = self._settings, asked.target_uri.removeprefix("tel:")
        if why := why_not_transferred(to, [one for one in (settings.transfer_to, *settings.transfer_allowed) if one]):
            raise OpenAiError(403, f"{why}.", "target_uri", "transfer_not_allowed")
        await _transferred(led, to)


async def _transferred(led: LedCall, to: str) -> None:
    """Raises `OpenAiError` where nobody took the caller; then the call goes on."""
    control, led.control = led.control, None  # one at a time
    if control is None:
        wrong = "The call is no telephone call that is up, or is being transferred already."
        raise OpenAiError(400, wrong, "call_id", "call_not_up")
    try:
        outcome = await control.transfer(TransferTarget(to))
    except CannotDo as no:
        raise OpenAiError(400, str(no), "call_id", "call_not_up") from None
    finally:
        led.control = control
    if not outcome.done:
        raise OpenAiError(422, f"{outcome.result}: {outcome.detail}", "target_uri", "transfer_failed")


async def _answered(does: Callable[[web.Request], Awaitable[None]], request: web.Request) -> web.Response:
    """200 where it could be done, as OpenAI answers; else what was wrong."""
    try:
        await does(request)
    except OpenAiError as no:
        return openai_error(no.status, no.message, no.param, no.code)
    except RealtimeError as no:
        return openai_error(400, no.message, no.param, no.code)
    log.info("a program decided on a call", call=request.match_info["call_id"].removeprefix(CALL_ID))
    return web.Response()


def _settle(decision: "asyncio.Future[Decision]", what: Decision) -> None:
    if not decision.done():
        decision.set_result(what)
