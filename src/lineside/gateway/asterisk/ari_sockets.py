"""The socket of Asterisk's REST interface: we connect to Asterisk, or it connects to us (`outbound_websocket`)."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import urlencode

import aiohttp
import structlog
from aiohttp import web

from lineside.ari.connection import Ari
from lineside.ari.messages import LONGEST
from lineside.gateway.carriers.account import basic, same
from lineside.processes.backoff import Backoff
from lineside.settings import Settings

log = structlog.get_logger()

BEAT = 20.0  # seconds between pings; this socket's, not those of sound, at which old versions hang up
CONNECT_WITHIN = 5.0  # seconds

Connected = Callable[[], Coroutine[Any, Any, None]]


async def keep_connected(settings: Settings, http: aiohttp.ClientSession, ari: Ari, connected: Connected) -> None:
    """Connect to Asterisk at ARI_URL, again and again, until cancelled. `connected`: runs after each time."""
    backoff, told = Backoff(), ""
    query = urlencode({"app": settings.ari_app, "subscribeAll": "false"})
    address = f"{settings.ari_url.rstrip('/')}/ari/events?{query}"
    login = basic(settings.ari_user, settings.ari_password)
    while True:
        began = time.monotonic()
        try:
            async with asyncio.timeout(CONNECT_WITHIN):
                ws = await http.ws_connect(address, headers=login, heartbeat=BEAT, compress=0, max_msg_size=LONGEST)
            async with ws:
                log.info("Asterisk's REST interface is connected")
                told = ""
                await _serve(ws, ari, connected)
                why = "it closed the connection"
        except (aiohttp.ClientError, TimeoutError, OSError) as cause:
            status = f" {cause.status}" if isinstance(cause, aiohttp.WSServerHandshakeError) else ""
            why = f"{type(cause).__name__}{status}"
        if why != told:  # one that is away for hours is told of once
            log.warning("Asterisk's REST interface is not connected", why=why, setting="ARI_URL")
            told = why
        await asyncio.sleep(backoff.after(time.monotonic() - began))


async def accept(request: web.Request, settings: Settings, ari: Ari, connected: Connected) -> web.StreamResponse:
    """Asterisk connects to us, with ARI_USER and ARI_PASSWORD."""
    if not _may_enter(request, settings):
        log.warning("a connection for Asterisk's REST interface was refused: wrong ARI_USER or ARI_PASSWORD")
        return web.Response(status=401, text="ARI_USER or ARI_PASSWORD is not right\n")
    # No extension: Asterisk's client fails the handshake if one is accepted.
    ws = web.WebSocketResponse(heartbeat=BEAT, compress=False, protocols=("ari",), max_msg_size=LONGEST)
    await ws.prepare(request)
    log.info("Asterisk's REST interface is connected")
    await _serve(ws, ari, connected)
    return ws


def _may_enter(request: web.Request, settings: Settings) -> bool:
    wanted = basic(settings.ari_user, settings.ari_password)["Authorization"]
    right = same(request.headers.get("Authorization", ""), wanted)
    return right and bool(settings.ari_password) and "Origin" not in request.headers


async def _serve(ws: "aiohttp.ClientWebSocketResponse | web.WebSocketResponse", ari: Ari, connected: Connected) -> None:
    """Take messages until the socket closes."""
    write = ws.send_str
    ari.connect(write)
    try:
        async with asyncio.TaskGroup() as tasks:
            after = tasks.create_task(connected(), name="asterisk connected")
            async for message in ws:
                if message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                    ari.received(message.data)
            ari.disconnect(write)
            after.cancel()
    finally:
        ari.disconnect(write)
