"""Calls over SIP on real sockets of this machine: the gateway's line, and a telephone of ours at the other end."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from lineside.errors import ConfigError
from lineside.gateway.app import Gateway
from lineside.gateway.sip_line import SipLine
from lineside.line_report import LineMeasured
from lineside.observability.metrics import CallMetrics
from lineside.sip.digest import Credentials
from lineside.testclient.sip_phone import CallNotAnswered, SipPhone, sip_phone
from tests.call.fixtures import settings
from tests.gateway.test_app import opened
from tests.patience import until

QUIET = b"\xff" * 160


class Line:
    """A gateway whose SIP port is open, and a telephone."""

    def __init__(self, gateway: Gateway, line: SipLine, phone: SipPhone, url: str) -> None:
        self.gateway, self.line, self.phone = gateway, line, phone
        self.uri = f"sip:agent@127.0.0.1:{line.endpoint.port}"
        self.heard, self.url = b"", url

    def hear(self, sound: bytes) -> None:
        self.heard += sound

    async def until(self, what: str, holds: Callable[[], object]) -> None:
        """Wait for it; a test that waits in vain says for what."""
        await until(holds, what)


@asynccontextmanager
async def line(**given: Any) -> AsyncGenerator[Line, None]:
    sip = {"sip": True, "sip_port": 0, "sip_rtp_ports": "30000-31999"}
    async with opened(**(sip | given)) as served, sip_phone() as phone:
        chosen = settings(**(sip | {f"default_{role}_engine": "scripted" for role in ("stt", "llm", "tts")} | given))
        there = served.gateway
        port = SipLine(chosen, there.lines, there.telephones.tickets, there.telephones.programs)
        async with port.opened() as open_line:
            one = Line(served.gateway, open_line, phone, served.url)
            yield one
            await one.until("no call is left", lambda: served.gateway.calls == 0)
            sizes = open_line.endpoint.agent.sizes
            assert (sizes["sessions"], sizes["arriving"]) == (0, 0) or sizes["sessions"] == 0


async def _talk(one: Line, codec: Any, transport: str = "") -> None:
    call = await one.phone.call(one.uri + transport, one.hear, codecs=(codec,))
    loud, quiet = (b"\x20\x40" * 320, bytes(640)) if codec == "G722" else (b"\x10\x90" * 80, QUIET)
    call.send(quiet * 10 + loud * 40 + quiet * 100)
    await one.until("the agent's answer is heard", lambda: len(set(one.heard)) > 4)
    call.press("42")
    call.hang_up()
    assert (await call.ended).by == "us"
    quality = call.quality
    assert quality is not None
    assert (quality.lost, quality.strangers) == (0, 0)


def test_a_call_over_sip_leaves_how_good_its_line_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """Through all that stands between the line and the call: told once, with packets and jitter."""
    told: list[LineMeasured] = []
    monkeypatch.setattr(CallMetrics, "on_line_measured", lambda self, measured: told.append(measured))

    async def story() -> None:
        async with line() as one:
            await _talk(one, "PCMU")

    asyncio.run(story())
    (measured,) = told
    assert measured.received > 20
    assert measured.jitter is not None
    assert (measured.lost, measured.strangers) == (0, 0)


@pytest.mark.parametrize("codec", ["PCMU", "PCMA", "G722"])
def test_a_telephone_calls_asks_and_is_answered(codec: str) -> None:
    """In each codec; the slot is free afterwards."""

    async def story() -> None:
        async with line() as one:
            await _talk(one, codec)

    asyncio.run(story())


def test_a_call_over_tcp_is_a_call() -> None:
    """Requests and responses go over the connection that the INVITE came by."""

    async def story() -> None:
        async with line() as one:
            await _talk(one, "PCMU", ";transport=tcp")

    asyncio.run(story())


def test_a_full_gateway_is_busy_before_anything_is_answered() -> None:
    """486; and when the first has hung up, the next one gets in."""

    async def story() -> None:
        async with line(max_concurrent_calls=1) as one:
            first = await one.phone.call(one.uri)
            with pytest.raises(CallNotAnswered) as busy:
                await one.phone.call(one.uri)
            assert busy.value.end.status == 486
            first.hang_up()
            await one.until("the slot is free", lambda: one.gateway.calls == 0)
            (await one.phone.call(one.uri)).hang_up()

    asyncio.run(story())


def test_a_telephone_with_a_password_is_let_in_and_others_are_not() -> None:
    """A stranger hears nothing at all; a wrong password is refused."""

    async def story() -> None:
        known = {"sip_trusted": (), "sip_allowed": ("127.0.0.1",), "sip_users": ("anna:pass:word",)}
        async with line(**known) as one:
            call = await one.phone.call(one.uri, credentials=Credentials("anna", "pass:word"))
            call.hang_up()
            with pytest.raises(CallNotAnswered) as refused:
                await one.phone.call(one.uri, credentials=Credentials("anna", "guess"))
            assert refused.value.end.status == 401
        async with line(sip_trusted=("10.9.9.9",)) as one:
            waiting = asyncio.create_task(one.phone.call(one.uri))
            await asyncio.sleep(0.7)
            assert not waiting.done()
            assert one.line.endpoint.agent.counts.requests == 0
            waiting.cancel()
            await asyncio.wait([waiting])

    asyncio.run(story())


def test_what_would_stand_open_or_cannot_be_read_is_refused_at_the_start() -> None:
    """Each with the name of the setting."""

    async def story() -> None:
        async with opened() as served:
            for given, name in (
                ({"sip_host": "0.0.0.0"}, "SIP_HOST"),  # noqa: S104
                ({"sip_trusted": ("10.0.0.0/99",)}, "SIP_TRUSTED"),
                ({"sip_accounts": ("700@pbx",)}, "SIP_ACCOUNTS"),
                ({"sip_tls_certificate": "/nowhere.pem"}, "SIP_TLS_CERTIFICATE"),
            ):
                with pytest.raises(ConfigError, match=name):
                    SipLine(settings(**given), served.gateway.lines, served.gateway.telephones.tickets)

    asyncio.run(story())
