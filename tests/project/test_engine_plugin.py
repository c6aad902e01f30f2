"""The engine of `examples/engine-plugin`, installed and used as its README says."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.project.test_product import free_port

ROOT = Path(__file__).parents[2]
PLUGIN = ROOT / "examples" / "engine-plugin"
ENV = """
DEFAULT_STT_ENGINE=scripted
DEFAULT_LLM_ENGINE=parrot
AGENT_FILE=parrot.toml
DEFAULT_TTS_ENGINE=scripted
FALLBACK_TTS_ENGINES=none
KEEP_CALLS=false
PARROT_OPENING=I have heard:
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An operator's folder: the package installed beside an `.env` that sets it."""
    folder = tmp_path_factory.mktemp("operator")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
    done = subprocess.run(
        [*pip, "--target", str(folder / "packages"), str(PLUGIN)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (folder / ".env").write_text(ENV)
    (folder / "parrot.toml").write_text('name = "Parrot"\nprompt = "You repeat what you hear."\n')
    return folder


def environment(folder: Path, **more: str) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(folder / "packages"), "COLUMNS": "200"} | more


def said(folder: Path, *command: str) -> str:
    """What a command says on its output."""
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment(folder), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(params=["1", "2"], ids=["in one process", "in workers"])
def url(folder: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """A gateway that answers with it."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "lineside", "serve"],
        cwd=folder,
        env=environment(folder, PORT=port, WORKERS=request.param),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        lines = list[str]()
        while not lines or "Ctrl-C" not in lines[-1]:
            lines.append(process.stdout.readline())
            assert lines[-1], "".join(lines)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.communicate()


def test_its_settings_are_lineside_settings(folder: Path) -> None:
    """With who set them, beside those of lineside."""
    table = said(folder, "-m", "lineside", "settings")
    (row,) = [line for line in table.splitlines() if "PARROT_OPENING" in line]
    assert "I have heard:" in row
    assert ".env" in row
    (row,) = [line for line in said(folder, "-m", "lineside", "engines").splitlines() if "parrot" in line]
    assert {"llm", "yes"} <= set(row.split())


def test_a_wrong_setting_of_it_stops_the_start(folder: Path) -> None:
    """With a sentence that names it."""
    done = subprocess.run(
        [sys.executable, "-m", "lineside", "settings"],
        cwd=folder,
        env=environment(folder, PARROT_PAUSE_S="slow"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "PARROT_PAUSE_S='slow'" in done.stderr


def test_it_answers_calls_and_is_counted(url: str) -> None:
    """A caller hears its words; the control API and the metrics name it."""

    async def story() -> tuple[str, list[dict[str, object]], str]:
        async with aiohttp.ClientSession() as http:
            async with http.ws_connect(f"{url}/ws/call") as ws:
                await ws.send_str('{"codec":"pcm","greeting":""}')
                await ws.send_str('{"type":"text","text":"My line is down."}')
                answer, measured = "", False
                async with asyncio.timeout(60):
                    while not measured:
                        message = await ws.receive()
                        event = json.loads(message.data) if message.type is aiohttp.WSMsgType.TEXT else {"type": ""}
                        answer = event["text"] if event["type"] == "reply_text" else answer
                        measured = event["type"] == "reply_metrics"
            async with http.get(f"{url}/api/engines") as listed:
                engines = (await listed.json())["llm"]["engines"]
            async with http.get(f"{url}/metrics") as metrics:
                return answer, engines, await metrics.text()

    answer, engines, metrics = asyncio.run(story())
    assert answer == "I have heard: My line is down."
    assert [(e["up"], e["why"]) for e in engines if e["name"] == "parrot"] == [(True, "")]
    assert 'engine="parrot",stage="llm' in metrics


def test_its_own_tests_pass(folder: Path) -> None:
    """They run lineside's conformance checks, which its author imports."""
    assert "1 passed" in said(folder, "-m", "pytest", "-v", "-p", "no:cacheprovider", str(PLUGIN / "tests"))
