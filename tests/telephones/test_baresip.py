"""baresip calls: a whole call with real models, the tone test in each codec, TLS with encrypted sound."""

import asyncio
import shutil
import subprocess
from pathlib import Path
from typing import Any, cast

import aiohttp
import msgspec
import numpy as np
import pytest
import soxr

from lineside.audio.frame import AudioFrame
from lineside.audio.wav import read_wav
from lineside.call.session import CallSession
from lineside.loadtest.plan import HeardAnswer
from lineside.loadtest.recordings import OWN
from lineside.loadtest.wer import distance, plain, transcribed
from lineside.protocol import EndReason
from lineside.rtp.codecs import CodecName
from lineside.transports.base import TransportListener
from tests.gateway.test_sip_line import line
from tests.real_gateway import Stack
from tests.telephones.baresip import best_share, call_with_baresip, quiet, tone
from tests.telephones.ports import free_ports

pytestmark = pytest.mark.skipif(
    shutil.which("baresip") is None, reason="baresip is missing: apt-get install baresip-core"
)


@pytest.mark.models
def test_a_softphone_asks_is_understood_and_hears_the_answer(stack: Stack, tmp_path: Path) -> None:
    """Over G.711 both ways: the question is written down as it was said, and the phone's sound holds the answer.

    The recogniser's own mistakes with the company's name are in the figure.
    """
    question = read_wav((OWN / "fastest.wav").read_bytes())
    pcm = soxr.resample(np.frombuffer(question.pcm, "<i2"), question.rate, 8000).astype("<i2").tobytes()
    before = quiet(5.5, 8000) + pcm
    says = AudioFrame(before + quiet(90, 8000), 8000)

    def answered(heard: AudioFrame) -> bool:
        """Something was said after the question, and that is a while ago."""
        loud = np.flatnonzero(np.abs(np.frombuffer(heard.pcm, "<i2")) > 500) / heard.rate
        asked = len(before) / 2 / 8000
        return heard.seconds > asked + 10 and bool(loud.size) and asked < loud[-1] < heard.seconds - 3

    async def story() -> tuple[AudioFrame, list[dict[str, str]], str]:
        heard = await call_with_baresip(tmp_path, stack.sip, says, answered)
        async with aiohttp.ClientSession() as http:
            for _ in range(600):
                async with http.get(f"{stack.url}/api/history/export.jsonl") as answer:
                    calls = [msgspec.json.decode(row) for row in (await answer.text()).splitlines()]
                over = [call for call in calls if call["call"]["line"] == "sip" and call["call"]["reason"]]
                if over:
                    break
                await asyncio.sleep(0.1)
        turns = over[-1]["turns"]
        reached = " ".join(turn["reached"] for turn in turns)
        return heard, turns, await transcribed(stack.url, "", HeardAnswer(reached, heard.pcm, heard.rate))

    heard, turns, written = asyncio.run(story())
    assert plain(turns[1]["heard"]) == plain("How much does the fastest connection cost?")
    meant = plain(" ".join(turn["reached"] for turn in turns))
    wrong = distance(meant, plain(written.replace("Harbor", "Harbour")))
    assert wrong <= 2, f"{wrong} of {len(meant)} words: {written!r}"
    assert heard.rate == 8000


@pytest.mark.parametrize(("codec", "name"), [("pcmu", "PCMU"), ("pcma", "PCMA"), ("g722/16000", "G722")])
def test_a_tone_comes_back_as_a_tone(
    codec: str, name: CodecName, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1 kHz from the softphone and back: over 90 % of the energy is there. No law and no byte order is mistaken."""
    _echo_calls(monkeypatch)
    _tone_comes_back(tmp_path, codec, 16_000 if name == "G722" else 8000)


def test_a_softphone_calls_over_tls_with_encrypted_sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SDES over TLS, and a gateway that takes no other sound; the certificate is one of our own."""
    _echo_calls(monkeypatch)
    certificate, key = tmp_path / "sip.pem", tmp_path / "sip.key"
    made = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    subprocess.run([*made.split(), "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    given = {"sip_tls_certificate": str(certificate), "sip_tls_key": str(key), "sip_tls_port": free_ports()}
    uri = f"sip:agent@127.0.0.1:{given['sip_tls_port']};transport=tls"
    folder = tmp_path / "phone"
    folder.mkdir()
    _tone_comes_back(folder, "pcma", 8000, uri, ";mediaenc=srtp-mand", str(certificate), sip_srtp="required", **given)


def _echo_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have calls say back what they hear."""

    async def echo(self: CallSession) -> EndReason:
        transport = self._context.transport

        class Back:
            def on_audio(self, payload: bytes) -> None:
                transport.send(payload)

            def __getattr__(self, name: str) -> object:
                return lambda *given: None

        return await transport.run(cast("TransportListener", Back()))

    monkeypatch.setattr(CallSession, "run", echo)


def _tone_comes_back(
    folder: Path, codec: str, rate: int, uri: str = "", account: str = "", ca: str = "", **given: Any
) -> None:
    says = AudioFrame(quiet(0.4, rate) + tone(30, rate), rate)

    def comes_back(heard: AudioFrame) -> bool:
        return best_share(heard, 1.0) > 0.9

    async def story() -> AudioFrame:
        async with line(**given) as one:
            return await call_with_baresip(
                folder, uri or one.uri, says, comes_back, codec=codec, account=account, ca=ca
            )

    assert comes_back(asyncio.run(story()))
