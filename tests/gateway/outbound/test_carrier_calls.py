"""Calls that carriers make for us: what they are asked, what they say, what becomes of it. Against fakes of their REST.

Nobody here was at a carrier: paths and fields are those of their documents.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs

import aiohttp
import pytest
from aiohttp import web

from lineside.gateway.carriers.account import Webhook, twilio_signature
from lineside.gateway.carriers.placing import CarrierDialer, PlacesCalls
from lineside.gateway.carriers.plivo import PlivoAccount
from lineside.gateway.carriers.progress import progress_of
from lineside.gateway.carriers.telnyx import TelnyxAccount
from lineside.gateway.carriers.twilio import SignalWireAccount, TwilioAccount
from lineside.gateway.carriers.vonage import VonageAccount
from lineside.protocol import EndReason
from lineside.transports.dialer import CannotDial, DialedCall, DialOrder, DialOutcome
from lineside.transports.line_control import OfferedCall
from tests.call.fixtures import settings
from tests.gateway.test_app import ServedGateway, opened
from tests.patience import until
from tests.transports.carriers import Twilio

PUBLIC, TOKEN = "https://voice.example.com", "12345"
ORDER = DialOrder(to="+15550100", caller_id="+15550199", ring_seconds=20)
KEY = "MCowBQYDK2VwAyEA"
KEYS: dict[str, Any] = {
    "public_url": PUBLIC, "twilio_account_sid": "AC1", "twilio_auth_token": TOKEN,
    "signalwire_space": "a.signalwire.com", "signalwire_project": "p-1", "signalwire_token": "t",
    "signalwire_signing_key": "k", "plivo_auth_id": "MA1", "plivo_auth_token": "t",
    "telnyx_public_key": "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", "telnyx_api_key": "KEY",
    "telnyx_connection_id": "7267", "vonage_application_id": "app", "vonage_signature_secret": "s",
}  # fmt: skip


class Rest:
    """Carriers' REST, whatever the host: keeps what was asked."""

    def __init__(self, http: aiohttp.ClientSession, port: int) -> None:
        self.asked: list[tuple[str, str, str]] = []
        self.status, self.text = 201, "{}"
        self._http, self._port = http, port

    def request(self, method: str, url: str, **how: Any) -> Any:
        host, _, path = url.removeprefix("https://").partition("/")
        return self._http.request(method, f"http://127.0.0.1:{self._port}/{host}/{path}", **how)

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append((request.method, request.path, await request.text()))
        return web.Response(status=self.status, text=self.text)


async def with_rest(story: Callable[[Rest], Awaitable[None]]) -> None:
    app = web.Application()
    runner = web.AppRunner(app)
    async with aiohttp.ClientSession() as http:
        rest = Rest(http, 0)
        app.router.add_route("*", "/{path:.*}", rest.answer)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        rest._port = runner.addresses[0][1]
        await story(rest)
        await runner.cleanup()


def account(carrier: str, rest: Rest) -> PlacesCalls:
    made = {
        "twilio": TwilioAccount, "signalwire": SignalWireAccount, "plivo": PlivoAccount, "telnyx": TelnyxAccount,
        "vonage": VonageAccount,
    }[carrier]  # fmt: skip
    return cast("PlacesCalls", made(settings(**KEYS), cast("aiohttp.ClientSession", rest)))


def webhook(form: dict[str, str], body: bytes = b"") -> Webhook:
    return Webhook("POST", f"{PUBLIC}/x", {}, form, {}, body, 0.0)


def call(held: list[OfferedCall] | None = None) -> tuple[DialedCall, list[str]]:
    seen: list[str] = []

    async def hold(offered: OfferedCall) -> EndReason:
        seen.append("held")
        return "caller_hung_up"

    return DialedCall("c1", hold, lambda: seen.append("ringing")), seen


def dialer(carrier: str, rest: Rest) -> CarrierDialer:
    return CarrierDialer(account(carrier, rest), PUBLIC, lambda name: f"wss://voice.example.com/{name}")


async def placed(one: CarrierDialer) -> str:
    """The name of the call that was just placed."""
    async with asyncio.timeout(60):
        while not (waiting := [name for name, it in one._waiting.items() if it.carrier_call_id]):  # noqa: ASYNC110 - of other objects
            await asyncio.sleep(0.005)
    return waiting[0]


ANSWERS = {
    "twilio": '{"sid": "CA9", "status": "queued"}',
    "signalwire": '{"sid": "0a-1b"}',
    "plivo": '{"message": "call fired", "request_uuid": "9834-aa", "api_id": "x"}',
    "telnyx": '{"data": {"call_control_id": "v3:abc", "is_alive": false}}',
}
PATHS = {
    "twilio": "/api.twilio.com/2010-04-01/Accounts/AC1/Calls.json",
    "signalwire": "/a.signalwire.com/api/laml/2010-04-01/Accounts/p-1/Calls.json",
    "plivo": "/api.plivo.com/v1/Account/MA1/Call/",
    "telnyx": "/api.telnyx.com/v2/calls",
}
GIVEN_UP = {
    "twilio": ("POST", "/api.twilio.com/2010-04-01/Accounts/AC1/Calls/CA9.json"),
    "signalwire": ("POST", "/a.signalwire.com/api/laml/2010-04-01/Accounts/p-1/Calls/0a-1b.json"),
    "plivo": ("DELETE", "/api.plivo.com/v1/Account/MA1/Request/9834-aa/"),
    "telnyx": ("POST", "/api.telnyx.com/v2/calls/v3:abc/actions/hangup"),
}


@pytest.mark.parametrize("carrier", list(ANSWERS))
def test_a_carrier_is_asked_to_call_and_told_to_give_up(carrier: str) -> None:
    """Number, caller id, ringing time, addresses that nobody can guess; a call that is cancelled is ended there."""

    async def story(rest: Rest) -> None:
        rest.text = ANSWERS[carrier]
        one, (dialled, _) = dialer(carrier, rest), call()
        task = asyncio.create_task(one.dial(ORDER, dialled))
        name = await placed(one)
        method, path, body = rest.asked[0]
        assert (method, path) == ("POST", PATHS[carrier])
        sent = json.loads(body) if body.startswith("{") else {k: v[0] for k, v in parse_qs(body).items()}
        values = [str(value) for value in sent.values()]
        assert {"20", f"{PUBLIC}/lines/{carrier}/progress/{name}"} <= set(values)
        assert [value.lstrip("+") for value in values if value.endswith("5550100")] == ["15550100"]
        assert len(name) == 32
        task.cancel()
        await asyncio.wait([task])
        assert rest.asked[-1][:2] == GIVEN_UP[carrier]
        assert not one.waits_for(name)

    asyncio.run(with_rest(story))


@pytest.mark.parametrize(
    ("carrier", "form", "result"),
    [
        ("twilio", {"CallStatus": "busy"}, "busy"),
        ("twilio", {"CallStatus": "no-answer"}, "no_answer"),
        ("twilio", {"CallStatus": "failed"}, "failed"),
        ("signalwire", {"CallStatus": "canceled"}, "cancelled"),
        ("plivo", {"CallStatus": "timeout"}, "no_answer"),
        ("plivo", {"CallStatus": "failed", "HangupCauseName": "Invalid Destination Address"}, "invalid"),
        ("telnyx", {"hangup_cause": "user_busy"}, "busy"),
        ("telnyx", {"hangup_cause": "call_rejected", "sip_hangup_cause": "603"}, "rejected"),
        ("telnyx", {"hangup_cause": "not_found"}, "invalid"),
        ("telnyx", {"hangup_cause": "timeout"}, "no_answer"),
    ],
)
def test_what_a_carrier_says_is_the_outcome(carrier: str, form: dict[str, str], result: str) -> None:
    """It rings first; nobody is given up that is over."""

    async def story(rest: Rest) -> None:
        rest.text = ANSWERS[carrier]
        one, (dialled, seen) = dialer(carrier, rest), call()
        task = asyncio.create_task(one.dial(ORDER, dialled))
        name = await placed(one)
        await one.progressed(name, of(carrier, {"CallStatus": "ringing"}, "call.initiated"))
        await one.progressed(name, of(carrier, {"CallStatus": "a new word"}, "call.something"))
        assert seen == ["ringing"]
        await one.progressed(name, of(carrier, form, "call.hangup"))
        outcome = await task
        assert outcome.result == result
        assert len(rest.asked) == 1

    asyncio.run(with_rest(story))


def of(carrier: str, form: dict[str, str], event: str) -> Webhook:
    if carrier != "telnyx":
        return webhook(form)
    return webhook({}, json.dumps({"data": {"event_type": event, "payload": form}}).encode())


def test_telnyx_is_told_to_open_the_stream_when_the_call_is_answered() -> None:
    """And the call is held by whoever brings the ticket, once; its end is the outcome."""

    async def story(rest: Rest) -> None:
        rest.text = ANSWERS["telnyx"]
        one, (dialled, seen) = dialer("telnyx", rest), call()
        task = asyncio.create_task(one.dial(ORDER, dialled))
        name = await placed(one)
        await one.progressed(name, of("telnyx", {}, "call.answered"))
        _, path, body = rest.asked[-1]
        assert path == "/api.telnyx.com/v2/calls/v3:abc/actions/streaming_start"
        assert json.loads(body)["stream_bidirectional_mode"] == "rtp"
        assert json.loads(body)["stream_url"].endswith(name)
        hold = one.holder(name)
        assert hold is not None
        assert one.holder(name) is None, "one stream holds it"
        await hold(cast("OfferedCall", None))
        assert await task == DialOutcome("answered", ended="caller_hung_up")
        assert seen == ["held"]

    asyncio.run(with_rest(story))


def test_what_is_missing_is_named_and_what_is_refused_is_said() -> None:
    """No caller id, no key: nothing is asked. HTTP 400 is a wrong number, 500 a failure."""

    async def story(rest: Rest) -> None:
        for carrier in ANSWERS:
            with pytest.raises(CannotDial, match="OUTBOUND_CALLER_ID"):
                await dialer(carrier, rest).dial(DialOrder(to="+15550100"), call()[0])
        with pytest.raises(CannotDial, match="VONAGE_PRIVATE_KEY"):
            await dialer("vonage", rest).dial(ORDER, call()[0])
        assert rest.asked == []
        for status, result in ((400, "invalid"), (500, "failed"), (401, "failed")):
            rest.status, rest.text = status, '{"code": 21211}'
            assert (await dialer("twilio", rest).dial(ORDER, call()[0])).result == result
        rest.status, rest.text = 201, '{"sid": "../../x"}'
        assert (await dialer("twilio", rest).dial(ORDER, call()[0])).result == "failed"

    asyncio.run(with_rest(story))


def test_no_word_of_a_carrier_breaks_anything() -> None:
    """Unknown words mean nothing."""
    for word in ("", "🙂", "COMPLETED", "x" * 10_000):
        assert progress_of(word).state in ("", "over")


def test_a_call_by_twilio_from_the_request_to_its_end(tmp_path: Path) -> None:
    """Placed, rings, answered, held over its media stream, and over: only signed webhooks count."""

    async def story(rest: Rest) -> None:
        rest.text = ANSWERS["twilio"]
        given = KEYS | {
            "data_dir": tmp_path, "outbound_allowed": ("+1555*",), "outbound_line": "twilio",
            "outbound_hours": ("mon-sun 0:00-24:00",), "outbound_caller_id": "+15550199",
            "signalwire_signing_key": "", "plivo_auth_token": "", "telnyx_public_key": "",
            "vonage_signature_secret": "",
        }  # fmt: skip
        async with opened(**given) as served:
            outbound = served.gateway.outbound
            outbound.add_line(dialer_of(served, rest))
            body = {"to": "+15550100", "consent": "x", "timezone": "UTC"}
            async with served.http.post(f"{served.url}/api/calls", json=body) as answer:
                made = await answer.json()
                assert answer.status == 200, made
            async with asyncio.timeout(60):
                while not rest.asked:  # noqa: ASYNC110 - what is waited for is in other objects
                    await asyncio.sleep(0.01)
            sent = {name: value[0] for name, value in parse_qs(rest.asked[0][2]).items()}
            path = sent["Url"].removeprefix(PUBLIC)
            form = {"CallSid": "CA9", "AccountSid": "AC1", "From": "+15550199", "To": "+15550100"}
            form |= {"Direction": "outbound-api", "CallStatus": "in-progress"}
            async with served.http.post(served.url + path, data=form) as unsigned:
                assert unsigned.status == 403
            headers = {"X-Twilio-Signature": twilio_signature(TOKEN, PUBLIC + path, form)}
            async with served.http.post(served.url + path, data=form, headers=headers) as answer:
                twiml = await answer.text()
            socket = twiml.partition('url="')[2].partition('"')[0]
            carrier = Twilio()
            async with served.http.ws_connect(served.url + socket.removeprefix("wss://voice.example.com")) as ws:
                for message in carrier.opening():
                    await ws.send_str(message)
                for number in range(1, 15):
                    await ws.send_str(str(carrier.media(b"\xff" * 160, number)))
                    await asyncio.sleep(0.02)
                await until(served.gateway.call_registry.list, "the call is listed")
                (active,) = served.gateway.call_registry.list()
                assert (active.direction, active.called, active.line) == ("outbound", "+15550100", "twilio")
                assert served.gateway.calls == 1, "one slot, taken before it was dialled"
                await ws.send_str(carrier.stop())
                async with asyncio.timeout(60):
                    while (await ws.receive()).type is not aiohttp.WSMsgType.CLOSE:
                        pass
            async with asyncio.timeout(60):
                while (now := outbound.get(made["id"])) is None or now.state != "over":  # noqa: ASYNC110 - of other objects
                    await asyncio.sleep(0.01)
            assert (now.reason, now.outcome) == ("caller_hung_up", "answered_unknown")

    asyncio.run(with_rest(story))


def dialer_of(served: ServedGateway, rest: Rest) -> CarrierDialer:
    """The gateway's own, whose carrier is the fake."""
    one = served.gateway.telephones._placed.dialers["twilio"]
    cast("Any", one._account)._http = rest
    return one
