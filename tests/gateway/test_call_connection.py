"""The command line's connection to a call: what it says when none comes about."""

import asyncio
import socket
import ssl
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from lineside.cli.address import trusted_certificates
from lineside.errors import CallRefused, ConfigError
from lineside.protocol import FirstMessage
from lineside.testclient.connection import CallConnection
from tests.browser.test_behind_a_proxy import certificate

HELLO = FirstMessage(codec="pcm")


async def refusal(status: int, tls: ssl.SSLContext | None = None, trusts: ssl.SSLContext | None = None) -> str:
    """What is said of a server that answers so."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status)

    app = web.Application()
    app.router.add_get("/ws/call", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    try:
        url = f"{'https' if tls else 'http'}://localhost:{runner.addresses[0][1]}"
        connector = aiohttp.TCPConnector(ssl=trusts or True, family=socket.AF_INET)
        async with aiohttp.ClientSession(connector=connector) as http:
            with pytest.raises(CallRefused) as refused:
                await CallConnection(http, url, HELLO).open()
        return str(refused.value)
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("status", "names"),
    [(401, "--key"), (403, "ALLOWED_ORIGINS"), (404, "https://box/voice"), (502, "does not reach"), (503, "slots")],
)
def test_a_refusal_says_what_to_do(status: int, names: str) -> None:
    """Whatever stands between."""
    assert names in asyncio.run(refusal(status))


def test_a_certificate_of_ones_own_is_trusted_where_it_is_given(tmp_path: Path) -> None:
    """Without it the sentence names the option; with it the server is reached."""
    made, key = certificate(tmp_path, "localhost")
    serves = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serves.load_cert_chain(made, key)
    assert "--cacert" in asyncio.run(refusal(401, serves))
    assert "answered 401" in asyncio.run(refusal(401, serves, trusted_certificates(made)))


def test_a_file_that_holds_no_certificate_is_named(tmp_path: Path) -> None:
    """Before anybody is called."""
    (tmp_path / "no.pem").write_text("nothing")
    with pytest.raises(ConfigError, match="--cacert"):
        trusted_certificates(tmp_path / "no.pem")
