"""A test call reaches nothing outside, on any line: it brings a ticket for that, and cannot be made without."""

import asyncio
import time
from typing import Any
from uuid import UUID

import pytest

from lineside.gateway.audiosocket_line import AudioSocketLine
from lineside.gateway.line_host import LineHost
from lineside.gateway.tickets import Ticket
from lineside.loadtest.server_under_test_main import free_port
from lineside.loadtest.sip_line import TEST_HEADER
from lineside.protocol import EndReason
from lineside.testclient.sip_phone import CallNotAnswered
from lineside.transports.audiosocket_frames import KINDS, UUID_KIND, socket_frame
from lineside.transports.call_facts import CallFacts
from lineside.transports.line_control import OfferedCall
from tests.call.fixtures import settings
from tests.gateway.test_app import ServedGateway, opened
from tests.gateway.test_sip_line import line
from tests.patience import until
from tests.transports.carriers import Asterisk, Carrier, Twilio

LINES: dict[str, Any] = {"asterisk": True, "twilio_auth_token": "t", "public_url": "https://voice.example.com"}


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch) -> list[OfferedCall]:
    """The calls that a line has for the gateway; none is held."""
    calls: list[OfferedCall] = []

    async def run(self: LineHost, handle: object, call: OfferedCall) -> EndReason:
        calls.append(call)
        return "caller_hung_up"

    monkeypatch.setattr(LineHost, "run", run)
    return calls


async def issued(served_url: str, served: Any, name: str) -> str:
    async with served.http.post(f"{served_url}/api/test-tickets", json={"line": name}) as answer:
        assert answer.status == 200
        return str((await answer.json())["ticket"])


async def comes(calls: list[OfferedCall], many: int) -> None:
    await until(lambda: len(calls) >= many, f"{many} calls have come")


def without_tools(call: OfferedCall) -> bool:
    return call.facts.test and not call.first.tools


@pytest.mark.parametrize("name", ["twilio", "asterisk"])
def test_a_test_call_over_a_media_stream_runs_no_tools(name: str, offered: list[OfferedCall]) -> None:
    """And one that came by a webhook or a dialplan's question does."""

    async def open_stream(served: ServedGateway, carrier: Carrier, ticket: str, many: int) -> None:
        path = f"/lines/twilio/media/{ticket}" if name == "twilio" else f"/lines/asterisk?t={ticket}"
        async with served.http.ws_connect(served.url + path) as ws:
            for message in carrier.opening():
                await ws.send_str(message)
            await comes(offered, many)

    async def main() -> None:
        async with opened(**LINES) as served:
            new = Twilio if name == "twilio" else Asterisk
            await open_stream(served, new(), await issued(served.url, served, name), 1)
            real = served.gateway.telephones.tickets.issue(Ticket(CallFacts(line=name)), time.monotonic())
            await open_stream(served, new(), real, 2)

    asyncio.run(main())
    assert [without_tools(call) for call in offered] == [True, False]


def test_a_test_call_over_audiosocket_runs_no_tools(offered: list[OfferedCall]) -> None:
    """The UUID is its ticket."""

    async def main() -> None:
        port = free_port()
        async with opened(audiosocket_port=port) as served:
            tickets = served.gateway.telephones.tickets
            async with AudioSocketLine(settings(audiosocket_port=port), served.gateway.lines, tickets).opened():
                real = tickets.issue(Ticket(CallFacts(line="audiosocket")), time.monotonic())
                for many, ticket in enumerate((await issued(served.url, served, "audiosocket"), real), 1):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.write(socket_frame(UUID_KIND, UUID(ticket).bytes) + socket_frame(KINDS[8000], bytes(320)))
                    await comes(offered, many)
                    writer.close()

    asyncio.run(main())
    assert [without_tools(call) for call in offered] == [True, False]


def test_a_test_call_over_sip_runs_no_tools_and_a_wrong_ticket_no_call(offered: list[OfferedCall]) -> None:
    """The header of its INVITE is its ticket; one that is unknown or used is refused, and not taken for a real call."""

    async def main() -> None:
        async with line() as one:
            tickets = one.gateway.telephones.tickets
            ticket = one.gateway.telephones.issue_test_ticket("sip")
            for many, headers in enumerate((((TEST_HEADER, ticket),), ()), 1):
                calling = asyncio.create_task(one.phone.call(one.uri, headers=headers))
                await comes(offered, many)
                calling.cancel()
                await asyncio.wait([calling])
            other = tickets.issue(Ticket(CallFacts(line="twilio", test=True)), time.monotonic())
            for wrong in (ticket, "x", other):
                with pytest.raises(CallNotAnswered, match="403"):
                    await one.phone.call(one.uri, headers=((TEST_HEADER, wrong),))

    asyncio.run(main())
    assert [without_tools(call) for call in offered] == [True, False]


def test_no_ticket_is_issued_for_a_line_that_is_off() -> None:
    """409 with the line's name; 400 for one that there is not."""

    async def main() -> None:
        async with opened() as served:
            for name, status in (("sip", 409), ("audiosocket", 409), ("asterisk", 409), ("twilio", 409), ("x", 400)):
                async with served.http.post(f"{served.url}/api/test-tickets", json={"line": name}) as answer:
                    assert answer.status == status
                    assert status == 400 or name in await answer.text()

    asyncio.run(main())
