"""Traces: what a collector is sent of a call, and what it never is."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from lineside.audio.vad import LoudnessVad
from lineside.engines.registry import EngineRegistry
from lineside.gateway.app import Gateway
from lineside.observability.metrics import GatewayMetrics
from lineside.observability.traces import Traces
from lineside.protocol import AudioDone, ReplyMetrics, decode_server
from tests.call.fixtures import FixedAgentStore, settings

QUESTION = "My secret number is 4711"


class Collector:
    """Takes OTLP over HTTP, and keeps it."""

    def __init__(self) -> None:
        self.raw: list[bytes] = []

    async def take(self, request: web.Request) -> web.Response:
        self.raw.append(await request.read())
        return web.Response(content_type="application/x-protobuf")

    @property
    def spans(self) -> list[Span]:
        requests = [ExportTraceServiceRequest.FromString(raw) for raw in self.raw]
        return [
            span
            for request in requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


@asynccontextmanager
async def listening() -> AsyncGenerator[tuple[str, Collector]]:
    collector = Collector()
    app = web.Application()
    app.router.add_post("/v1/traces", collector.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", collector
    finally:
        await runner.cleanup()


async def one_call(endpoint: str) -> ReplyMetrics:
    """A typed turn at a real gateway with scripted engines; the gateway is closed after it."""
    chosen = settings(
        otlp_endpoint=endpoint, **{f"default_{role}_engine": "scripted" for role in ("stt", "llm", "tts")}
    )
    told: list[ReplyMetrics] = []
    async with aiohttp.ClientSession() as http:
        gateway = Gateway(chosen, FixedAgentStore(), EngineRegistry(chosen, http), LoudnessVad, http, GatewayMetrics())
        runner = web.AppRunner(gateway.app(), access_log=None, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            async with http.ws_connect(f"http://127.0.0.1:{runner.addresses[0][1]}/ws/call") as ws:
                await ws.send_str('{"codec":"pcm","greeting":""}')
                await ws.send_json({"type": "text", "text": QUESTION})
                async for message in ws:
                    if message.type is not aiohttp.WSMsgType.TEXT:
                        continue
                    event = decode_server.decode(message.data)
                    if isinstance(event, ReplyMetrics):
                        told.append(event)
                        await ws.send_json({"type": "hangup"})
                    assert not isinstance(event, AudioDone) or event.turn
        finally:
            await runner.cleanup()
    return told[0]


def attribute(span: Span, name: str) -> str | float | None:
    for one in span.attributes:
        if one.key == name:
            kind = one.value.WhichOneof("value")
            value: str | float = getattr(one.value, kind or "string_value")
            return value
    return None


def test_a_call_is_one_trace_of_turns_and_stages() -> None:
    """Each stage under its turn, as long as the call was told that it took; the call says why it ended."""

    async def story() -> tuple[list[Span], ReplyMetrics, bytes]:
        async with listening() as (url, collector):
            told = await one_call(url)
            return collector.spans, told, b"".join(collector.raw)

    spans, told, raw = asyncio.run(story())
    named = {span.name: span for span in spans}
    assert sorted(named) == ["call", "llm", "tts", "turn"]
    assert len({span.trace_id for span in spans}) == 1
    assert named["turn"].parent_span_id == named["call"].span_id
    assert {named[stage].parent_span_id for stage in ("llm", "tts")} == {named["turn"].span_id}
    took = (named["llm"].end_time_unix_nano - named["llm"].start_time_unix_nano) / 1e6
    assert took == pytest.approx(told.llm_ms, abs=0.01)
    assert attribute(named["call"], "lineside.reason") == "caller_hung_up"
    assert attribute(named["llm"], "lineside.engine") == "scripted"
    assert named["call"].start_time_unix_nano <= named["turn"].start_time_unix_nano
    assert named["turn"].end_time_unix_nano <= named["call"].end_time_unix_nano
    for word in ("secret", "4711", "nine"):  # of the question and of the answer
        assert word.encode() not in raw


def test_a_collector_that_is_gone_costs_a_call_nothing() -> None:
    """The call is answered and ended as ever, and the gateway closes in time."""

    async def story() -> float:
        began = asyncio.get_running_loop().time()
        await one_call("http://127.0.0.1:9")
        return asyncio.get_running_loop().time() - began

    assert asyncio.run(story()) < 10


def test_no_trace_is_written_unless_a_collector_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Off by default: the SDK is not even loaded."""
    loaded: list[str] = []
    monkeypatch.setattr(Traces, "__init__", lambda self, endpoint: loaded.append(endpoint))
    asyncio.run(one_call(""))
    assert loaded == []
