"""The client page of `examples/`, in a browser, from an origin of its own."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ALLOW, OpenBrowser, OpenGateway
from tests.browser.sounds import recording, silence, voice

EXAMPLES = Path(__file__).parents[2] / "examples"

pytestmark = pytest.mark.browser


@pytest.fixture
def origin() -> Iterator[str]:
    """The folder, served as `python -m http.server` does."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(EXAMPLES)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_the_client_page_of_the_examples_holds_a_spoken_call(
    gateway: OpenGateway, browsers: OpenBrowser, origin: str, tmp_path: Path
) -> None:
    """A question into the microphone is understood, and answered in words."""
    running = gateway(allowed_origins=(origin,))
    mic = recording(tmp_path / "mic.wav", [silence(1.0), voice(1.5), silence(20)])
    page = browsers(mic, ALLOW).new_page()  # without the tap that other tests have on lineside's own page
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(f"{origin}/client.html")
    page.locator("#url").fill(f"{running.url.replace('http', 'ws')}/ws/call")
    page.get_by_role("button", name="Call").click()
    expect(page.locator("#words li").first).to_have_text("caller: When are you open?")
    expect(page.locator("#words li").nth(1)).to_contain_text("agent: We are open.")
    page.close()
    assert faults == []
