"""A small Ray cluster on this machine whose engines take a fixed time: what a client of an engine server sees of it.

A program of its own, because Ray stays in a process: `python -m tests.engine_server.scale.deployed_engines`.
"""

import asyncio
import os
import secrets
import signal
from typing import Any

import aiohttp
import ray
from bench.engine_plane import NAMES, Client, fixed_models, free_port, plan, replicas, start_cluster

from lineside.engine_server.launch import SECRET
from lineside.engine_server.scale.deployments import deploy
from lineside.engines.protocols import LlmRequest, Message, Token
from lineside.engines.vendors.embedded import FasterWhisper, LlamaCpp
from lineside.engines.vendors.piper import Piper
from lineside.testing import check_stt, check_tts
from tests.engines.fixtures import built, spoken

BACK_WITHIN = 120.0  # seconds for Ray to have a new replica in the place of one that was killed


async def conforms(http: aiohttp.ClientSession, url: str) -> None:
    """The same clients as of an engine server by itself, and the same checks."""
    await check_stt(built(FasterWhisper, http, embedded_url=url), spoken("order_status"))
    llm = built(LlamaCpp, http, embedded_url=url, embedded_llm="qwen2.5-coder-0.5b")
    pieces = [piece async for piece in llm.reply((Message("user", "Hello"),), LlmRequest(max_tokens=5))]
    assert "".join(piece.text for piece in pieces if isinstance(piece, Token)) == "word word word word word"
    assert await llm.may_end((Message("user", "Hello"),), LlmRequest()) == 1.0
    await check_tts(built(Piper, http, embedded_url=url), lambda voice: False)


async def says_how_it_is(http: aiohttp.ClientSession, url: str) -> None:
    """Health, models, and what cannot be asked of replicas, each in the engine server's own words."""

    async def ask(method: str, path: str, **more: Any) -> tuple[int, Any]:
        async with http.request(method, url + path, **more) as answer:
            return answer.status, await answer.json()

    assert await ask("GET", "/health") == (
        200,
        {"status": "ok", "loading": [], "models": NAMES},
    )
    status, told = await ask("GET", "/v1/models")
    assert (status, {each["id"]: each["loaded"] for each in told["data"]}) == (
        200,
        dict.fromkeys(NAMES.values(), True),
    )
    status, told = await ask("POST", "/v1/models/load", json={"model": NAMES["stt"]})
    assert (status, told["loaded"]) == (200, True)
    for path, model in (("load", "another"), ("unload", NAMES["stt"])):
        status, told = await ask("POST", f"/v1/models/{path}", json={"model": model})
        assert (status, told["error"]["message"].split(":")[0]) == (409, "replicas load what engines.toml names")
    assert (await ask("GET", "/v1/nothing"))[0] == 404
    status, told = await ask("POST", "/v1/audio/speech", json={"input": "Hello", "voice": "nobody"})
    assert (status, told["error"]["param"]) == (400, "voice")
    assert (await ask("GET", "/v1/models", headers={"Origin": "https://elsewhere.example"}))[0] == 403


async def asks_for_the_secret(http: aiohttp.ClientSession, port: int) -> None:
    """At the routes of roles and of the ingress; `/health` alone is open to whoever watches."""
    for path in ("/v1/audio/transcriptions", "/v1/audio/speech", "/v1/chat/completions", "/v1/warm", "/v1/nothing"):
        async with http.post(f"http://127.0.0.1:{port}{path}", data=bytes(100_000)) as answer:
            assert (answer.status, "secret" in (await answer.json())["error"]["message"]) == (401, True), path
    async with http.get(f"http://127.0.0.1:{port}/health") as answer:
        assert answer.status == 200


async def drains(client: Client, port: int) -> None:
    """What is deployed anew with fewer replicas loses no request: those that go finish what they have."""
    over, heard = asyncio.Event(), 0

    async def asks() -> None:
        nonlocal heard
        while not over.is_set():
            await client.hear()
            heard += 1

    async with asyncio.TaskGroup() as callers:
        for _ in range(4):
            callers.create_task(asks())
        await deployed(1, port)
        async with asyncio.timeout(BACK_WITHIN):
            while len(replicas("stt")) > 1:  # noqa: ASYNC110 - Ray tells us nothing
                await asyncio.sleep(0.2)
        over.set()
    assert heard > 0


async def survives_a_killed_replica(client: Client) -> None:
    """Requests at the replica that is killed fail; the others do not, and soon there are two again."""
    before = replicas("stt")
    assert len(before) == 2
    asked = [asyncio.ensure_future(client.hear()) for _ in range(8)]
    await asyncio.sleep(0.1)
    os.kill(before[0], signal.SIGKILL)
    failed = sum(isinstance(each, BaseException) for each in await asyncio.gather(*asked, return_exceptions=True))
    assert failed <= 4, f"{failed} of 8 requests failed"
    async with asyncio.timeout(BACK_WITHIN):
        while len(now := replicas("stt")) < 2 or before[0] in now:
            await client.hear()


async def deployed(recognisers: int, port: int) -> None:
    """So many of them, and one of each other role."""
    await asyncio.to_thread(deploy, plan(recognisers), address="auto", host="127.0.0.1", port=port, source=fixed_models)


async def story() -> None:
    """All of it."""
    port = free_port()
    url = f"http://lineside:{os.environ[SECRET]}@127.0.0.1:{port}"
    await deployed(2, port)
    async with aiohttp.ClientSession() as http:
        await conforms(http, url)
        await says_how_it_is(http, url)
        await asks_for_the_secret(http, port)
        await survives_a_killed_replica(Client(http, url))
        await drains(Client(http, url), port)
    await asyncio.to_thread(ray.shutdown)
    print("held")


if __name__ == "__main__":
    os.environ[SECRET] = secrets.token_urlsafe(16)
    start_cluster()
    asyncio.run(story())
