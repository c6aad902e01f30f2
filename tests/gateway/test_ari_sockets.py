"""The socket of Asterisk's REST interface: Asterisk connects to us, or we to it; who may, and what follows a loss."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from lineside.ari.connection import Ari
from lineside.gateway.asterisk.ari_sockets import keep_connected
from lineside.gateway.carriers.account import basic
from tests.call.fixtures import settings
from tests.gateway.test_app import ServedGateway, with_served_gateway

PATH = "/lines/asterisk/ari"
LOGIN = basic("lineside", "right")
NOTHING_THERE = {"channels": "[]", "bridges": "[]"}


def answer_to(request: str) -> str:
    """Of an Asterisk without calls, as its documents show it."""
    asked = json.loads(request)
    assert asked["type"] == "RESTRequest"
    what = asked["uri"].partition("?")[0]
    body = NOTHING_THERE.get(what, '{"name": "lineside", "channel_ids": []}')
    told: dict[str, Any] = {"type": "RESTResponse", "request_id": asked["request_id"], "status_code": 200}
    return json.dumps(told | {"reason_phrase": "OK", "uri": asked["uri"], "message_body": body})


def test_asterisk_connects_to_us_with_its_password() -> None:
    """And is asked on that very socket; a browser, and whoever has no password or a wrong one, is not let in."""

    async def story(gateway: ServedGateway) -> None:
        ari = gateway.gateway.telephones.ari
        assert ari is not None
        wrong: tuple[dict[str, Any], ...] = (
            {},
            {"headers": basic("lineside", "wrong")},
            {"headers": basic("admin", "right")},
            {"headers": LOGIN | {"Origin": "https://evil.example"}},
        )
        for how in wrong:
            with pytest.raises(aiohttp.WSServerHandshakeError, match=r"401|403"):
                await gateway.http.ws_connect(gateway.url + PATH, **how)
            assert not ari.ari.connected
        async with gateway.http.ws_connect(gateway.url + PATH, headers=LOGIN, protocols=("ari",), compress=15) as ws:
            assert ws.protocol == "ari"
            assert not ws.compress, "Asterisk's client fails a handshake in which an extension is accepted"
            asked = []
            for _ in range(3):
                request = await ws.receive_str(timeout=60)
                await ws.send_str(answer_to(request))
                asked.append(json.loads(request)["uri"].partition("?")[0])
            assert asked == ["channels", "bridges", "applications/lineside"]
            assert ari.ari.connected
        async with asyncio.timeout(60):
            while ari.ari.connected:  # noqa: ASYNC110 - of another object
                await asyncio.sleep(0.01)

    with_served_gateway(story, ari_password="right")  # noqa: S106


def test_garbage_on_the_socket_ends_nothing() -> None:
    """What is no event is dropped, and the connection goes on."""

    async def story(gateway: ServedGateway) -> None:
        ari = gateway.gateway.telephones.ari
        assert ari is not None
        async with gateway.http.ws_connect(gateway.url + PATH, headers=LOGIN) as ws:
            for raw in ("", "x", "[]", '{"type": 7}', '{"type": "StasisStart"}', '{"type": "RESTResponse"}'):
                await ws.send_str(raw)
            await ws.send_bytes(b"\xff\x00")
            await ws.ping()
            await ws.receive(timeout=60)
            await asyncio.sleep(0.05)
            assert ari.ari.connected
            assert gateway.gateway.calls == 0

    with_served_gateway(story, ari_password="right")  # noqa: S106


def test_we_connect_to_asterisk_and_again_when_it_was_away() -> None:
    """With our name and password; after each connection what was left is looked at."""

    async def main() -> None:
        came: list[tuple[str, str]] = []
        looked: list[int] = []

        async def events(request: web.Request) -> web.StreamResponse:
            came.append((request.headers.get("Authorization", ""), request.query_string))
            if len(came) == 1:
                return web.Response(status=503)  # Asterisk is starting
            ws = web.WebSocketResponse()
            await ws.prepare(request)
            if len(came) == 2:
                await ws.close()  # it is restarted
            else:
                async for _ in ws:
                    pass
            return ws

        async def connected() -> None:
            looked.append(len(came))

        app = web.Application()
        app.router.add_get("/ari/events", events)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
        ari = Ari(lambda event: None)
        async with aiohttp.ClientSession() as http:
            with_url = settings(ari_url=url, ari_password="right")  # noqa: S106
            keeping = asyncio.create_task(keep_connected(with_url, http, ari, connected))
            async with asyncio.timeout(60):
                while len(came) < 3 or not ari.connected or looked[-1:] != [3]:  # noqa: ASYNC110 - of other objects
                    await asyncio.sleep(0.01)
            keeping.cancel()
            await asyncio.wait([keeping])
        await runner.cleanup()
        assert {login for login, _ in came} == {LOGIN["Authorization"]}
        assert {query for _, query in came} == {"app=lineside&subscribeAll=false"}
        assert not ari.connected

    asyncio.run(main())
