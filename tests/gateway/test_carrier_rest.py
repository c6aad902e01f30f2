"""Carriers' REST: what is asked when a call is ended or moved, and what each answer means. Against a fake."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs

import aiohttp
import pytest
from aiohttp import web

from lineside.gateway.carriers.account import basic
from lineside.gateway.carriers.plivo import PlivoControl
from lineside.gateway.carriers.telnyx import TelnyxControl
from lineside.gateway.carriers.twiml_calls import RedirectedControl, TwimlCalls, TwimlControl
from lineside.transports.line_control import LineControl, TransferTarget

TARGET = TransferTarget("+15550122", caller_id="+15550199", headers={"X-Call": "7"})
Asked = list[tuple[str, str, str, str]]  # method, path, authorization, body


class Rest:
    """Answers as it is told, and keeps what was asked."""

    def __init__(self) -> None:
        self.asked: Asked = []
        self.status, self.text = 200, "{}"

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.text()
        self.asked.append((request.method, request.path, request.headers.get("Authorization", ""), body))
        return web.Response(status=self.status, text=self.text)


def with_rest(story: Callable[[Rest, str, aiohttp.ClientSession], Awaitable[None]]) -> None:
    async def main() -> None:
        rest, app = Rest(), web.Application()
        app.router.add_route("*", "/{path:.*}", rest.answer)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        async with aiohttp.ClientSession() as http:
            await story(rest, f"http://127.0.0.1:{port}", http)
        await runner.cleanup()

    asyncio.run(main())


def control_of(carrier: str, url: str, http: aiohttp.ClientSession) -> LineControl:
    if carrier == "twilio":
        return TwimlControl(
            TwimlCalls(http, f"{url}/Calls", basic("AC1", "t")), "CA1", "https://v/lines/twilio/dialled"
        )
    if carrier == "signalwire":
        return RedirectedControl(
            TwimlCalls(http, f"{url}/Calls", basic("P", "t")), "CA1", "https://v/lines/signalwire/moved"
        )
    if carrier == "telnyx":
        return TelnyxControl(http, f"{url}/calls/v3", "KEY")
    return PlivoControl(http, f"{url}/Call/u/", basic("MA", "t"), "https://v/lines/plivo/moved")


CARRIERS = ("twilio", "signalwire", "telnyx", "plivo")


@pytest.mark.parametrize("carrier", CARRIERS)
def test_a_call_is_ended_once_and_a_call_that_is_over_is_no_failure(carrier: str) -> None:
    """After the caller's own hang-up, or a transfer, nothing is asked: the call is not ours."""

    async def story(rest: Rest, url: str, http: aiohttp.ClientSession) -> None:
        control = control_of(carrier, url, http)
        for reason in ("caller_hung_up", "transferred"):
            await control.hang_up(reason)
        assert rest.asked == []
        for status in (200, 404, 500):
            rest.status = status
            await control.hang_up("caller_silent")
        assert len(rest.asked) == 3
        method, _, authorization, body = rest.asked[0]
        if carrier == "twilio":
            assert (method, parse_qs(body)) == ("POST", {"Status": ["completed"]})
            assert authorization == "Basic QUMxOnQ="
        elif carrier == "signalwire":
            assert (method, parse_qs(body)) == ("POST", {"Status": ["completed"]})
        elif carrier == "telnyx":
            assert rest.asked[0][1] == "/calls/v3/actions/hangup"
            assert authorization == "Bearer KEY"
            ids = {json.loads(body)["command_id"] for _, _, _, body in rest.asked}
            assert len(ids) == 3, "each command has an id of its own"
        else:
            assert (method, authorization) == ("DELETE", "Basic TUE6dA==")

    with_rest(story)


@pytest.mark.parametrize("carrier", CARRIERS)
def test_a_call_is_moved_to_the_colleague(carrier: str) -> None:
    """By TwiML, by a command, by asking us what the leg does now."""

    async def story(rest: Rest, url: str, http: aiohttp.ClientSession) -> None:
        control = control_of(carrier, url, http)
        assert "transfer_cold" in control.abilities
        outcome = await control.transfer(TARGET)
        assert outcome.done
        ((_, path, _, body),) = rest.asked
        if carrier == "twilio":
            (twiml,) = parse_qs(body)["Twiml"]
            assert '<Dial timeout="25" callerId="+15550199" action="https://v/lines/twilio/dialled"' in twiml
            assert "<Number>+15550122</Number>" in twiml
        elif carrier == "signalwire":
            assert parse_qs(body) == {"Url": ["https://v/lines/signalwire/moved?to=%2B15550122"]}
        elif carrier == "telnyx":
            order = json.loads(body)
            assert path.endswith("/actions/transfer")
            assert (order["to"], order["from"], order["timeout_secs"]) == ("+15550122", "+15550199", 25)
            assert order["custom_headers"] == [{"name": "X-Call", "value": "7"}]
        else:
            assert json.loads(body)["aleg_url"] == "https://v/lines/plivo/moved?to=%2B15550122"

    with_rest(story)


@pytest.mark.parametrize("carrier", CARRIERS)
def test_where_the_carrier_refuses_or_is_gone_the_caller_stays(carrier: str) -> None:
    """The agent is told, and says so; no key is in the words."""

    async def story(rest: Rest, url: str, http: aiohttp.ClientSession) -> None:
        control = control_of(carrier, url, http)
        for status, text in ((500, ""), (422, '{"errors":[{"title":"Invalid number"}]}'), (400, "x"), (401, "")):
            rest.status, rest.text = status, text
            outcome = await control.transfer(TARGET)
            assert not outcome.done
        gone = control_of(carrier, "http://127.0.0.1:9", http)
        outcome = await gone.transfer(TARGET)
        assert outcome.result == "failed"
        assert "KEY" not in outcome.detail
        await gone.hang_up("caller_silent")

    with_rest(story)


def test_digits_are_sent_where_the_carrier_can() -> None:
    """Telnyx has a command for it."""

    async def story(rest: Rest, url: str, http: aiohttp.ClientSession) -> None:
        await control_of("telnyx", url, http).send_digits("1w2#")
        ((_, path, _, body),) = rest.asked
        assert path.endswith("/actions/send_dtmf")
        assert json.loads(body)["digits"] == "1w2#"

    with_rest(story)
