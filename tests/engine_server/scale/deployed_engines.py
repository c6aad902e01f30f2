"""A small Ray cluster on this machine whose engines take a fixed time: what a client of an engine server sees of it.

A program of its own, because Ray stays in a process: `python -m tests.engine_server.scale.deployed_engines`.
"""

import asyncio
import os
import signal
from typing import Any

import aiohttp
import psutil
import ray
from bench.engine_plane import NAMES, Client, fixed_models, free_port, plan, start_cluster

from lineside.engine_server.scale.deployments import application_name, deploy
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


async def survives_a_killed_replica(client: Client) -> None:
    """Requests at the replica that is killed fail; the others do not, and soon there are two again."""
    before = replicas()
    assert len(before) == 2
    asked = [asyncio.ensure_future(client.hear()) for _ in range(8)]
    await asyncio.sleep(0.1)
    os.kill(before[0], signal.SIGKILL)
    failed = sum(isinstance(each, BaseException) for each in await asyncio.gather(*asked, return_exceptions=True))
    assert failed <= 4, f"{failed} of 8 requests failed"
    async with asyncio.timeout(BACK_WITHIN):
        while len(now := replicas()) < 2 or before[0] in now:
            await client.hear()


def replicas() -> list[int]:
    """The processes that hear."""
    ours = psutil.Process().children(recursive=True)
    return sorted(each.pid for each in ours if f"ServeReplica:{application_name('stt')}" in "".join(each.cmdline()))


async def story() -> None:
    """All of it."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    await asyncio.to_thread(deploy, plan(2), address="auto", host="127.0.0.1", port=port, source=fixed_models)
    async with aiohttp.ClientSession() as http:
        await conforms(http, url)
        await says_how_it_is(http, url)
        await survives_a_killed_replica(Client(http, url))
    await asyncio.to_thread(ray.shutdown)
    print("held")


if __name__ == "__main__":
    start_cluster()
    asyncio.run(story())
