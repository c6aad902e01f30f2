"""The host agent over HTTP, asked by its own client and by strangers; and as a process that is killed."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import psutil
import pytest
from aiohttp import web
from typer.testing import CliRunner

from lineside.cli.host import app
from lineside.errors import ConfigError
from lineside.gateway.service_restart import ServiceRestart
from lineside.host.agent import HostAgent, check_exposure
from lineside.host.agent import run as run_agent
from lineside.host.client import HostAgentClient as Client
from lineside.host.client import HostAgentError
from lineside.host.embedded_agent import AGENT_ALONE, host_agent
from lineside.host.machine import MachineReader
from lineside.host.service_config import ServiceConfig
from lineside.host.services import ServiceManager
from lineside.processes import backoff, supervisor
from lineside.processes.ports import free_port
from tests.call.fixtures import settings

CHILD = str(Path(__file__).parents[1] / "processes" / "child_server.py")
SOON = 60.0  # seconds; on a busy machine a Python takes one to start
TOKEN = "a long token"  # noqa: S105


def run(main: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(main, 300), debug=True)


def child(manner: str = "well", name: str = "whisper") -> ServiceConfig:
    return ServiceConfig(name, ("{python}", CHILD, "{port}", manner), free_port())


@asynccontextmanager
async def answering(
    *declared: ServiceConfig, token: str = "", only_this_machine: bool = True
) -> AsyncGenerator[tuple[str, aiohttp.ClientSession], None]:
    """A host agent of these services, its address, and a session to ask it with."""
    async with asyncio.TaskGroup() as tasks, aiohttp.ClientSession() as http:
        services = ServiceManager(declared, Path("/no-models"), tasks)
        agent = HostAgent(services, MachineReader(), token=token, only_this_machine=only_this_machine)
        runner = web.AppRunner(agent.app(), access_log=None, shutdown_timeout=2)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        try:
            await site.start()
            yield f"http://127.0.0.1:{runner.addresses[0][1]}", http
        finally:
            await runner.cleanup()
            await services.stop_all()


async def refusal(asking: Coroutine[Any, Any, Any]) -> HostAgentError:
    with pytest.raises(HostAgentError) as no:
        await asking
    return no.value


def test_a_service_is_listed_started_read_and_stopped() -> None:
    """The whole way of the gateway: through the client, over HTTP, to a process."""

    async def main() -> None:
        async with answering(child()) as (url, http):
            client = Client(url + "/", "", http)
            (listed,) = await client.services()
            assert (listed.name, listed.state, listed.models) == ("whisper", "stopped", ())
            ready = await client.start("whisper")
            assert (ready.state, (await client.services())[0].pid) == ("ready", ready.pid)
            assert await client.logs("whisper") == ("loading the thing",)
            assert (await client.stop("whisper")).state == "stopped"
            assert not psutil.pid_exists(ready.pid or 0)

    run(main())


def test_a_service_that_does_not_do_its_work_is_started_again_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several processes may notice: only the one that names the present process has it restarted."""
    monkeypatch.setattr(supervisor, "PULSE", 0.2)

    async def main() -> None:
        async with answering(child()) as (url, http):
            client = Client(url, "", http)
            before = await client.start("whisper")
            assert before.pid is not None
            await client.restart("whisper", before.pid)
            now = before
            while now.pid in (before.pid, None) or now.state != "ready":
                await asyncio.sleep(0.05)
                (now,) = await client.services()
            assert now.starts == 2
            await client.restart("whisper", before.pid)
            restart = ServiceRestart(client)
            await restart("stt", "somebody else's")
            await asyncio.sleep(0.1)
            (same,) = await client.services()
            assert same.pid == now.pid

    run(main())


def test_a_service_has_the_fields_that_pages_rely_on() -> None:
    """Exactly these, as JSON."""

    async def main() -> None:
        async with answering(child()) as (url, http), http.get(f"{url}/v1/services") as answer:
            (service,) = (await answer.json())["services"]
            fields = ["name", "state", "url", "model", "models", "pid", "starts", "seconds", "memory_bytes", "why"]
            assert list(service) == fields

    run(main())


def test_the_machine_is_told() -> None:
    """Processor and memory always; a machine without a graphics card is no error."""

    async def main() -> None:
        async with answering() as (url, http):
            machine = await Client(url, "", http).machine()
            assert abs(machine.at - time.time()) < SOON
            assert machine.cpu.cores >= 1
            assert 0 < machine.ram.used_bytes < machine.ram.total_bytes
            assert machine.gpus or machine.note
            async with http.get(f"{url}/v1/machine") as answer:
                told = await answer.json()
            assert sorted(told) == ["at", "cpu", "gpus", "note", "ram"]
            assert sorted(told["cpu"]) == ["cores", "percent"]
            assert sorted(told["ram"]) == ["total_bytes", "used_bytes"]

    run(main())


def test_refusals_reach_the_gateway_as_sentences() -> None:
    """Status, code and message of each are those of the agent."""

    async def main() -> None:
        async with answering(child("breaks"), child(name="piper")) as (url, http):
            client = Client(url, "", http)
            no = await refusal(client.start("other"))
            assert (no.status, no.code) == (404, "unknown_service")
            assert "The services are: whisper, piper" in str(no)
            no = await refusal(client.start("whisper"))
            assert (no.status, no.code) == (502, "not_ready")
            assert "no such model: kaputt.bin" in str(no)
            no = await refusal(client.start("piper", "large"))
            assert (no.status, no.code) == (404, "unknown_model")
            for path in ("other/stop", "other/start"):
                async with http.post(f"{url}/v1/services/{path}") as answer:
                    assert answer.status == 404
            assert (await refusal(client.logs("../health"))).code == "unknown_service"
            assert (await refusal(client.logs("whisper", 501))).code == "bad_request"

    run(main())


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/v2/services", b"", 404, "not_found"),
        ("DELETE", "/v1/services", b"", 405, "method_not_allowed"),
        ("POST", "/v1/services/whisper/start", b"{", 400, "bad_request"),
        ("POST", "/v1/services/whisper/start", b'{"modell": "x"}', 400, "bad_request"),
        ("POST", "/v1/services/whisper/start", b"x" * 20_000, 413, "request_entity_too_large"),
        ("GET", "/v1/services/whisper/logs?lines=0", b"", 400, "bad_request"),
        ("GET", "/v1/services/whisper/logs?lines=many", b"", 400, "bad_request"),
        ("GET", "/v1/services/whisper/logs?lines=1000000000000", b"", 400, "bad_request"),
    ],
)
def test_every_error_is_json(method: str, path: str, body: bytes, status: int, code: str) -> None:
    """A code that programs can act on, and a message."""

    async def main() -> None:
        async with answering(child()) as (url, http), http.request(method, url + path, data=body) as answer:
            told = msgspec.json.decode(await answer.read())
            assert (answer.status, told["error"]["code"]) == (status, code)
            assert told["error"]["message"]

    run(main())


def test_pages_are_refused() -> None:
    """A browser names the page's origin; and a page whose name points here does not ask under our name."""

    async def main() -> None:
        async with answering(child()) as (url, http):
            for headers, code in (
                ({"Origin": url}, "browsers_refused"),
                ({"Origin": "https://evil.example"}, "browsers_refused"),
                ({"Host": "evil.example:3003"}, "wrong_host"),
            ):
                for method, path in (("GET", "/health"), ("POST", "/v1/services/whisper/start")):
                    async with http.request(method, url + path, headers=headers) as answer:
                        assert (answer.status, (await answer.json())["error"]["code"]) == (403, code)
            assert (await Client(url, "", http).services())[0].state == "stopped"

    run(main())


def test_with_a_token_strangers_learn_only_that_it_lives() -> None:
    """Everything but /health asks for it, whatever the path; the gateway hears that its token is wrong."""

    async def main() -> None:
        async with answering(child(), token=TOKEN, only_this_machine=False) as (url, http):
            for given in (
                {},
                {"Authorization": "Bearer wrong"},
                {"Authorization": TOKEN},
                {"Authorization": "Basic " + TOKEN},
            ):
                for path in ("/v1/services", "/v1/machine", "/v1/services/whisper/logs", "/else"):
                    async with http.get(url + path, headers=given) as answer:
                        assert (answer.status, (await answer.json())["error"]["code"]) == (401, "token_needed")
            async with http.get(f"{url}/health") as answer:
                assert await answer.json() == {"status": "ok"}
            assert (await Client(url, TOKEN, http).start("whisper")).state == "ready"
            no = await refusal(Client(url, "other", http).services())
            assert (no.status, no.code) == (502, "host_agent_token")

    run(main())


def test_who_asks_nobody_hears_what_to_do() -> None:
    """No address, nobody at the address, or somebody else there: each is a sentence."""

    async def main() -> None:
        async with aiohttp.ClientSession() as http:
            no = await refusal(Client("", "", http).services())
            assert (no.status, no.code) == (503, "no_host_agent")
            assert "set HOST_AGENT_URL" in str(no)
            no = await refusal(Client(f"http://127.0.0.1:{free_port()}", "", http).machine())
            assert (no.status, no.code) == (503, "no_host_agent")
            assert "start it with `lineside host`" in str(no)
        async with answering() as (url, http):
            no = await refusal(Client(url + "/health?", "", http).services())
            assert (no.status, no.code) == (502, "bad_answer")

    run(main())


def test_leaving_does_not_end_a_start() -> None:
    """A page that is closed while a service starts finds it ready later."""

    async def main() -> None:
        async with answering(child()) as (url, http):
            client = Client(url, "", http)
            asking = asyncio.create_task(client.start("whisper"))
            deadline = time.monotonic() + SOON
            while (await client.services())[0].state == "stopped":
                assert time.monotonic() < deadline
            asking.cancel()
            await asyncio.wait({asking})
            assert (await client.start("whisper")).starts == 1

    run(main())


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.4", "desk.example"])  # noqa: S104
def test_others_may_only_reach_it_with_a_token(host: str) -> None:
    """Listening beyond this machine without one is refused, with what to set."""
    with pytest.raises(ConfigError, match="HOST_AGENT_TOKEN"):
        check_exposure(host, "")
    check_exposure(host, TOKEN)
    check_exposure("127.0.0.1", "")


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    """A second host agent does not start."""
    file = tmp_path / "services.toml"
    file.write_text("")

    async def main() -> None:
        taken = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
        port = taken.sockets[0].getsockname()[1]
        async with taken:
            with pytest.raises(ConfigError, match=f"--port={port} on 127.0.0.1 cannot be opened"):
                await run_agent(port=port, services_file=file, models_dir=tmp_path)

    run(main())


# ── as a process ───────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def agent_process(tmp_path: Path, manner: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """The command, with one service; its address."""
    file = tmp_path / "services.toml"
    note = tmp_path / "grandchild"
    program = msgspec.json.encode(["{python}", CHILD, "{port}", manner, str(note)]).decode()
    file.write_text(f'[[service]]\nname = "whisper"\nprogram = {program}\nport = {free_port()}\ngrace = 0.5\n')
    environment = {**os.environ, "SERVICES_FILE": str(file), "LINESIDE_MODELS": str(tmp_path), "COLUMNS": "200"}
    command = [sys.executable, "-c", "from lineside.cli.host import app; app()", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=tmp_path) as process:
        try:
            assert process.stdout is not None
            line = next(line for line in process.stdout if "http://" in line)
            yield process, line.split()[-1]
        finally:
            process.kill()


async def _started(url: str) -> int:
    async with aiohttp.ClientSession() as http:
        return (await Client(url, "", http).start("whisper")).pid or 0


def wait_until(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SOON
    while not true():
        assert time.monotonic() < deadline, f"it never came to pass that {what}"
        time.sleep(0.02)


def gone(pid: int) -> bool:
    """Whether the process has ended; one that waits for somebody to take note of it has."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def test_nobody_answers_in_place_of_a_host_agent_that_fell(monkeypatch: pytest.MonkeyPatch) -> None:
    """`serve --with`: its port stays the gateway's while it is down, so its token is told to no other program."""
    monkeypatch.setattr(backoff, "FIRST_SECONDS", 2.0)

    async def main() -> None:
        async with host_agent(settings(), [AGENT_ALONE]) as hosted, aiohttp.ClientSession() as http:
            client = Client(hosted.host_agent_url, hosted.host_agent_token, http)
            known = [service.name for service in await client.services()]
            (process,) = [each for each in psutil.Process().children() if each.cmdline()[-3:-2] == ["host"]]
            process.kill()
            await asyncio.to_thread(wait_until, lambda: gone(process.pid), "it was killed")
            with socket.socket() as impostor, pytest.raises(OSError, match="in use"):
                impostor.bind(("127.0.0.1", int(hosted.host_agent_url.rpartition(":")[2])))
            again = None
            async with asyncio.timeout(SOON):
                while again is None:
                    await asyncio.sleep(0.1)
                    with suppress(HostAgentError):
                        again = [service.name for service in await client.services()]
            assert again == known

    run(main())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_ends_with_all_its_services(tmp_path: Path, number: signal.Signals) -> None:
    """Asked to end, it ends them first, and with exit code 0."""
    with agent_process(tmp_path, "well") as (process, url):
        pid = asyncio.run(_started(url))
        process.send_signal(number)
        assert process.wait(SOON) == 0
        assert gone(pid)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's leash and the watchman are Linux's")
def test_killed_it_leaves_neither_children_nor_grandchildren(tmp_path: Path) -> None:
    """SIGKILL, which nobody can catch: its service goes, and what the service started, deaf to SIGTERM as both are."""
    with agent_process(tmp_path, "stubborn") as (process, url):
        pid = asyncio.run(_started(url))
        note = tmp_path / "grandchild"
        wait_until(lambda: note.exists() and note.read_text() != "", "the service had a child")
        grandchild = int(note.read_text())
        process.kill()
        process.wait(SOON)
    wait_until(lambda: gone(pid), "the service ended with its agent")
    wait_until(lambda: gone(grandchild), "its child ended too")


def test_the_commands_ask_the_agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start, list, read, stop, and the machine, from the command line; what is refused is an error of ours."""
    monkeypatch.setenv("COLUMNS", "200")
    with agent_process(tmp_path, "well") as (_, url):
        monkeypatch.setenv("HOST_AGENT_URL", url)

        def said(*command: str) -> str:
            done = CliRunner().invoke(app, command, catch_exceptions=False)
            assert done.exit_code == 0
            return done.output

        assert "ready" in said("start", "whisper")
        assert "whisper" in said("services")
        assert said("logs", "whisper", "--lines", "1") == "loading the thing\n"
        assert "stopped" in said("stop", "whisper")
        assert "cores" in said("machine")
        with pytest.raises(HostAgentError, match="The services are: whisper"):
            said("stop", "other")
