"""MeloTTS's server, as it runs in its container, with a model that only pretends."""

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest

from lineside.engines.vendors.melotts import ACCENTS, MeloTTS
from lineside.errors import EngineError
from tests.engines.fixtures import all_of, built

SERVER = Path(__file__).parents[2] / "containers" / "melotts" / "server.py"
PRETENDED = f"""
import numpy
class _Bag: pass
class TTS:
    def __init__(self, language, device):
        assert language == "EN"
        self.hps = _Bag()
        self.hps.data = _Bag()
        self.hps.data.spk2id = {{name: n for n, name in enumerate({ACCENTS!r})}}
        self.hps.data.sampling_rate = 44100
    def tts_to_file(self, text, speaker, speed, quiet):
        assert quiet, "it would print what callers hear"
        if "broken" in text:
            raise RuntimeError(text)
        t = numpy.arange(int(44100 * len(text) * 0.08 / speed)) / 44100
        return 0.5 * numpy.sin(2 * numpy.pi * (200 + 50 * speaker) * t)
"""


@contextmanager
def melotts_server(tmp_path: Path) -> Iterator[str]:
    """Where it answers; SIGTERM ends it, and it has complained of nothing."""
    (tmp_path / "melo").mkdir()
    (tmp_path / "melo" / "__init__.py").touch()
    (tmp_path / "melo" / "api.py").write_text(PRETENDED)
    program = [sys.executable, str(SERVER), "--host", "127.0.0.1", "--port", "0"]
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    with subprocess.Popen(program, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            said = re.search(r"port (\d+)", process.stderr.readline())
            assert said is not None
            yield f"http://127.0.0.1:{said[1]}"
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
            assert not process.stderr.read()


def test_melotts_in_its_container_speaks_to_the_engine(tmp_path: Path) -> None:
    """The engine hears every accent; what cannot be spoken is refused, and no error quotes what was to be said."""

    async def main(url: str) -> None:
        async with aiohttp.ClientSession() as http:
            engine = built(MeloTTS, http, melotts_url=url)
            await engine.check()
            for accent in ACCENTS:
                sounds = await all_of(engine.speak("It left us this morning.", accent))
                assert sounds[0].rate == 44_100
                assert sum(sound.seconds for sound in sounds) == pytest.approx(24 * 0.08, abs=0.05)
            with pytest.raises(EngineError) as broken:
                await all_of(engine.speak("A broken secret.", ""))
            assert "secret" not in str(broken.value)
            for wrong in ({}, {"text": "Hi", "speaker_id": "EN-XX"}, {"text": "Hi", "speed": 9}, {"text": 1}, [1]):
                async with http.post(f"{url}/convert/tts", json=wrong) as answer:
                    assert answer.status == 422
            async with http.post(f"{url}/convert/tts", data=b"x" * 70_000) as answer:
                assert answer.status == 413
            async with http.get(f"{url}/elsewhere") as answer:
                assert answer.status == 404

    with melotts_server(tmp_path) as url:
        asyncio.run(main(url), debug=True)
