"""The page's own call over a peer connection: chosen, spoken over, interrupted; and where none comes about."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, WebSocket, expect

from tests.browser.conftest import OpenGateway, OpenPage
from tests.browser.page_checks import phase, said, until
from tests.browser.sounds import LOUD, recording, silence, voice

pytestmark = pytest.mark.browser

LONG = "One two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen."
# Some words of an answer have been heard, and others are still to come.
SOME_HEARD = """[...document.querySelectorAll('#lines > .agent .text')].some(text => {
    const ahead = text.querySelector('.ahead')?.innerText.length ?? 0;
    return ahead > 0 && text.innerText.length - ahead > 5;
})"""
NEVER_CONNECTS = "RTCPeerConnection.prototype.setRemoteDescription = async () => {};"


def choose(page: Page, transport: str) -> None:
    """In the dashboard; back to the call."""
    page.get_by_role("link", name="Dashboard").click()
    page.get_by_role("radio", name=re.compile(f"^{transport}")).check()
    page.get_by_role("link", name="Call", exact=True).click()


def sockets(page: Page) -> list[str]:
    """Addresses of the WebSockets that the page opens from now on."""
    opened: list[str] = []

    def note(socket: WebSocket) -> None:
        opened.append(socket.url)

    page.on("websocket", note)
    return opened


def test_a_call_over_webrtc_is_heard_and_interrupted(gateway: OpenGateway, visit: OpenPage, tmp_path: Path) -> None:
    """Sound goes and comes by tracks: the answer is played, its words are marked as they come, and a voice cuts it."""
    mic = recording(tmp_path / "mic.wav", [silence(1.5), voice(1.5), silence(3)] * 20)  # again, on a slow machine
    running = gateway(echo_gate=False, hears=("Count.", "Stop.", *("And on?",) * 20), answers=(LONG, *("Yes?",) * 20))
    page = visit(running.url, mic=mic, record=True)
    choose(page, "WebRTC")
    expect(page.get_by_role("button", name="Remove Transport: WebRTC")).to_be_visible()
    opened = sockets(page)
    page.click("#talk")
    phase(page, "speaking")
    until(page, SOME_HEARD)
    until(page, f"tap.sounded({LOUD / 32768}) > 0.5")
    until(page, "document.querySelectorAll('#lines > .agent del').length >= 1")
    assert [words for who, words in said(page) if who == "You"][:1] == ["Count."]
    assert opened == []
    page.click("#talk")
    phase(page, "ended")
    until(page, "document.querySelector('#problem').innerText === ''")
    page.get_by_role("button", name="Remove Transport: WebRTC").click()
    choose(page, "WebSocket")


def test_a_typed_call_over_webrtc_needs_no_microphone(gateway: OpenGateway, visit: OpenPage) -> None:
    """Its track is silent, its answer is played."""
    page = visit(gateway(answers=["From nine."]).url)
    choose(page, "WebRTC")
    page.fill("#words", "When?")
    page.press("#words", "Enter")
    until(page, "document.querySelector('#lines > .agent')?.innerText.includes('From nine.')")
    assert said(page)[0] == ("You", "When?")
    page.click("#talk")
    phase(page, "ended")


def test_where_no_packet_gets_through_the_call_uses_the_websocket(gateway: OpenGateway, visit: OpenPage) -> None:
    """After five seconds, and the page says so; the slot of the first try is free."""
    running = gateway(answers=["From nine."])
    page = visit(running.url, script=NEVER_CONNECTS)
    choose(page, "WebRTC")
    opened = sockets(page)
    page.fill("#words", "When?")
    page.press("#words", "Enter")
    expect(page.get_by_text("WebRTC did not connect within 5 s")).to_be_visible()
    until(page, "document.querySelector('#lines > .agent')?.innerText.includes('From nine.')")
    assert len(opened) == 1
    until(page, "fetch('/health').then(answer => answer.json()).then(health => health.calls === 1)")
    page.click("#talk")
    phase(page, "ended")


def test_a_gateway_without_webrtc_is_called_over_the_websocket(gateway: OpenGateway, visit: OpenPage) -> None:
    """At once, and the page says so."""
    page = visit(gateway(answers=["From nine."]).url)
    page.route("**/rtc/call?*", lambda route: route.fulfill(status=501, json={"error": {"message": "not installed"}}))
    choose(page, "WebRTC")
    page.fill("#words", "When?")
    page.press("#words", "Enter")
    expect(page.get_by_text("This gateway answers no WebRTC")).to_be_visible()
    until(page, "document.querySelector('#lines > .agent')?.innerText.includes('From nine.')")
    page.click("#talk")
    phase(page, "ended")
