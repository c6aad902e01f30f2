"""Peer connections in Chromium, of a stock Realtime page and of our own protocol: asked aloud, heard from the track."""

import base64
import io
from pathlib import Path

import av
import numpy as np
import pytest
from playwright.sync_api import Page

from lineside.audio.frame import AudioFrame
from tests.browser.conftest import OpenGateway, OpenPage
from tests.browser.page_checks import until
from tests.browser.sounds import recording, silence, voice

pytestmark = pytest.mark.browser

SCRIPT = (Path(__file__).parent / "realtime-caller.js").read_text("utf-8")
TOLD = {"type": "realtime", "audio": {"input": {"transcription": {"model": "whisper-1"}}}}
PATIENCE = 90.0  # seconds
RATE = 48_000
LONG = "One two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen."


def test_a_stock_page_speaks_and_hears_over_webrtc(gateway: OpenGateway, visit: OpenPage, tmp_path: Path) -> None:
    """The fake microphone is heard, the answer is in the remote track, and hanging up frees the slot."""
    mic = recording(tmp_path / "mic.wav", [silence(3), voice(1.5), silence(8)] * 8)  # again, where the machine was late
    running = gateway(echo_gate=False)
    page = visit(f"{running.url}/health", mic=mic, script=SCRIPT)
    page.evaluate("session => callRealtime(session)", TOLD)
    until(page, "caller.events.some(e => e.type === 'output_audio_buffer.stopped')", PATIENCE)
    page.wait_for_timeout(500)  # of the browser's own buffers

    kinds = page.evaluate("caller.events.map(e => e.type)")
    assert kinds[0] == "session.created"
    assert "response.output_audio.delta" not in kinds
    heard = np.frombuffer(sound(page).pcm, "<i2").astype(np.int32)
    loud = np.abs(heard[: len(heard) // 960 * 960].reshape(-1, 960)).max(axis=1) > 1000
    assert loud.sum() * 0.02 > 1.0, "seven words of 0.3 s each"
    assert page.evaluate("fetch(caller.location + '/hangup', { method: 'POST' }).then(answer => answer.status)") == 200
    until(page, "caller.peer.connectionState !== 'connected' || caller.channel.readyState === 'closed'", PATIENCE)
    assert running.gateway.calls == 0


def test_a_page_calls_in_our_own_protocol_over_webrtc(gateway: OpenGateway, visit: OpenPage, tmp_path: Path) -> None:
    """It asks aloud, hears the answer, talks over it, and the call keeps the words that were heard."""
    mic = recording(tmp_path / "mic.wav", [silence(1.5), voice(1.5), silence(2.2)] * 20)
    running = gateway(echo_gate=False, hears=("Tell me all.", "Stop, please wait."), answers=(LONG, "Yes?"))
    page = visit(f"{running.url}/health", mic=mic, script=SCRIPT)
    page.evaluate("first => callOwn(first)", {"greeting": ""})
    until(page, "caller.events.some(e => e.type === 'barge_in')", PATIENCE)

    first = page.evaluate("caller.events.find(e => e.type === 'barge_in').heard")
    assert 0 < len(first) < len(LONG)
    assert LONG.startswith(first)
    assert page.evaluate("caller.events[0].type") == "ready"
    heard = np.frombuffer(sound(page).pcm, "<i2").astype(np.int32)
    loud = np.abs(heard[: len(heard) // 960 * 960].reshape(-1, 960)).max(axis=1) > 1000
    assert loud.sum() * 0.02 > 0.5, "the answer sounded until then"
    page.evaluate("""caller.channel.send('{"type":"hangup"}')""")
    until(page, "caller.events.some(e => e.type === 'ended' && e.reason === 'caller_hung_up')", PATIENCE)


def sound(page: Page) -> AudioFrame:
    """What the remote track brought, whole."""
    data = base64.b64decode(page.evaluate("heardFile()"))
    pcm = bytearray()
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    with av.open(io.BytesIO(data), "r") as file:
        for frame in file.decode(audio=0):
            for part in resampler.resample(frame):
                pcm += part.to_ndarray().tobytes()
    return AudioFrame(bytes(pcm), RATE)
