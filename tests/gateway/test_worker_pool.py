"""A gateway of several worker processes, as its users run it: one door, one count, one hand on all calls."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest

from lineside.agents.agent import Agent
from lineside.errors import ConfigError
from lineside.gateway.ipc import LARGEST
from lineside.gateway.worker_pool import WorkerPool
from lineside.protocol import Ended, LlmToken, Ready, ReplyText, ServerMessage, decode_server
from tests.call.fixtures import settings
from tests.project.test_product import SCRIPTED, serving

SCRIPTED_ENGINES = {f"default_{role}_engine": "scripted" for role in ("stt", "llm", "tts")}
TRIES = 20
SOON = 60.0  # seconds, after which what did not come true will not; a busy machine may take its time to start a process


class WorkersClient:
    """The gateway, and an operator and callers at it."""

    def __init__(self, pid: int, url: str, http: aiohttp.ClientSession) -> None:
        self.url, self._http, self._pid = url, http, pid
        self._callers: list[aiohttp.ClientWebSocketResponse] = []  # who is not kept hangs up

    async def call(self, hello: str = '{"codec":"pcm","greeting":""}') -> aiohttp.ClientWebSocketResponse:
        ws = await self._http.ws_connect(f"{self.url}/ws/call")
        self._callers.append(ws)
        await ws.send_str(hello)
        return ws

    async def calls(self) -> list[tuple[aiohttp.ClientWebSocketResponse, str]]:
        """Four callers who have been answered, and the numbers of their calls."""
        sockets = [await self.call() for _ in range(4)]
        return [(ws, (await until(ws, Ready)).call_id) for ws in sockets]

    async def ask(self, path: str, method: str = "GET", **how: Any) -> Any:
        async with self._http.request(method, f"{self.url}{path}", **how) as answer:
            return await answer.json()

    async def up(self) -> int:
        return int((await self.ask("/health"))["calls"])

    async def listed(self) -> set[str]:
        return {call["id"] for call in (await self.ask("/api/calls"))["calls"]}

    async def counted(self, name: str) -> float:
        """A meter's value, over all of its labels."""
        async with self._http.get(f"{self.url}/metrics") as answer:
            lines = (await answer.text()).splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith((f"{name}{{", f"{name} ")))

    @property
    def workers(self) -> dict[int, int]:
        """Process ids of the workers → connections from callers that they hold."""
        children = psutil.Process(self._pid).children(recursive=True)
        port = int(self.url.rsplit(":", 1)[1])
        found = {}
        for child in children:
            with suppress(psutil.Error):
                if "lineside.gateway.worker" in child.cmdline():
                    found[child.pid] = sum(c.laddr.port == port for c in child.net_connections("tcp") if c.raddr)
        return found


async def until(ws: aiohttp.ClientWebSocketResponse, kind: type[ServerMessage]) -> Any:
    while True:
        message = await ws.receive(timeout=SOON)
        assert message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY), message
        if message.type is aiohttp.WSMsgType.TEXT and isinstance(event := decode_server.decode(message.data), kind):
            return event


async def comes_true(what: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(SOON):
        while not await what():  # noqa: ASYNC110 - it comes true in another process
            await asyncio.sleep(0.05)


Story = Callable[[WorkersClient], Awaitable[None]]
Tell = Callable[..., str]


@contextmanager
def two_workers(folder: Path, **env: str) -> Iterator[tuple["subprocess.Popen[str]", Callable[[Story], None]]]:
    """A gateway of two workers, and what runs a story at it."""
    plain = folder / "agent.toml"  # its answers come from the model alone, word by word
    plain.write_text('name = "Test"\nprompt = "You answer."\n')
    chosen = SCRIPTED | {"WORKERS": "2", "DATA_DIR": str(folder / "data"), "AGENT_FILE": str(plain)} | env
    with serving(**chosen) as (process, url):

        def tell(story: Story) -> None:
            async def main() -> None:
                async with aiohttp.ClientSession() as http:
                    await story(WorkersClient(process.pid, url, http))

            asyncio.run(main())

        yield process, tell


def ended(process: "subprocess.Popen[str]") -> str:
    """End it; what it said."""
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=SOON)[1]
    assert process.returncode == 0
    return said


@pytest.fixture
def with_workers(tmp_path: Path) -> Tell:
    """Runs a story at a gateway of its own; what that said."""

    def told(story: Story, **env: str) -> str:
        with two_workers(tmp_path, **env) as (process, tell):
            tell(story)
            return ended(process)

    return told


@pytest.fixture(scope="module")
def with_same_workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Story], None]]:
    """Runs stories that leave the workers as they were, at one gateway of four slots, each once they are free."""

    async def free(client: WorkersClient) -> None:
        async def all_free() -> bool:
            return await client.up() == 0

        await comes_true(all_free)

    with two_workers(tmp_path_factory.mktemp("workers"), MAX_CONCURRENT_CALLS="4") as (process, tell):

        def told(story: Story) -> None:
            tell(free)
            tell(story)

        yield told
        ended(process)


def test_the_command_does_not_settle_how_its_processes_count() -> None:
    """prometheus_client does when it is first imported: before the workers are known, they would not be counted."""
    looked = (
        "import sys, lineside.cli.main; print([name for name in sys.modules if name.startswith('prometheus_client')])"
    )
    done = subprocess.run([sys.executable, "-c", looked], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_calls_are_shared_out_and_known_as_one_gateway(with_same_workers: Callable[[Story], None]) -> None:
    """Two workers, two calls each; listed, followed, limited, counted and ended as if there were one process."""

    async def story(client: WorkersClient) -> None:
        refused, over = [await client.counted(f"lineside_calls{name}_total") for name in ("_refused", "")]
        calls = await client.calls()
        assert sorted(client.workers.values()) == [2, 2]
        assert await client.listed() == {name for _, name in calls}
        assert await client.up() == 4
        with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
            await client.call()
        assert await client.counted("lineside_calls_active") == 4
        assert await client.counted("lineside_calls_refused_total") == refused + 1

        async def charted() -> bool:
            return bool((await client.ask("/api/trends"))["calls"][-1:] == [4.0])

        await comes_true(charted)  # over both, at the next look

        for ws, _ in calls:  # each hears its own answer
            await ws.send_str('{"type":"text","text":"Hello"}')
        for ws, _ in calls:
            await until(ws, LlmToken)
        for _, name in calls:
            assert (await client.ask(f"/api/calls/{name}/end", "POST")) == {"ended": name}
        for ws, _ in calls:
            assert (await until(ws, Ended)).reason == "ended_by_operator"

        async def all_free() -> bool:
            return await client.up() == 0

        await comes_true(all_free)
        assert await client.counted("lineside_calls_total") == over + 4
        assert await client.counted("lineside_calls_active") == 0

    with_same_workers(story)


def test_whoever_follows_a_call_in_a_worker_hears_every_word(with_same_workers: Callable[[Story], None]) -> None:
    """The tokens too, which otherwise do not leave the worker."""

    async def story(client: WorkersClient) -> None:
        (ws, name), *_ = await client.calls()
        kinds: list[str] = []
        async with client._http.get(f"{client.url}/api/calls/{name}/events") as events:
            await ws.send_str('{"type":"text","text":"Hello"}')
            async for line in events.content:
                if line.startswith(b"data: "):
                    kinds.append(json.loads(line[6:])["type"])
                if kinds[-1:] == ["reply_metrics"]:  # the worker hears of the follower a moment later
                    again = "llm_token" not in kinds and kinds.count("reply_metrics") < TRIES
                    await ws.send_str('{"type":"text","text":"Hello"}' if again else '{"type":"hangup"}')
        assert {"llm_token", "reply_text", "audio_started", "audio_done", "ended"} <= set(kinds)

    with_same_workers(story)


def test_an_operator_listens_to_a_call_in_a_worker_and_takes_it_over(
    with_same_workers: Callable[[Story], None],
) -> None:
    """Sound and acts cross the channel; the registry knows how the call stands."""

    async def story(client: WorkersClient) -> None:
        ws = await client.call()
        call = (await until(ws, Ready)).call_id
        async with client._http.get(f"{client.url}/api/calls/{call}/listen") as sound:
            hearing = asyncio.create_task(sound.content.readexactly(44 + 400))
            async with asyncio.timeout(SOON):
                while not hearing.done():  # the worker hears of it a moment later
                    await ws.send_bytes(b"\x10\x27" * 320)
                    await asyncio.sleep(0.02)
            heard = await hearing
        assert heard[44:48] == b"\x10\x27\0\0", "the caller on the left, nobody on the right"
        assert (await client.ask(f"/api/calls/{call}/take-over", "POST"))["did"] == "takes_over"
        assert (await client.ask(f"/api/calls/{call}/say", "POST", json={"text": "This is Ann."}))["did"] == "says"

        async def taken() -> bool:
            return bool((await client.ask("/api/calls"))["calls"][0]["taken_over"])

        await comes_true(taken)

    with_same_workers(story)


def test_a_worker_that_is_killed_takes_its_own_calls_and_no_others(with_workers: Tell) -> None:
    """Its slots are free at once, the others' callers are answered, another worker takes its place and gets calls."""

    async def story(client: WorkersClient) -> None:
        calls = await client.calls()
        dead, alive = client.workers
        os.kill(dead, signal.SIGKILL)

        async def two_left() -> bool:
            return await client.up() == 2

        await comes_true(two_left)
        listed = await client.listed()
        assert len(listed) == 2
        for ws, name in calls:
            if name in listed:
                await ws.send_str('{"type":"text","text":"Hello"}')
                await until(ws, LlmToken)
            else:
                assert (await ws.receive(timeout=SOON)).type is not aiohttp.WSMsgType.TEXT

        async def another() -> bool:
            return (await client.ask("/health"))["workers"] == 2 and dead not in client.workers

        await comes_true(another)
        assert await client.ask("/ready") == {"status": "ready", "reasons": []}
        for _ in range(2):
            await until(await client.call(), Ready)
        assert sorted(client.workers.values()) == [2, 2]
        assert client.workers[alive] == 2
        assert await client.counted("lineside_calls_active") == 4  # the dead one's do not count any longer

    said = with_workers(story)
    assert "calls lost with their worker" in said


def test_a_worker_that_stands_still_is_ended_and_replaced(with_workers: Tell) -> None:
    """Nobody would notice but its callers: its socket is open, its process is there. The others' calls go on."""

    async def story(client: WorkersClient) -> None:
        calls = await client.calls()
        stuck, alive = client.workers
        os.kill(stuck, signal.SIGSTOP)

        async def two_left() -> bool:
            return await client.up() == 2

        await comes_true(two_left)
        assert stuck not in client.workers
        listed = await client.listed()
        for ws, name in calls:
            if name in listed:
                await ws.send_str('{"type":"text","text":"Hello"}')
                await until(ws, LlmToken)

        async def another() -> bool:
            return bool((await client.ask("/health"))["workers"] == 2)

        await comes_true(another)
        for _ in range(2):
            await until(await client.call(), Ready)
        assert sorted(client.workers.values()) == [2, 2]
        assert client.workers[alive] == 2
        assert await client.counted('lineside_workers_lost_total{how="stuck"}') == 1
        assert await client.counted('lineside_workers_lost_total{how="ended"}') == 0

    said = with_workers(story)
    assert "worker unresponsive" in said


def test_closing_time_reaches_the_calls_of_all_workers(with_workers: Tell) -> None:
    """SIGTERM: every caller is told why, and nothing is left running."""
    seen: dict[str, Any] = {}

    async def story(client: WorkersClient) -> None:
        calls = await client.calls()
        seen["workers"] = list(client.workers)
        os.kill(client._pid, signal.SIGTERM)
        for ws, _ in calls:
            assert (await until(ws, Ended)).reason == "server_stopping"

    with_workers(story)
    assert len(seen["workers"]) == 2
    assert not any(psutil.pid_exists(pid) for pid in seen["workers"])


def test_a_new_agent_answers_in_all_workers(with_workers: Tell) -> None:
    """Changed by the control API: the next calls are greeted by the new one, whichever worker holds them.

    So are test calls by the draft that they name.
    """

    async def story(client: WorkersClient) -> None:
        agent = {"name": "New", "prompt": "You answer.", "greeting": "Good evening."}
        await client.ask("/api/agent", "PUT", json=agent)
        for _ in range(4):
            assert (await until(await client.call('{"codec":"pcm"}'), ReplyText)).text == "Good evening."
        assert sorted(client.workers.values()) == [2, 2]
        draft = {"name": "Bakery", "prompt": "You answer for a bakery.", "greeting": "Good morning."}
        hello = {"codec": "pcm", "draft": (await client.ask("/api/agent/draft", "POST", json=draft))["draft"]}
        for _ in range(2):
            assert (await until(await client.call(json.dumps(hello)), ReplyText)).text == "Good morning."
        assert sorted(client.workers.values()) == [3, 3]

    with_workers(story)


def test_an_agent_that_fits_no_message_is_named_at_the_start_and_the_next_start_is_well() -> None:
    """No worker waits for a message that never comes: the fault is said at once, and a shorter agent answers."""

    async def story() -> None:
        lost = list[str]()
        chosen = settings(**SCRIPTED_ENGINES, keep_calls=False)
        long = WorkerPool(1, chosen, Agent(name="x" * LARGEST, prompt="a"), lost.append)
        with pytest.raises(ConfigError, match="too long for the message that starts a worker: shorten the agent"):
            async with asyncio.timeout(SOON), long.running():
                raise AssertionError("it takes calls")
        assert (long.up, lost) == ([], [])

        pool = WorkerPool(1, chosen, Agent(name="a", prompt="a"), lost.append)
        async with pool.running():
            (up,) = pool.up
            with pytest.raises(ConfigError, match="the agent is too long"):
                await pool.set_agent(Agent(name="x" * LARGEST, prompt="a"))
            os.kill(up, signal.SIGKILL)

            async def another() -> bool:
                return bool(pool.up) and pool.up != [up]

            await comes_true(another)  # and is started with the agent that answered before
        assert lost == ["ended"]

    asyncio.run(story())
