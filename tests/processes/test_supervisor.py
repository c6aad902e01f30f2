"""Supervised servers: real processes, small ones."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest

from lineside.errors import ConfigError
from lineside.processes import backoff, process_group, server_output, supervisor
from lineside.processes.supervisor import Supervisor

CHILD = str(Path(__file__).with_name("child_server.py"))
SOON = 60.0  # seconds; on a busy machine a Python takes one to start


def child(manner: str, *more: str) -> Callable[[int], Sequence[str]]:
    return lambda port: [sys.executable, CHILD, str(port), manner, *more]


def run(main: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(main, 300), debug=True)


async def get(url: str) -> str:
    async with aiohttp.ClientSession() as http, http.get(url) as answer:
        return await answer.text()


async def until(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SOON
    while not true():
        assert time.monotonic() < deadline, f"it never came to pass that {what}"
        await asyncio.sleep(0.02)


def ready_again(server: Supervisor, *, starts: int) -> bool:
    return server.status.starts == starts and server.status.state == "ready"


def test_a_server_is_ready_when_it_answers_and_gone_when_the_block_ends() -> None:
    """Inside the block the server answers at its address; afterwards its process is gone."""

    async def main() -> None:
        server = Supervisor("the child", child("well"))
        states = [server.status.state]
        async with server.running():
            states.append(server.status.state)
            pid = int(await get(server.url + "/pid"))
            assert psutil.pid_exists(pid)
        assert [*states, server.status.state] == ["stopped", "ready", "stopped"]
        assert not psutil.pid_exists(pid)

    run(main())


def test_a_server_that_dies_is_started_again_at_the_same_address() -> None:
    """Its death is noticed at once, not at the next look, and the address stays."""

    async def main() -> None:
        server = Supervisor("the child", child("well"))
        async with server.running():
            url, pid = server.url, int(await get(server.url + "/pid"))
            os.kill(pid, signal.SIGKILL)
            died = time.monotonic()
            await until(lambda: server.status.state == "resting", "its death was noticed")
            assert time.monotonic() - died < supervisor.PULSE / 2
            await until(lambda: server.status.state == "ready", "it was ready again")
            assert server.url == url
            assert int(await get(server.url + "/pid")) != pid
            assert server.status.starts == 2

    run(main())


def test_no_other_program_can_answer_in_place_of_a_server_that_fell(monkeypatch: pytest.MonkeyPatch) -> None:
    """While it is down its port is held: whoever knocks is refused at once, and nobody else can listen there."""
    monkeypatch.setattr(backoff, "FIRST_SECONDS", 3.0)

    async def main() -> None:
        server = Supervisor("the child", child("well"), env={"LINESIDE_TEST": "handed"}, hands_socket=True)
        async with server.running():
            port = int(server.url.rpartition(":")[2])
            with pytest.raises(aiohttp.ClientError):
                await get(server.url + "/die")
            await until(lambda: server.status.state == "resting", "the server fell")
            for reuse in (0, 1):
                with socket.socket() as impostor:
                    impostor.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse)
                    with pytest.raises(OSError, match="in use"):
                        impostor.bind(("127.0.0.1", port))
            with pytest.raises(aiohttp.ClientConnectorError):
                await get(server.url + "/pid")
            await asyncio.wait_for(server.status.until_ready(), SOON)
            assert psutil.Process(int(await get(server.url + "/pid"))).environ()["LINESIDE_TEST"] == "handed"

    run(main())


def test_each_failure_in_a_row_doubles_the_pause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that falls, and falls twice more while starting, is given 0.25, 0.5 and 1 s before the next try."""
    pauses: list[float] = []
    monkeypatch.setattr(supervisor.log, "warning", lambda event, **about: pauses.append(about["pause"]))

    async def main() -> None:
        server = Supervisor("the child", child("breaks later", str(tmp_path / "starts")))
        async with server.running():
            with pytest.raises(aiohttp.ClientError):
                await get(server.url + "/die")
            await until(lambda: ready_again(server, starts=4), "it came up at the fourth start")

    run(main())
    assert pauses == [0.25, 0.5, 1.0]


def test_after_a_time_of_health_the_pause_is_short_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two deaths with health between them are two first deaths."""
    pauses: list[float] = []
    monkeypatch.setattr(supervisor.log, "warning", lambda event, **about: pauses.append(about["pause"]))
    monkeypatch.setattr(backoff, "HEALTHY_SECONDS", 0.0)

    async def main() -> None:
        server = Supervisor("the child", child("well"))
        async with server.running():
            for starts in (2, 3):
                with pytest.raises(aiohttp.ClientError):
                    await get(server.url + "/die")
                await until(partial(ready_again, server, starts=starts), "it was back")

    run(main())
    assert pauses == [0.25, 0.25]


def test_a_server_that_cannot_start_is_told_with_its_last_words() -> None:
    """The error holds the exit code and what the server printed, and comes at once."""

    async def main() -> None:
        with pytest.raises(ConfigError, match=r"the child ended with exit code 3\.(?s:.*)kaputt\.bin"):
            async with Supervisor("the child", child("breaks")).running():
                pytest.fail("the block must not run")

    run(main())


def test_a_server_that_never_gets_well_is_told_and_ended() -> None:
    """A server that answers 503 for ever is not ready; its process does not stay behind."""

    async def main() -> None:
        server = Supervisor("the child", child("sick"), ready_within=2.0)
        with pytest.raises(ConfigError, match=r"the child was not ready within 2 s\.(?s:.*)loading the thing"):
            async with server.running():
                pytest.fail("the block must not run")
        with pytest.raises(aiohttp.ClientError):
            await get(server.url)

    run(main())


def test_a_program_that_does_not_exist_is_named() -> None:
    """The error names the file."""

    async def main() -> None:
        with pytest.raises(ConfigError, match=r"no-such-program: No such file"):
            async with Supervisor("the child", lambda port: ["/no-such-program"]).running():
                pytest.fail("the block must not run")

    run(main())


def test_only_the_last_lines_are_kept() -> None:
    """A server that talks without end fills no memory: twenty lines of five hundred bytes."""

    async def main() -> None:
        server = Supervisor("the child", child("chatters"))
        with pytest.raises(ConfigError, match="line 99 "):
            async with server.running():
                pytest.fail("the block must not run")
        assert len(server.last_lines) == server_output.LAST_LINES
        assert max(map(len, server.last_lines)) <= server_output.LINE_BYTES

    run(main())


def test_a_server_that_hangs_is_restarted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that lives but does not answer three looks in a row is as good as dead."""
    monkeypatch.setattr(supervisor, "PULSE", 0.3)

    async def main() -> None:
        server = Supervisor("the child", child("well"))
        async with server.running():
            pid = int(await get(server.url + "/pid"))
            os.kill(pid, signal.SIGSTOP)
            await until(lambda: ready_again(server, starts=2), "it was restarted")
            assert not psutil.pid_exists(pid)

    run(main())


def test_a_stubborn_server_is_killed_with_its_children(tmp_path: Path) -> None:
    """One that ignores SIGTERM is killed after the grace, and so is the process that it started."""

    async def main() -> None:
        note = tmp_path / "grandchild"
        server = Supervisor("the child", child("stubborn", str(note)), grace=0.3)
        async with server.running():
            pid = int(await get(server.url + "/pid"))
            await until(lambda: note.exists() and note.read_text() != "", "it had a child")
        await until(lambda: not psutil.pid_exists(pid), "it was gone")
        await until(lambda: not psutil.pid_exists(int(note.read_text())), "its child was gone")

    run(main())


def test_stopping_while_it_rests_or_starts_leaves_nothing() -> None:
    """A block that ends while the server is down ends at once, with nothing left."""

    async def main() -> None:
        server = Supervisor("the child", child("well"))
        async with server.running():
            with pytest.raises(aiohttp.ClientError):
                await get(server.url + "/die")
            await until(lambda: server.status.state == "resting", "it rested")
        assert server.status.state == "stopped"

    run(main())


PARENT = """
import asyncio, sys
from lineside.processes.supervisor import Supervisor

async def main():
    server = Supervisor("the child", lambda port: [sys.executable, sys.argv[1], str(port), "well"])
    async with server.running():
        print(server.url, flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's leash, prctl(PR_SET_PDEATHSIG), is Linux's")
def test_a_server_does_not_outlive_a_parent_that_is_killed() -> None:
    """When lineside itself is killed with SIGKILL, which nobody can catch, its servers end too."""
    with subprocess.Popen([sys.executable, "-c", PARENT, CHILD], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        url = next(line for line in parent.stdout if line.startswith("http")).strip()
        pid = int(asyncio.run(get(url + "/pid")))
        assert psutil.pid_exists(pid)
        parent.kill()
    asyncio.run(until(lambda: not psutil.pid_exists(pid), "the server ended with its parent"))


FAMILY = [sys.executable, "-I", "-S", str(Path(process_group.__file__))]
watched = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="the watchman needs Linux 5.3's pidfd_open")


@watched
def test_a_program_with_a_watchman_is_the_program() -> None:
    """Its process id, its output and its exit code are its own, and the watchman is no child of its."""
    script = "import os, psutil; print(os.getpid(), len(psutil.Process().children())); os._exit(5)"
    command = [*FAMILY, sys.executable, "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as program:
        assert program.communicate(timeout=SOON)[0] == f"{program.pid} 0\n"
        assert program.returncode == 5


@watched
def test_what_a_killed_program_had_started_is_killed_too(tmp_path: Path) -> None:
    """Nobody else is there to do it: the watchman does."""
    note = tmp_path / "grandchild"
    with subprocess.Popen([*FAMILY, *child("stubborn", str(note))(0)], start_new_session=True) as program:
        asyncio.run(until(lambda: note.exists() and note.read_text() != "", "it had a child"))
        program.kill()
    asyncio.run(until(lambda: not psutil.pid_exists(int(note.read_text())), "its child was gone"))


@watched
def test_a_group_that_is_not_the_programs_own_is_left_alone() -> None:
    """Started without a group of its own, the program has no watchman: whoever started it lives on."""
    script = "import subprocess, sys, time; subprocess.run(sys.argv[1:]); time.sleep(0.5); print('alive')"
    command = [sys.executable, "-c", script, *FAMILY, "true"]
    done = subprocess.run(command, capture_output=True, text=True, start_new_session=True, timeout=SOON, check=False)
    assert (done.stdout, done.returncode) == ("alive\n", 0)


def test_one_that_fell_at_its_start_has_failed_and_says_why() -> None:
    """The state stays for whoever looks later, beside the reason."""

    async def main() -> None:
        server = Supervisor("the child", child("breaks"))
        with pytest.raises(ConfigError):
            await server.run()
        failed = server.status
        assert (failed.state, failed.why, failed.pid) == ("failed", "the child ended with exit code 3", None)

    run(main())
