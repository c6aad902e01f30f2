"""The door, over real sockets: who may enter, what bad input is answered, and that one call never harms another."""

import asyncio
import gc
import json
import re
import threading
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from types import SimpleNamespace
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import WSMsgType

from lineside.agents.agent import Agent
from lineside.audio.vad import LoudnessVad
from lineside.call.reply import Reply
from lineside.call.session import CallSession
from lineside.engines.registry import EngineRegistry
from lineside.gateway.app import Gateway
from lineside.gateway.auth import Auth
from lineside.gateway.listen import gateway_socket
from lineside.gateway.readiness import FaultWatch
from lineside.http_front import http_server
from lineside.observability.metrics import GatewayMetrics
from lineside.protocol import AudioDone, AudioStarted, Error, Ready, ReplyText, ServerMessage, decode_server
from lineside.records.trouble import RecordsTrouble
from lineside.transports.browser import BrowserTransport
from tests.call.fixtures import FixedAgentStore, settings

AGENT = Agent(name="Test", prompt="You answer.", greeting="")
OPEN_PATHS = ("/", "/health", "/ready", "/docs", "/openapi.json")  # for those without a key
SECOND = bytes(32000)  # of silence at 16 kHz


class ServedGateway:
    """A gateway that is open, and a client at it."""

    def __init__(self, url: str, gateway: Gateway, http: aiohttp.ClientSession) -> None:
        self.url, self.gateway, self.http = url, gateway, http
        self.callers: list[aiohttp.ClientWebSocketResponse] = []

    async def call(self, first: str | bytes | None = '{"codec":"pcm"}', **how: Any) -> aiohttp.ClientWebSocketResponse:
        ws: aiohttp.ClientWebSocketResponse = await self.http.ws_connect(f"{self.url}/ws/call", **how)
        self.callers.append(ws)
        if isinstance(first, str):
            await ws.send_str(first)
        elif first is not None:
            await ws.send_bytes(first)
        return ws


async def events(ws: aiohttp.ClientWebSocketResponse) -> list[ServerMessage]:
    """All events until the socket closes."""
    return [decode_server.decode(m.data) async for m in ws if m.type is WSMsgType.TEXT]


async def event(ws: aiohttp.ClientWebSocketResponse) -> ServerMessage:
    while True:
        message = await ws.receive(timeout=60)
        assert message.type in (WSMsgType.TEXT, WSMsgType.BINARY), message
        if message.type is WSMsgType.TEXT:
            return decode_server.decode(message.data)


@asynccontextmanager
async def opened(**given: Any) -> AsyncGenerator[ServedGateway, None]:
    scripted = {f"default_{role}_engine": "scripted" for role in ("stt", "llm", "tts")}
    chosen = settings(**(scripted | {"port": 0} | given))
    async with aiohttp.ClientSession() as http:
        gateway = Gateway(
            chosen, FixedAgentStore(AGENT), EngineRegistry(chosen, http), LoudnessVad, http, GatewayMetrics()
        )
        with gateway_socket(chosen) as listener:
            serving = AsyncExitStack()
            await serving.enter_async_context(http_server(gateway.app(), listener, grace=1))
            there = ServedGateway(f"http://127.0.0.1:{listener.getsockname()[1]}", gateway, http)
            try:
                yield there
            finally:
                await serving.aclose()
                for ws in there.callers:
                    await ws.close()
                assert gateway.calls == 0, "slots equal live calls"


def with_served_gateway(story: Callable[[ServedGateway], Awaitable[None]], **given: Any) -> None:
    async def main() -> None:
        async with opened(**given) as listener:
            await story(listener)

    asyncio.run(main(), debug=True)


def test_the_page_may_be_kept_and_framed_by_nobody() -> None:
    """Its files have a hash in their names and are kept for good; the page that names them is asked for every time."""

    async def story(gateway_client: ServedGateway) -> None:
        async with gateway_client.http.get(gateway_client.url + "/") as page:
            text = await page.text()
            assert page.headers["Cache-Control"] == "no-cache"
            policy = page.headers["Content-Security-Policy"]
            for rule in ("default-src 'self'", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"):
                assert rule in policy
        script = re.search(r'src="(web/assets/[^"]+)"', text)
        assert script is not None
        async with gateway_client.http.get(f"{gateway_client.url}/{script[1]}") as file:
            assert "immutable" in file.headers["Cache-Control"]
        async with gateway_client.http.get(gateway_client.url + "/web/assets/none.js") as none:
            assert none.status == 404
            assert "immutable" not in none.headers.get("Cache-Control", "")

    with_served_gateway(story)


@pytest.mark.parametrize(
    ("first", "names"),
    [
        ("not json", ["first message", "JSON", '{"codec":"pcm"}']),
        ("[]", ["first message", "object"]),
        ("{}", ["codec", "pcm, g711_ulaw, g711_alaw"]),
        ('{"codec":"opus"}', ["codec", "opus", "pcm, g711_ulaw, g711_alaw"]),
        ('{"codec":7}', ["codec", "pcm, g711_ulaw, g711_alaw"]),
        ('{"codec":"pcm","sample_rate":7999}', ["sample_rate", "8000 to 48000"]),
        ('{"codec":"pcm","sample_rate":44100.5}', ["sample_rate", "8000 to 48000"]),
        ('{"codec":"g711_ulaw","sample_rate":16000}', ["sample_rate", "8000"]),
        ('{"codec":"pcm","mode":"sing"}', ["mode", "conversation, transcribe_only"]),
        ('{"codec":"pcm","stt_engine":"nobody"}', ["stt_engine", "nobody", "faster-whisper"]),
        ('{"codec":"pcm","llm_engine":"nobody"}', ["llm_engine", "embedded"]),
        ('{"codec":"pcm","tts_engine":"../../etc"}', ["tts_engine", "piper"]),
        ('{"codec":"pcm","tts_engine":"piper","tts_voice":"x"}', ["tts_voice", "en_US-joe-medium"]),
        ('{"codec":"pcm","codex":"x"}', ["codex"]),
        ('{"codec":"pcm","draft":"x"}', ["draft", "start the test call again"]),
        (b"\x00\x00", ["first message", "audio", '"codec"']),
    ],
)
def test_a_wrong_first_message_is_named_and_shown_out(first: str | bytes, names: list[str]) -> None:
    """One error that says which field and what is allowed there; then the socket is closed with 1008."""

    async def story(gateway_client: ServedGateway) -> None:
        ws = await gateway_client.call(first)
        (error,) = await events(ws)
        assert isinstance(error, Error)
        assert error.fatal
        assert all(name in error.message for name in names), error.message
        assert ws.close_code == 1008

    with_served_gateway(story)


def test_a_test_call_is_answered_by_the_draft_it_names() -> None:
    """It greets as the draft does, and is no customer's call; the next one has the agent again."""

    async def story(gateway_client: ServedGateway) -> None:
        draft = {"name": "Bakery", "prompt": "You answer for a bakery.", "greeting": "Good morning."}
        async with gateway_client.http.post(f"{gateway_client.url}/api/agent/draft", json=draft) as answer:
            named = (await answer.json())["draft"]
        ws = await gateway_client.call(json.dumps({"codec": "pcm", "draft": named}))
        while not isinstance(said := await event(ws), ReplyText):
            pass
        assert said.text == "Good morning."
        async with gateway_client.http.get(f"{gateway_client.url}/api/calls") as listed:
            assert [call["line"] for call in (await listed.json())["calls"]] == ["test"]
        await ws.close()
        async with gateway_client.http.get(f"{gateway_client.url}/api/agent") as now:
            assert (await now.json())["name"] == AGENT.name

    with_served_gateway(story)


def test_a_caller_who_says_nothing_first_is_shown_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """No first message in time: a named error, 1008, and the slot is free again."""
    monkeypatch.setattr("lineside.gateway.browser_calls.FIRST_MESSAGE", 0.05)

    async def story(gateway_client: ServedGateway) -> None:
        ws = await gateway_client.call(None)
        (error,) = await events(ws)
        assert isinstance(error, Error)
        assert error.code == "no_first_message"
        assert ws.close_code == 1008

    with_served_gateway(story)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (b"\0" * 641, "odd_length"),
        (b"\0" * 65538, "frame_too_large"),
        ("{", "bad_message"),
        ('{"type":"dance"}', "bad_message"),
        ('{"type":"dtmf","digits":"12x"}', "bad_message"),
        ('{"type":"text","text":""}', "bad_message"),
    ],
)
def test_bad_messages_are_named_and_the_call_goes_on(message: str | bytes, code: str) -> None:
    """A fault in one message costs that message; typed words after it are answered."""

    async def story(gateway_client: ServedGateway) -> None:
        ws = await gateway_client.call()
        assert isinstance(await event(ws), Ready)
        await (ws.send_bytes(message) if isinstance(message, bytes) else ws.send_str(message))
        error = await event(ws)
        assert isinstance(error, Error)
        assert (error.code, error.fatal) == (code, False)
        await ws.send_str('{"type":"text","text":"Hello"}')
        while type(await event(ws)).__name__ != "AudioStarted":
            pass
        await ws.close()

    with_served_gateway(story)


def test_too_many_faults_end_the_call() -> None:
    """Rubbish for ever is not answered for ever."""

    async def story(gateway_client: ServedGateway) -> None:
        ws = await gateway_client.call()
        for _ in range(30):
            await ws.send_str("rubbish")
        told = await events(ws)
        assert sum(isinstance(e, Error) for e in told) == 21
        assert ws.close_code == 1008

    with_served_gateway(story)


def test_a_flood_is_ended_and_other_calls_do_not_notice() -> None:
    """Sound much faster than real time: a named error for that caller; the call beside it is answered."""

    async def story(gateway_client: ServedGateway) -> None:
        beside = await gateway_client.call()
        assert isinstance(await event(beside), Ready)
        flood = await gateway_client.call()
        for _ in range(12):
            await flood.send_bytes(SECOND)
        told = await events(flood)
        assert [e.code for e in told if isinstance(e, Error)] == ["too_fast"]
        assert flood.close_code == 1008
        await beside.send_str('{"type":"text","text":"Hello"}')
        while type(await event(beside)).__name__ != "AudioDone":
            pass
        await beside.close()

    with_served_gateway(story)


def test_full_capacity_is_told_before_the_upgrade() -> None:
    """MAX_CONCURRENT_CALLS calls are taken, the next gets 503 with Retry-After; a freed line is taken again."""

    async def story(gateway_client: ServedGateway) -> None:
        calls = [await gateway_client.call() for _ in range(2)]
        for ws in calls:
            assert isinstance(await event(ws), Ready)
        async with gateway_client.http.get(f"{gateway_client.url}/ws/call") as full:
            assert full.status == 503
            assert int(full.headers["Retry-After"]) > 0
            assert "MAX_CONCURRENT_CALLS" in (await full.json())["error"]["message"]
        await calls[0].send_str('{"type":"hangup"}')
        await events(calls[0])
        assert isinstance(await event(await gateway_client.call()), Ready)

    with_served_gateway(story, max_concurrent_calls=2)


def test_hanging_up_is_answered_with_the_reason() -> None:
    """`ended` is the last word, and the socket closes normally."""

    async def story(gateway_client: ServedGateway) -> None:
        ws = await gateway_client.call()
        await ws.send_str('{"type":"hangup"}')
        told = await events(ws)
        assert json.loads(msgspec.json.encode(told[-1])) == {
            "type": "ended",
            "at": 0.0,
            "reason": "caller_hung_up",
        }
        assert ws.close_code == 1000

    with_served_gateway(story)


@pytest.mark.parametrize(
    ("origin", "host", "status"),
    [
        (None, None, 101),
        ("SELF", None, 101),
        ("https://desk.example.com", None, 101),
        ("https://evil.example.com", None, 403),
        ("null", None, 403),
        ("http://evil.example.com", "evil.example.com", 403),  # a stranger's name made to point here
    ],
)
def test_only_pages_of_our_own_may_connect(origin: str | None, host: str | None, status: int) -> None:
    """Browsers send an Origin; programs do not. A name that is not localhost is refused on loopback."""

    async def story(gateway_client: ServedGateway) -> None:
        headers = {"Origin": gateway_client.url if origin == "SELF" else origin} if origin else {}
        headers |= {"Host": host} if host else {}
        if status != 101:
            with pytest.raises(aiohttp.WSServerHandshakeError, match=str(status)):
                await gateway_client.call(headers=headers)
            return
        assert isinstance(await event(await gateway_client.call(headers=headers)), Ready)

    with_served_gateway(story, allowed_origins="https://desk.example.com")


def test_keys_guard_everything_once_set() -> None:
    """Without a key 401; with one, by header; a browser gets a short-lived token for its socket."""

    async def story(gateway_client: ServedGateway) -> None:
        for path in ("/ws/call", "/api/engines"):
            async with gateway_client.http.get(f"{gateway_client.url}{path}") as answer:
                assert answer.status == 401
                assert "API_KEYS" in (await answer.json())["error"]["message"]
        async with gateway_client.http.post(
            f"{gateway_client.url}/api/token", headers={"X-API-Key": "wrong"}
        ) as answer:
            assert answer.status == 401
        key = {"Authorization": "Bearer second"}
        async with gateway_client.http.post(f"{gateway_client.url}/api/token", headers=key) as answer:
            token = (await answer.json())["token"]
        ws = await gateway_client.http.ws_connect(f"{gateway_client.url}/ws/call?token={token}")
        await ws.send_str('{"codec":"pcm"}')
        assert isinstance(await event(ws), Ready)
        await ws.close()
        with pytest.raises(aiohttp.WSServerHandshakeError, match="401"):
            await gateway_client.http.ws_connect(f"{gateway_client.url}/ws/call?token={token}x")
        async with gateway_client.http.get(f"{gateway_client.url}/health") as answer:
            assert answer.status == 200

    with_served_gateway(story, api_keys="first, second")


ODD_HEADERS = [
    (b"Authorization: Bearer \xff", 401),
    (b"X-API-Key: \xff\xfe", 401),
    (b"Origin: http://[", 403),
    (b"Origin: http://[::1", 403),
    (b"x-api-key: first", 200),
    (b"authorization: bearer first", 200),
    (b"X-API-KEY: first", 200),
]


@pytest.mark.parametrize(("header", "status"), ODD_HEADERS)
def test_headers_of_any_bytes_and_any_case_are_understood_or_refused(header: bytes, status: int) -> None:
    """Never a 500; proxies and HTTP/2 write names in small letters."""

    async def story(gateway_client: ServedGateway) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(gateway_client.url.rpartition(":")[2]))
        writer.write(b"GET /api/calls HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + header + b"\r\n\r\n")
        answer = await asyncio.wait_for(reader.read(), 60)
        writer.close()
        assert answer.split()[1] == str(status).encode()

    with_served_gateway(story, api_keys="first, second")


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("evil.example", False),
        ("localhost.evil.example:80", False),
        ("", False),
        ("10.1.2.3:3001", True),
        ("[::1]:3001", True),
        ("gateway:3001", True),
        ("desk.example", True),
        ("localhost", True),
    ],
)
def test_without_keys_a_page_whose_name_was_made_to_point_here_is_refused(host: str, allowed: bool) -> None:
    """Open to the network without keys: addresses, names without a dot and what ALLOWED_ORIGINS names are answered."""
    auth = Auth(settings(host="0.0.0.0", allowed_origins="https://desk.example"))  # noqa: S104 - nothing listens
    origin = f"http://{host}" if host else None
    assert (auth.refuses_origin(origin, host) is None) == allowed
    assert (auth.refuses_origin(None, host) is None) == allowed
    keyed = Auth(settings(host="0.0.0.0", api_keys="key"))  # noqa: S104 - nothing listens
    assert keyed.refuses_origin(None, host) is None, "pages have no key"


def test_every_route_has_the_headers_that_browsers_heed() -> None:
    """Asked with the key and without, in every method that it has: pages, files, API, refusals and metrics."""

    async def story(gateway_client: ServedGateway) -> None:
        routes = {
            (route.method, re.sub(r"{[^}]+}", "x", route.resource.canonical))
            for route in gateway_client.gateway.app().router.routes()
            if route.resource is not None and route.method != "*"
        }
        assert len(routes) > 30
        for method, path in sorted(routes):
            for key in ("", "first"):
                async with gateway_client.http.request(
                    method, gateway_client.url + path, headers={"X-API-Key": key}
                ) as answer:
                    assert answer.status != 500, (method, path)
                    assert answer.headers["X-Content-Type-Options"] == "nosniff", (method, path)
                    assert answer.headers["Referrer-Policy"] == "no-referrer", (method, path)
                    assert answer.headers["Server"] == "lineside", (method, path)
                    if method == "OPTIONS":  # a browser asks without the key, and what it is told is no secret
                        assert path in ("/rtc/call", "/v1/realtime/calls")
                        assert (answer.status, await answer.text()) == (204, "")
                    elif key == "" and path not in OPEN_PATHS and not path.startswith("/web/"):
                        assert answer.status == 401, (method, path)

    with_served_gateway(story, api_keys="first, second")


@pytest.mark.parametrize(("rate", "elsewhere"), [(12_345, True), (16_000, False)])
def test_the_tables_of_an_odd_sample_rate_are_made_beside_the_loop(
    monkeypatch: pytest.MonkeyPatch, rate: int, elsewhere: bool
) -> None:
    """Other calls are heard meanwhile; the call itself is answered as any other."""
    made = list[int]()

    def make(from_rate: int, to_rate: int) -> None:
        assert threading.current_thread() is not threading.main_thread()
        made.append(from_rate)

    monkeypatch.setattr("lineside.gateway.call_runner.InputResampler", make)

    async def story(gateway_client: ServedGateway) -> None:
        ws = await gateway_client.call(json.dumps({"codec": "pcm", "sample_rate": rate}))
        assert isinstance(await event(ws), Ready)
        await ws.close()

    with_served_gateway(story)
    assert made == ([rate] if elsewhere else [])


def test_tables_of_odd_sample_rates_are_made_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many callers come at once: one thread makes them all, and the other calls keep the processors."""
    threads = list[int]()

    def make(from_rate: int, to_rate: int) -> None:
        threads.append(threading.get_ident())

    monkeypatch.setattr("lineside.gateway.call_runner.InputResampler", make)

    async def story(gateway_client: ServedGateway) -> None:
        callers = [
            await gateway_client.call(json.dumps({"codec": "pcm", "sample_rate": 12_345 + at})) for at in range(6)
        ]
        for ws in callers:
            assert isinstance(await event(ws), Ready)
            await ws.close()

    with_served_gateway(story)
    assert (len(threads), len(set(threads))) == (6, 1)


def test_work_that_fails_is_started_again_and_health_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reading of the machine meets a fault that nobody thought of: calls go on, and whoever watches is told."""

    async def broken(self: object) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr("lineside.gateway.app.MachineReader.latest", broken)

    async def story(gateway_client: ServedGateway) -> None:
        await asyncio.sleep(0)
        async with gateway_client.http.get(f"{gateway_client.url}/health") as answer:
            told = await answer.json()
            assert (answer.status, told["status"], told["failing"]) == (200, "degraded", ["machine"])
        async with gateway_client.http.get(f"{gateway_client.url}/metrics") as answer:
            assert 'lineside_work_failures_total{work="machine"}' in await answer.text()

    with_served_gateway(story)


def test_health_names_what_fails_in_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks the gateway alone is told, and a fault of its own is named once."""

    async def story(gateway_client: ServedGateway) -> None:
        workers = SimpleNamespace(up=[1, 2], faults=FaultWatch())
        for times in (0.0, 1.0):
            workers.faults.take({"background work fails: beat": times}, time.monotonic())
        monkeypatch.setattr(gateway_client.gateway, "_workers", workers)
        async with gateway_client.http.get(f"{gateway_client.url}/health") as answer:
            told = await answer.json()
        assert (told["status"], told["workers"], told["failing"]) == ("degraded", 2, ["background work fails: beat"])

    with_served_gateway(story)


def test_one_key_cannot_hold_every_slot() -> None:
    """MAX_CALLS_PER_KEY, its tokens included: the next is refused in words before the upgrade, another key is not."""

    async def story(gateway_client: ServedGateway) -> None:
        one, other = ({"Authorization": f"Bearer {key}"} for key in ("one", "other"))
        await gateway_client.call(headers=one)
        async with gateway_client.http.post(f"{gateway_client.url}/api/token", headers=one) as answer:
            token = (await answer.json())["token"]
        await gateway_client.call(params={"token": token})
        with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
            await gateway_client.call(headers=one)
        with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
            await gateway_client.call(params={"token": token})
        async with gateway_client.http.get(f"{gateway_client.url}/ws/call", headers=one) as answer:
            assert "MAX_CALLS_PER_KEY" in (await answer.json())["error"]["message"]
        assert isinstance(await event(await gateway_client.call(headers=other)), Ready)
        async with gateway_client.http.get(f"{gateway_client.url}/metrics", headers=one) as answer:
            assert 'lineside_calls_refused_total{reason="key_limit"} 3.0' in await answer.text()

    with_served_gateway(story, api_keys=("one", "other"), max_calls_per_key=2)


async def asked_ready(gateway_client: ServedGateway) -> tuple[int, str, list[str]]:
    async with gateway_client.http.get(f"{gateway_client.url}/ready") as answer:
        told = await answer.json()
        return answer.status, told["status"], told["reasons"]


def test_a_full_gateway_is_ready_and_a_closing_one_is_not() -> None:
    """Without a key, for load balancers."""

    async def story(gateway_client: ServedGateway) -> None:
        ws = await gateway_client.call(headers={"Authorization": "Bearer key"})
        assert isinstance(await event(ws), Ready)
        assert await asked_ready(gateway_client) == (200, "ready", [])
        await gateway_client.gateway.call_registry.close(1.0, lambda calls: None)
        assert await asked_ready(gateway_client) == (503, "not_ready", ["the gateway closes"])

    with_served_gateway(story, max_concurrent_calls=1, api_keys="key")


def test_a_gateway_whose_background_work_fails_is_not_ready() -> None:
    """The work is named; its fault's words are not told to strangers."""

    async def story(gateway_client: ServedGateway) -> None:
        gateway_client.gateway.work.note("machine", OSError(24, "words of a caller"))
        assert await asked_ready(gateway_client) == (503, "not_ready", ["background work fails: machine"])

    with_served_gateway(story)


def test_a_gateway_whose_database_is_away_is_ready_and_one_whose_disk_is_full_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A balancer would else take all gateways that share the database out at once, and calls need none of it."""
    trouble = RecordsTrouble(None)

    async def story(gateway_client: ServedGateway) -> None:
        monkeypatch.setattr(gateway_client.gateway, "_records", SimpleNamespace(trouble=trouble))
        trouble.set("database", "the database takes no call records; the spool keeps them")
        assert await asked_ready(gateway_client) == (200, "ready", [])
        trouble.set("disk", "cannot write call records to disk; they wait in memory")
        why = "call records: cannot write call records to disk; they wait in memory"
        assert await asked_ready(gateway_client) == (503, "not_ready", [why])
        monkeypatch.undo()

    with_served_gateway(story)


def test_a_caller_who_does_not_read_is_ended_and_memory_stays_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer that never reads fills its outbox, and is gone."""
    monkeypatch.setattr("lineside.transports.outbox.OUTBOX", 3)

    async def story(gateway_client: ServedGateway) -> None:
        ws = await gateway_client.call()
        for _ in range(20):
            await ws.send_str("rubbish")
        while (message := await ws.receive(timeout=60)).type is WSMsgType.TEXT:
            pass
        assert message.type in (WSMsgType.CLOSED, WSMsgType.CLOSE, WSMsgType.ERROR)

    with_served_gateway(story)


def test_closing_time_ends_calls_with_a_word() -> None:
    """The gateway closes: every caller is told why, at once."""

    async def main() -> None:
        async with aiohttp.ClientSession():
            async with opened() as gateway_client:
                ws = await gateway_client.call()
                assert isinstance(await event(ws), Ready)
                listening = asyncio.create_task(events(ws))
            told = await listening
            assert json.loads(msgspec.json.encode(told[-1]))["reason"] == "server_stopping"

    asyncio.run(main(), debug=True)


def test_no_word_of_a_caller_is_logged(capfd: pytest.CaptureFixture[str]) -> None:
    """Logs say that a call began and ended, never what was said in it."""

    async def story(gateway_client: ServedGateway) -> None:
        ws = await gateway_client.call()
        await ws.send_str('{"type":"text","text":"my secret is Rumpelstiltskin"}')
        while type(await event(ws)).__name__ != "AudioDone":
            pass
        await ws.send_str('{"type":"hangup"}')
        await events(ws)

    with_served_gateway(story)
    printed = "".join(capfd.readouterr())
    assert "call ended" in printed
    assert "Rumpelstiltskin" not in printed
    assert "scripted" not in printed


def test_what_happened_in_calls_is_counted_for_prometheus() -> None:
    """Calls, refusals, turns, stages, sound in and out: each is there after one call, and nothing a caller chose."""

    async def story(gateway_client: ServedGateway) -> None:
        ws = await gateway_client.call('{"codec":"pcm","greeting":"Good day to you."}')
        async with gateway_client.http.get(f"{gateway_client.url}/ws/call") as full:
            assert full.status == 503
        for _ in range(60):
            await ws.send_bytes(bytes(640))
        while not isinstance(await event(ws), AudioDone):
            pass
        await ws.send_str('{"type":"hangup"}')
        await events(ws)
        async with gateway_client.http.get(f"{gateway_client.url}/metrics") as answer:
            assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            lines = dict(line.rsplit(" ", 1) for line in (await answer.text()).splitlines() if line[0] != "#")
        assert lines['lineside_calls_active{line="browser"}'] == "0.0"
        assert lines['lineside_calls_total{line="browser",reason="caller_hung_up"}'] == "1.0"
        assert lines['lineside_calls_refused_total{reason="full"}'] == "1.0"
        assert float(lines['lineside_audio_seconds_total{direction="in",line="browser"}']) == pytest.approx(1.2)
        assert float(lines['lineside_audio_seconds_total{direction="out",line="browser"}']) == pytest.approx(1.2)
        assert float(lines["lineside_memory_bytes"]) > 1e7
        assert float(lines["lineside_loop_lag_seconds_count"]) > 0

    with_served_gateway(story, max_concurrent_calls=1)


def test_a_call_that_is_over_leaves_nothing_for_the_garbage_collector() -> None:
    """Nothing of a call refers to itself in a circle, even where the caller hangs up in the middle of an answer."""

    async def story() -> int:
        gc.collect()
        gc.disable()
        try:
            async with opened() as gateway_client:
                for _ in range(5):
                    ws = await gateway_client.call()
                    await event(ws)
                    await ws.send_str('{"type":"text","text":"When are you open?"}')
                    while not isinstance(await event(ws), AudioStarted):
                        pass
                    await ws.close()
                while gateway_client.gateway.calls:  # noqa: ASYNC110 - the gateway's own tasks end them
                    await asyncio.sleep(0)
                return sum(isinstance(one, CallSession | Reply | BrowserTransport) for one in gc.get_objects())
        finally:
            gc.enable()

    assert asyncio.run(story()) <= 2  # the last call may stand on the way out, with its transport
