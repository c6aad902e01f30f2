"""Calls over SIP that a program takes by OpenAI's API: the stock client is told, accepts, leads, refers, hangs up."""

import asyncio
import base64
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import openai
import pytest
from aiohttp import web
from openai.types.webhooks import RealtimeCallIncomingWebhookEvent

from lineside.engines.vendors.scripted import ScriptedLLM, ScriptedSTT
from lineside.errors import ConfigError
from lineside.testclient.sip_phone import CallNotAnswered, PhoneCall
from lineside.transports.line_control import OnlyHangsUp, TransferOutcome, TransferTarget
from tests.gateway.test_app import opened
from tests.gateway.test_sip_line import QUIET, Line, line
from tests.realtime.fixtures import Client

SECRET = "whsec_" + base64.b64encode(b"twenty-four bytes, or so").decode()
VOICE = b"\x10\x90" * 80
LONG = "One two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen."


class Program:
    """Somebody's program: a receiver of webhooks with the stock client, and a telephone that calls."""

    def __init__(self, client: openai.AsyncOpenAI, one: Line, answers: int) -> None:
        self.client, self.one, self._answers = client, one, answers
        self.events: asyncio.Queue[RealtimeCallIncomingWebhookEvent] = asyncio.Queue(10)
        self.tries = 0

    async def receive(self, request: web.Request) -> web.Response:
        event = self.client.webhooks.unwrap(await request.read(), dict(request.headers), secret=SECRET)
        assert isinstance(event, RealtimeCallIncomingWebhookEvent)
        self.tries += 1
        self.events.put_nowait(event)
        return web.Response(status=self._answers)

    def dial(self, **how: Any) -> "asyncio.Task[PhoneCall]":
        return asyncio.create_task(self.one.phone.call(self.one.uri, self.one.hear, **how))

    async def rings(self) -> str:
        """The id of the call that rings."""
        async with asyncio.timeout(10):
            return (await self.events.get()).data.call_id

    @asynccontextmanager
    async def beside(self, call_id: str) -> AsyncGenerator[Client, None]:
        async with self.client.realtime.connect(call_id=call_id) as connection:
            client = Client(connection, self.one)  # type: ignore[arg-type]
            assert (await client.next())["type"] == "session.created"
            yield client


def with_program(story: Callable[[Program], Awaitable[None]], *, answers: int = 200, **given: Any) -> None:
    async def main() -> None:
        app, programs = web.Application(), list[Program]()

        async def receive(request: web.Request) -> web.Response:
            return await programs[0].receive(request)

        app.router.add_post("/hook", receive)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        hook = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
        chosen = {"realtime_webhook_url": hook, "realtime_webhook_secret": SECRET, "echo_gate": False} | given
        try:
            async with (
                line(**chosen) as one,
                openai.AsyncOpenAI(base_url=f"{one.url}/v1", api_key="right", max_retries=0) as client,
            ):
                engines = one.gateway._registry._engines
                engines["llm", "scripted"] = ScriptedLLM(answers=("We open at nine.", LONG))
                engines["stt", "scripted"] = ScriptedSTT(hears=("When do you open?",))
                programs.append(Program(client, one, answers))
                await story(programs[0])
        finally:
            await runner.cleanup()

    asyncio.run(main())


def test_a_program_is_told_of_a_call_accepts_it_leads_it_and_hangs_up() -> None:
    """The stock client throughout: signature, types, accept, the socket beside the call, keys, hang-up."""

    async def story(program: Program) -> None:
        dialling = program.dial(headers=(("X-Queue", "sales"), ("Proxy-Authorization", "Digest x")))
        event = await program.events.get()
        headers = {header.name: header.value for header in event.data.sip_headers}
        assert "caller" in headers["From"]
        assert headers["X-Queue"] == "sales"
        assert "Proxy-Authorization" not in headers
        call_id = event.data.call_id
        await program.client.realtime.calls.accept(call_id, type="realtime", instructions="Be brief.")
        async with program.beside(call_id) as beside:
            phone = await dialling
            assert beside.events[0]["session"]["instructions"] == "Be brief."
            phone.send(QUIET * 10 + VOICE * 40 + QUIET * 100)
            done = await beside.until("response.done")
            assert done["response"]["output"][0]["content"][0]["transcript"] == "We open at nine."
            assert "response.output_audio.delta" not in beside.kinds()
            assert beside.all("output_audio_buffer.started")
            await program.one.until("the answer is heard", lambda: len(set(program.one.heard)) > 4)
            phone.press("7")
            assert (await beside.until("input_audio_buffer.dtmf_event_received"))["event"] == "7"
            await beside.type("Tell me all.")
            await beside.send("response.create")
            await beside.until("output_audio_buffer.started")
            await beside.send("output_audio_buffer.clear")
            cut = await beside.until("response.done")
            assert cut["response"]["status_details"]["reason"] == "client_cancelled"
            await program.client.realtime.calls.hangup(call_id)
            assert (await phone.ended).by == "them"

    with_program(story)


def test_a_program_rejects_a_call_with_the_code_it_names() -> None:
    """603 where it names none; a call that was decided on is not decided on again."""

    async def story(program: Program) -> None:
        calls = program.client.realtime.calls
        for given, status in (({}, 603), ({"status_code": 486}, 486)):
            dialling = program.dial()
            await calls.reject(await program.rings(), **given)  # type: ignore[arg-type]
            with pytest.raises(CallNotAnswered) as refused:
                await dialling
            assert refused.value.end.status == status
        dialling = program.dial()
        ringing = await program.rings()
        with pytest.raises(openai.BadRequestError, match="status_code"):
            await calls.reject(ringing, status_code=200)
        with pytest.raises(openai.BadRequestError, match="output_modalities"):
            await calls.accept(ringing, type="realtime", output_modalities=["smell"])  # type: ignore[list-item]
        await calls.hangup(ringing)
        with pytest.raises(CallNotAnswered):
            await dialling
        await program.one.until("the call is forgotten", lambda: program.one.gateway.calls == 0)
        with pytest.raises(openai.NotFoundError):
            await calls.accept(ringing, type="realtime")

    with_program(story)


@pytest.mark.parametrize("answers", [200, 500], ids=["silent", "broken"])
def test_a_call_that_no_program_takes_is_refused_or_our_agents(monkeypatch: pytest.MonkeyPatch, answers: int) -> None:
    """480 after REALTIME_ACCEPT_S, or when the program could not be told; with `agent` ours answers."""
    monkeypatch.setattr("lineside.gateway.incoming_webhook.AGAIN", (0.01,))

    async def refused(program: Program) -> None:
        with pytest.raises(CallNotAnswered) as end:
            await program.dial()
        assert end.value.end.status == 480
        assert program.tries == (1 if answers == 200 else 2)

    async def answered(program: Program) -> None:
        phone = await program.dial()
        phone.hang_up()

    with_program(refused, answers=answers, realtime_accept_s=1.0 if answers == 200 else 30.0)
    with_program(answered, answers=answers, realtime_accept_s=1.0, realtime_unaccepted="agent")


def test_a_caller_who_goes_while_it_rings_and_a_gateway_that_closes_leave_nothing() -> None:
    """The slot is free at once; nobody waits for a program then."""

    async def story(program: Program) -> None:
        dialling = program.dial()
        ringing = await program.rings()
        dialling.cancel()
        await program.one.until("the slot is free", lambda: program.one.gateway.calls == 0)
        with pytest.raises(openai.NotFoundError):
            await program.client.realtime.calls.accept(ringing, type="realtime")
        dialling = program.dial()
        await program.rings()
        program.one.gateway.call_registry.end_all("server_stopping")
        with pytest.raises(CallNotAnswered) as refused:
            await dialling
        assert refused.value.end.status == 503

    with_program(story, realtime_accept_s=60.0)


def test_a_program_that_hangs_up_before_the_call_is_answered_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller, whose call was accepted and is being set up, hears that it is declined."""

    async def story(program: Program) -> None:
        held = asyncio.Event()

        async def slow(asked: object) -> None:
            await asyncio.wait_for(held.wait(), 10)

        monkeypatch.setattr(program.one.gateway._registry, "prepare", slow)
        dialling = program.dial()
        call_id = await program.rings()
        await program.client.realtime.calls.accept(call_id, type="realtime")
        await program.client.realtime.calls.hangup(call_id)
        with pytest.raises(CallNotAnswered) as refused:
            await dialling
        assert refused.value.end.status == 603
        held.set()

    with_program(story)


def test_a_program_that_hangs_up_just_after_the_answer_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The 200 has left, and the call is not one yet that could be ended: it ends as soon as it is."""

    async def story(program: Program) -> None:
        set_up = asyncio.Event()

        async def slow(agent: object) -> None:
            await asyncio.wait_for(set_up.wait(), 10)

        monkeypatch.setattr(program.one.gateway.lines.runner._knowledge, "of", slow)
        dialling = program.dial()
        call_id = await program.rings()
        await program.client.realtime.calls.accept(call_id, type="realtime")
        phone = await dialling
        await program.client.realtime.calls.hangup(call_id)
        set_up.set()
        assert (await asyncio.wait_for(phone.ended, 60)).by == "them"

    with_program(story)


class Transfers(OnlyHangsUp):
    """A line whose colleague takes one caller."""

    def __init__(self) -> None:
        self.to: list[str] = []

    async def transfer(self, target: TransferTarget, how: Any = "cold") -> TransferOutcome:
        self.to.append(target.to)
        return TransferOutcome("transferred") if len(self.to) == 1 else TransferOutcome("busy", "486 Busy Here")


def test_a_program_refers_a_caller_to_allowed_targets_only() -> None:
    """403 for others, 422 where nobody took the caller and the call goes on, 400 for a call that only rings."""

    async def story(program: Program) -> None:
        refer = program.client.realtime.calls.refer
        dialling = program.dial()
        call_id = await program.rings()
        with pytest.raises(openai.BadRequestError):
            await refer(call_id, target_uri="tel:+442079460000")
        await program.client.realtime.calls.accept(call_id, type="realtime")
        phone = await dialling
        async with program.beside(call_id):
            with pytest.raises(openai.PermissionDeniedError, match="TRANSFER_ALLOWED"):
                await refer(call_id, target_uri="tel:+15550100")
            with pytest.raises(openai.UnprocessableEntityError, match="rejected: 603"):
                await refer(call_id, target_uri="tel:+442079460000")
        led = program.one.gateway.lines.led_calls.find(call_id)
        line_of_call = led.control = Transfers()
        await refer(call_id, target_uri="tel:+442079460000")
        with pytest.raises(openai.UnprocessableEntityError, match="busy: 486"):
            await refer(call_id, target_uri="+442079460000")
        assert line_of_call.to == ["+442079460000"] * 2
        phone.hang_up()

    with_program(story, transfer_allowed=("+442079460000",))


def test_only_a_key_opens_a_socket_beside_a_call_and_only_four_at_once() -> None:
    """A client secret is for sessions of its own."""

    async def story(program: Program) -> None:
        dialling = program.dial()
        call_id = await program.rings()
        await program.client.realtime.calls.accept(call_id, type="realtime")
        phone = await dialling
        secret = (await program.client.realtime.client_secrets.create()).value
        for key, name, status in ((secret, call_id, 403), ("wrong", call_id, 401), ("right", "rtc_none", 404)):
            assert await _attends(program.one.url, key, name) == status
        async with program.beside(call_id), program.beside(call_id), program.beside(call_id), program.beside(call_id):
            assert await _attends(program.one.url, "right", call_id) == 400
        phone.hang_up()

    with_program(story, api_keys=("right",))


async def _attends(url: str, key: str, call_id: str) -> int:
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=key) as client:
        try:
            async with client.realtime.connect(call_id=call_id):
                return 101
        except Exception as no:
            return int(no.response.status_code)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"sip": True}, "REALTIME_WEBHOOK_SECRET"),
        ({"realtime_webhook_secret": SECRET}, "SIP=true"),
    ],
    ids=["unsigned", "no line"],
)
def test_a_webhook_that_is_not_signed_or_never_sent_is_refused_at_the_start(given: dict[str, Any], name: str) -> None:
    """By the setting that is missing."""

    async def story() -> None:
        with pytest.raises(ConfigError, match=name):
            async with opened(realtime_webhook_url="https://desk.example.com/hook", **given):
                pass

    asyncio.run(story())
