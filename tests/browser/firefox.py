"""Drives a real Firefox by WebDriver BiDi over its own port: no driver program, nothing installed beside it."""

import asyncio
import base64
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse

OPENS_WITHIN = ANSWERS_WITHIN = 60.0  # seconds; a shared machine starts a browser slowly
PREFERENCES: dict[str, bool | int | str] = {
    "media.navigator.streams.fake": True,  # the microphone hears a tone
    "media.navigator.permission.disabled": True,  # … and nobody is asked
    "media.autoplay.default": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "app.update.auto": False,
    "browser.shell.checkDefaultBrowser": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
}


def program() -> str:
    """Debian's Firefox, or whichever is on the path."""
    found = next(filter(None, map(shutil.which, ("firefox-esr", "firefox"))), None)
    if found is None:
        pytest.skip("no Firefox is installed, so the page was not tested in it: apt-get install -y firefox-esr")
    return found


@contextmanager
def sound_server(folder: Path) -> Iterator[str]:
    """Without a sound card a Firefox plays nothing, not even into the void: a PulseAudio whose card is none."""
    server = shutil.which("pulseaudio")
    if server is None:
        pytest.skip("no PulseAudio is installed, which Firefox needs to play: apt-get install -y pulseaudio")
    listens = ["--load=module-null-sink", f"--load=module-native-protocol-unix socket={folder}/native auth-anonymous=1"]
    argv = [server, "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", *listens]
    env = {"HOME": str(folder), "XDG_RUNTIME_DIR": str(folder), "PATH": "/usr/bin:/bin"}
    with (folder / "output.log").open("w") as log:
        serving = subprocess.Popen(argv, stdout=log, stderr=log, env=env)
    try:
        deadline = time.monotonic() + OPENS_WITHIN
        while not (folder / "native").exists():
            assert serving.poll() is None, (folder / "output.log").read_text()
            assert time.monotonic() < deadline, "PulseAudio did not open its socket"
            time.sleep(0.05)
        yield f"unix:{folder}/native"
    finally:
        serving.terminate()
        serving.wait(timeout=60)


@contextmanager
def running_firefox(folder: Path, sound: str = "", **preferences: bool | int | str) -> Iterator[str]:
    """A Firefox with a profile of its own; the address of its BiDi socket. `sound` is a PulseAudio's address."""
    written = "".join(f'user_pref("{k}", {json.dumps(v)});\n' for k, v in (PREFERENCES | preferences).items())
    (folder / "user.js").write_text(written)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    argv = [program(), "--headless", "--no-remote", "--profile", str(folder), f"--remote-debugging-port={port}"]
    with (folder / "output.log").open("w") as log:
        env = {"HOME": str(folder), "PATH": "/usr/bin:/bin", "PULSE_SERVER": sound or "unix:/nowhere"}
        browser = subprocess.Popen(argv, stdout=log, stderr=log, env=env)
    try:
        deadline = time.monotonic() + OPENS_WITHIN
        while "WebDriver BiDi listening" not in (folder / "output.log").read_text():
            assert browser.poll() is None, (folder / "output.log").read_text()
            assert time.monotonic() < deadline, "Firefox did not open its port"
            time.sleep(0.1)
        yield f"ws://127.0.0.1:{port}/session"
    finally:
        browser.terminate()
        browser.wait(timeout=60)


class FirefoxPage:
    """The one tab of a Firefox (W3C WebDriver BiDi)."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self._socket, self._number, self._tab = socket, 0, ""
        self.errors: list[str] = []

    async def begin(self) -> None:
        """Open the session."""
        await self._ask("session.new", {"capabilities": {"alwaysMatch": {"acceptInsecureCerts": True}}})
        await self._ask("session.subscribe", {"events": ["log.entryAdded"]})
        tree = await self._ask("browsingContext.getTree", {})
        self._tab = tree["contexts"][0]["context"]

    async def go(self, url: str) -> None:
        """Load a page."""
        await self._ask("browsingContext.navigate", {"context": self._tab, "url": url, "wait": "complete"})

    async def value(self, expression: str) -> Any:
        """What an expression is in the page, as if the user had touched it."""
        asked = {
            "expression": f"(async () => JSON.stringify(await ({expression})))()",
            "target": {"context": self._tab},
            "awaitPromise": True,
            "userActivation": True,
        }
        found = await self._ask("script.evaluate", asked)
        assert found["type"] == "success", found
        text = found["result"].get("value")
        return None if text is None else json.loads(text)

    async def until(self, expression: str, seconds: float = 60.0) -> None:
        """Wait until this is so."""
        deadline = time.monotonic() + seconds
        while not await self.value(expression):
            assert time.monotonic() < deadline, (expression, await self.value("document.body.innerText"), self.errors)
            await asyncio.sleep(0.05)

    async def picture(self, file: Path) -> None:
        """Take a screenshot."""
        taken = await self._ask("browsingContext.captureScreenshot", {"context": self._tab})
        await asyncio.to_thread(file.write_bytes, base64.b64decode(taken["data"]))

    async def _ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": params})
        while True:
            told = await self._socket.receive_json(timeout=ANSWERS_WITHIN)
            if told.get("method") == "log.entryAdded" and told["params"]["level"] in ("error", "warn"):
                self.errors.append(str(told["params"]["text"]))
            if told.get("id") == self._number:
                assert told["type"] == "success", told
                return dict(told["result"])


async def firefox_page(http: ClientSession, address: str) -> FirefoxPage:
    """Its tab, ready to be driven."""
    page = FirefoxPage(await http.ws_connect(address, max_msg_size=0))
    await page.begin()
    return page
