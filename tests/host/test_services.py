"""Services of a machine: declared in a file, started, watched and ended. Real processes, small ones."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from lineside.errors import ConfigError
from lineside.host.service_config import ServiceConfig, read_services
from lineside.host.services import KEPT_LINES, Service, ServiceManager, ServiceRefused
from lineside.models.catalogue import find
from lineside.processes.ports import free_port
from lineside.settings import complete_settings

CHILD = str(Path(__file__).parents[1] / "processes" / "child_server.py")
SAMPLE = Path(__file__).parents[2] / "src" / "lineside" / "data" / "services.toml"
SOON = 60.0  # seconds; on a busy machine a Python takes one to start


def run(main: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(main, 300), debug=True)


def declared(manner: str = "well", *more: str, name: str = "whisper", **fields: Any) -> ServiceConfig:
    """A service made of the supervisor's small child."""
    return ServiceConfig(
        name, ("{python}", CHILD, "{port}", manner, *more), fields.pop("port", 0) or free_port(), **fields
    )


@asynccontextmanager
async def service_manager(*services: ServiceConfig, models_dir: Path = Path()) -> AsyncGenerator[ServiceManager, None]:
    async with asyncio.TaskGroup() as tasks:
        opened = ServiceManager(services, models_dir, tasks)
        try:
            yield opened
        finally:
            await opened.stop_all()


async def only(opened: ServiceManager) -> Service:
    (service,) = await opened.all()
    return service


async def seen(opened: ServiceManager, fits: Callable[[Service], bool]) -> Service:
    """The only service, once it is as it should be."""
    deadline = time.monotonic() + SOON
    while True:
        service = await only(opened)
        if fits(service):
            return service
        assert time.monotonic() < deadline, f"it never came to pass; at last it was {service}"
        await asyncio.sleep(0.02)


async def refused(starting: Coroutine[Any, Any, Service]) -> ServiceRefused:
    with pytest.raises(ServiceRefused) as no:
        await starting
    return no.value


def test_a_service_is_started_once_healthy_and_stopped_without_a_trace() -> None:
    """Ready with its process, memory and address; then stopped, and the process gone."""

    async def main() -> None:
        async with service_manager(declared()) as opened:
            before = await only(opened)
            assert (before.state, before.pid, before.memory_bytes, before.starts) == ("stopped", None, None, 0)
            ready = await opened.start("whisper")
            assert ready.state == "ready"
            assert ready.starts == 1
            assert ready.why == ""
            assert ready.pid is not None
            assert psutil.pid_exists(ready.pid)
            assert (ready.memory_bytes or 0) > 1_000_000
            stopped = await opened.stop("whisper")
            assert (stopped.state, stopped.pid) == ("stopped", None)
            assert not psutil.pid_exists(ready.pid)
            assert await opened.stop("whisper") == stopped or (await only(opened)).state == "stopped"

    run(main())


def test_two_starts_at_once_give_one_process() -> None:
    """The second joins the first, and a third finds it running."""

    async def main() -> None:
        async with service_manager(declared()) as opened:
            first, second = await asyncio.gather(opened.start("whisper"), opened.start("whisper"))
            third = await opened.start("whisper")
            assert first.pid == second.pid == third.pid
            assert third.starts == 1

    run(main())


def test_another_model_needs_a_stop_first(tmp_path: Path) -> None:
    """The same model, or none named, joins; another is refused until the service was stopped."""
    for model in ("small", "large"):
        (tmp_path / f"{model}.bin").touch()

    async def main() -> None:
        service = declared("well", "{model_file}", models=("small", "large"))
        async with service_manager(service, models_dir=tmp_path) as opened:
            assert (await opened.start("whisper")).model == "small"
            assert (await opened.start("whisper", "small")).starts == 1
            no = await refused(opened.start("whisper", "large"))
            assert no.code == "other_model"
            assert "whisper already runs with another model, small: stop it first" in str(no)
            await opened.stop("whisper")
            large = await opened.start("whisper", "large")
            assert large.model == "large"
            assert str(tmp_path / "large.bin") in psutil.Process(large.pid).cmdline()

    run(main())


def test_a_service_that_is_killed_is_started_again() -> None:
    """Its death is seen at once; it has another process then, at the same address."""

    async def main() -> None:
        async with service_manager(declared()) as opened:
            first = await opened.start("whisper")
            assert first.pid is not None
            os.kill(first.pid, signal.SIGKILL)
            fallen = await seen(opened, lambda service: service.state != "ready" or service.starts == 2)
            assert "signal SIGKILL" in fallen.why or fallen.starts == 2  # a machine that stalls shows only the latter
            again = await opened.start("whisper")  # joins the restart that is on its way
            assert (again.state, again.starts, again.why) == ("ready", 2, "")
            assert again.pid != first.pid
            assert again.url == first.url

    run(main())


def test_one_that_cannot_start_says_so_with_its_last_lines_and_may_be_tried_again() -> None:
    """Failed, with the reason; what it printed is in the answer and in its logs; a stop takes note of it."""

    async def main() -> None:
        async with service_manager(declared("breaks")) as opened:
            for _ in range(2):
                no = await refused(opened.start("whisper"))
                assert no.code == "not_ready"
                assert "whisper ended with exit code 3" in str(no)
                assert "no such model: kaputt.bin" in str(no)
            failed = await only(opened)
            assert (failed.state, failed.why) == ("failed", "whisper ended with exit code 3")
            assert opened.lines("whisper", 1) == ["no such model: kaputt.bin"]
            assert (await opened.stop("whisper")).state == "stopped"

    run(main())


def test_one_that_does_not_get_ready_in_time_is_ended() -> None:
    """The answer says how long was waited, and what it printed."""

    async def main() -> None:
        async with service_manager(declared("sick", ready_within=3.0)) as opened:
            no = await refused(opened.start("whisper"))
            assert "whisper was not ready within 3 s" in str(no)
            assert "loading the thing" in str(no)
            assert (await only(opened)).pid is None

    run(main())


def test_a_stop_while_it_starts_works() -> None:
    """Whoever waits for the start hears that it was stopped; nothing is left."""

    async def main() -> None:
        async with service_manager(declared("sick")) as opened:
            starting = asyncio.create_task(opened.start("whisper"))
            pid = (await seen(opened, lambda service: service.pid is not None)).pid
            assert (await opened.stop("whisper")).state == "stopped"
            no = await refused(asyncio.wait_for(starting, SOON))
            assert (no.code, str(no)) == ("stopped", "whisper was stopped while it started")
            assert not psutil.pid_exists(pid or 0)

    run(main())


def test_a_start_during_a_stop_waits_for_its_end_and_starts_anew(tmp_path: Path) -> None:
    """There are never two processes at one port."""

    async def main() -> None:
        async with service_manager(declared("stubborn", str(tmp_path / "note"), grace=0.5)) as opened:
            first = await opened.start("whisper")
            stopping = asyncio.create_task(opened.stop("whisper"))
            await asyncio.sleep(0)
            again = await opened.start("whisper")
            await stopping
            assert again.state == "ready"
            assert again.pid != first.pid
            assert not psutil.pid_exists(first.pid or 0)

    run(main())


def test_a_port_that_somebody_else_has_is_named() -> None:
    """The stranger's answer is not taken for our service's."""

    async def main() -> None:
        stranger = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
        port = stranger.sockets[0].getsockname()[1]
        async with stranger, service_manager(declared(port=port)) as opened:
            no = await refused(opened.start("whisper"))
            assert f"whisper cannot have port {port}: another program answers there" in str(no)

    run(main())


@pytest.mark.parametrize(
    ("service", "model", "code", "says"),
    [
        (declared(name="piper"), "", "unknown_service", "there is no service 'whisper'. The services are: piper"),
        (declared(), "large", "unknown_model", "whisper has no model 'large'. Its models are: none"),
        (declared(models=("small",)), "large", "unknown_model", "Its models are: small"),
        (
            declared("well", "{model_file}", models=("ggml-tiny.en",)),
            "",
            "not_fetched",
            "the model ggml-tiny.en is not here. Fetch it with: lineside models pull ggml-tiny.en",
        ),
        (declared("well", "{model_file}", models=("mine",)), "mine", "not_fetched", "nor a file mine.bin or .gguf in"),
        (
            declared(needs="no-such-program", install="Build it."),
            "",
            "not_installed",
            "no-such-program is not installed. Build it.",
        ),
    ],
)
def test_what_cannot_be_started_is_said_before_anything_is_tried(
    tmp_path: Path, service: ServiceConfig, model: str, code: str, says: str
) -> None:
    """Each refusal has a code for programs and a sentence that says what to do."""

    async def main() -> None:
        async with service_manager(service, models_dir=tmp_path) as opened:
            no = await refused(opened.start("whisper", model))
            assert no.code == code
            assert says in str(no)
            (listed,) = await opened.all()
            assert listed.state == "stopped"
            assert listed.why == (says if code == "not_installed" else "")

    run(main())


def test_only_the_last_lines_are_kept() -> None:
    """A service that talks without end fills no memory."""
    talks = "for number in range(2000): print('line', number)"

    async def main() -> None:
        async with service_manager(ServiceConfig("whisper", ("{python}", "-c", talks), free_port())) as opened:
            no = await refused(opened.start("whisper"))
            lines = opened.lines("whisper", 10_000)
            assert len(lines) == KEPT_LINES
            assert lines[-1] == "line 1999"
            assert opened.lines("whisper", 2) == ["line 1998", "line 1999"]
            assert "line 1979" not in str(no)

    run(main())


def test_when_the_manager_closes_every_service_ends_and_none_is_started() -> None:
    """Both are gone, and a late start is refused."""

    async def main() -> None:
        async with service_manager(declared(), declared(name="piper")) as opened:
            both = await asyncio.gather(opened.start("whisper"), opened.start("piper"))
            await opened.stop_all()
            assert not any(psutil.pid_exists(one.pid or 0) for one in both)
            assert (await refused(opened.start("whisper"))).code == "stopped"

    run(main())


WELL = 'name = "whisper"\nprogram = ["true"]\nport = 8178\n'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[service]\n", "is not TOML: .*line 1"),
        ('[[service]]\nname = "whisper"\nport = 1\n', r"missing required field `program` - at `\$.service\[0\]`"),
        (f"[[service]]\n{WELL}colour = 1\n", "unknown field `colour`.*has these fields: name, program, port, health"),
        (f"[[service]]\n{WELL}".replace("8178", "70000"), r"`int` <= 65535 - at `\$.service\[0\].port`"),
        (
            f"[[service]]\n{WELL}".replace('["true"]', '"true"'),
            r"Expected `array`, got `str` - at `\$.service\[0\].prog",
        ),
        (f"[[service]]\n{WELL}".replace('["true"]', "[]"), "length >= 1"),
        (f"[[service]]\n{WELL}".replace('"whisper"', '"../whisper"'), r"\$.service\[0\].name"),
        (f"[[service]]\n{WELL}ready_within = 6000\n", r"`float` <= 600.0 - at `\$.service\[0\].ready_within`"),
        (
            f"[[service]]\n{WELL}".replace("true", "{prot}"),
            r"service 'whisper': '\{prot\}' .* allowed are \{port\}, \{python\}",
        ),
        (f"[[service]]\n{WELL}".replace("true", "-m{model_file}"), "asks for a model, but models = .* names none"),
        (f'[[service]]\n{WELL}models = ["../x"]\n', "models are names, without slashes"),
        (f"[[service]]\n{WELL}[[service]]\n{WELL}", "'whisper': the name stands twice"),
        (
            f"[[service]]\n{WELL}[[service]]\n{WELL}".replace("whisper", "piper", 1),
            "port 8178 belongs to 'whisper' as well",
        ),
    ],
)
def test_a_wrong_file_is_refused_with_the_place_and_what_is_allowed(tmp_path: Path, text: str, says: str) -> None:
    """The error names the file, and the line or the field."""
    file = tmp_path / "services.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=f"(?s)services.toml.*{says}"):
        read_services(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """With the setting that says which file it is."""
    with pytest.raises(ConfigError, match=r"nowhere.toml cannot be read .*SERVICES_FILE"):
        read_services(tmp_path / "nowhere.toml")


def test_the_sample_fits_the_settings_and_the_catalogue() -> None:
    """Its ports are those at which lineside looks by default, and its models are those of whisper-server."""
    services = {one.name: one for one in read_services(SAMPLE)}
    defaults = complete_settings().model_fields
    assert defaults["whisper_server_url"].default.endswith(f":{services['whisper-server'].port}")
    assert defaults["ollama_url"].default.endswith(f":{services['ollama'].port}")
    assert {find(model).engine for model in services["whisper-server"].models} == {"whisper-server"}
    assert services["engine-server"].missing() == ""
    assert services["engine-server"].argv(Path("/models"), "")[:3] == [
        sys.executable,
        "-m",
        "lineside.engine_server",
    ]


REAL = os.environ.get("LINESIDE_TEST_WHISPER_SERVER", "")
REAL_MODEL = os.environ.get("LINESIDE_TEST_WHISPER_MODEL", "")


@pytest.mark.skipif(
    not (REAL and REAL_MODEL),
    reason="set LINESIDE_TEST_WHISPER_SERVER=/path/whisper-server and LINESIDE_TEST_WHISPER_MODEL=/path/ggml….bin",
)
def test_a_real_whisper_server_lives_and_dies_under_the_agent() -> None:
    """Started, healthy; killed, back within two seconds beyond what loading takes; stopped, no orphan."""
    model = Path(REAL_MODEL)

    async def main() -> None:
        program = (REAL, "--model", "{model_file}", "--host", "127.0.0.1", "--port", "{port}")
        service = ServiceConfig("whisper-server", program, free_port(), models=(model.stem,))
        async with service_manager(service, models_dir=model.parent) as opened:
            asked = time.monotonic()
            first = await opened.start("whisper-server")
            loading = time.monotonic() - asked
            assert first.pid is not None
            os.kill(first.pid, signal.SIGKILL)
            killed = time.monotonic()
            again = await seen(opened, lambda server: server.state == "ready" and server.starts == 2)
            back = time.monotonic() - killed
            print(f"\nloading {loading:.2f} s, back after {back:.2f} s")
            assert back < 2.0 + 2 * loading
            await opened.stop("whisper-server")
            assert not psutil.pid_exists(again.pid or 0)

    run(main())
