"""Several workers, one history: each keeps and records its own calls, and one that is killed takes no other with it."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import aiohttp

from lineside.protocol import Ended
from tests.gateway.test_worker_pool import WorkersClient, comes_true, until
from tests.project.test_product import SCRIPTED, serving

FRAME = bytes(640)


async def hang_up(ws: aiohttp.ClientWebSocketResponse) -> None:
    await ws.send_str('{"type":"hangup"}')
    await until(ws, Ended)
    await ws.close()


def test_one_history_over_all_workers_outlives_each_of_them(tmp_path: Path) -> None:
    """Calls that were over when their worker was killed are whole and can be heard; the one under way has its end."""

    async def story(pid: int, url: str) -> None:
        async with aiohttp.ClientSession() as http:
            client = WorkersClient(pid, url, http)
            calls = await client.calls()
            for _ in range(25):
                for ws, _ in calls:
                    await ws.send_bytes(FRAME)
                await asyncio.sleep(0.02)
            (kept_up, last), *finished = calls
            for ws, _ in finished:
                await hang_up(ws)

            async def reasons() -> dict[str, str]:
                listed: Any = await client.ask("/api/history")
                return {call["id"]: call["reason"] for call in listed["calls"]}

            over = dict.fromkeys((call for _, call in finished), "caller_hung_up")

            async def all_there() -> bool:
                return await reasons() == over | {last: ""}

            await comes_true(all_there)
            holders: list[int] = []

            async def one_holds_it() -> bool:
                holders[:] = [worker for worker, held in client.workers.items() if held]
                return len(holders) == 1

            await comes_true(one_holds_it)
            assert len(client.workers) == 2
            os.kill(holders[0], signal.SIGKILL)

            async def ended() -> bool:
                return await reasons() == over | {last: "gateway_died"}

            await comes_true(ended)
            for call in over:
                async with http.get(f"{url}/api/calls/{call}/audio") as answer:
                    assert (answer.status, (await answer.read())[:4]) == (200, b"fLaC")
            await kept_up.close()

    env = {"DATA_DIR": str(tmp_path), "RECORD_CALLS": "true", "WORKERS": "2"}
    with serving(**env, **SCRIPTED) as (process, url):
        asyncio.run(story(process.pid, url))
