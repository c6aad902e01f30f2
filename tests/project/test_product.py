"""The program as its users run it: as a process, with signals, wrong settings, and real calls on real models."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import psutil
import pytest

from lineside.audio.wav import wav_bytes
from lineside.engines.registry import EngineRegistry
from lineside.protocol import BargeIn, FirstMessage
from lineside.testclient.client import CallClient, ClientCall, recordings
from tests.call.fixtures import settings
from tests.real_gateway import Stack
from tests.turns.test_speech_segmenter import AUDIO

ROOT = Path(__file__).parents[2]
SCRIPTED = {f"DEFAULT_{role}_ENGINE": "scripted" for role in ("STT", "LLM", "TTS")}


def command(*arguments: str, **env: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "lineside", *arguments],
        cwd=ROOT,
        env=os.environ | env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def free_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


@contextmanager
def serving(*arguments: str, **env: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """A `lineside serve` that says it is ready."""
    port = free_port()
    process = command("serve", *arguments, PORT=port, **env)
    try:
        assert process.stdout is not None
        said = ""
        while "Ctrl-C" not in said:
            line = process.stdout.readline()
            assert line, f"it ended: {process.communicate()[1]}"
            said += line
        assert f"http://localhost:{port}" in said
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_everything_with_calls_under_way(number: signal.Signals) -> None:
    """Within five seconds, with exit code 0, a word to the caller and no process left."""

    async def story(process: "subprocess.Popen[str]", url: str) -> str:
        async with aiohttp.ClientSession() as http, http.ws_connect(f"{url}/ws/call") as ws:
            await ws.send_str('{"codec":"pcm"}')
            await ws.receive()
            process.send_signal(number)
            return str([message.data async for message in ws][-1])

    starts = time.monotonic()
    with serving(**SCRIPTED) as (process, url):
        started_in = time.monotonic() - starts
        children = psutil.Process(process.pid).children(recursive=True)
        began = time.monotonic()
        assert '"server_stopping"' in asyncio.run(story(process, url))
        assert process.wait(timeout=60) == 0
        assert time.monotonic() - began < max(5.0, 2 * started_in)  # a start takes about as long: a slow machine's too
        assert not [child for child in children if child.is_running()]


async def until_draining(http: aiohttp.ClientSession, url: str) -> None:
    """A signal is heard a moment after it was sent."""
    status = ""
    while status != "draining":
        async with http.get(f"{url}/health") as health:
            status = (await health.json())["status"]


def test_a_lineside_that_is_told_to_stop_loses_no_call_and_takes_none() -> None:
    """DRAIN_S: new calls get 503, a balancer hears it, the one that is up goes on; when it is over all ends."""

    async def story(process: "subprocess.Popen[str]", url: str) -> None:
        async with aiohttp.ClientSession() as http, http.ws_connect(f"{url}/ws/call") as ws:
            await ws.send_str('{"codec":"pcm"}')
            await ws.receive()
            process.send_signal(signal.SIGTERM)
            await until_draining(http, url)
            async with http.get(f"{url}/ready") as ready:
                assert (ready.status, await ready.json()) == (
                    503,
                    {"status": "not_ready", "reasons": ["the gateway drains"]},
                )
            with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
                await http.ws_connect(f"{url}/ws/call")
            assert process.poll() is None
            await ws.send_str('{"type":"hangup"}')
            assert '"caller_hung_up"' in [str(message.data) async for message in ws][-1]

    with serving(**SCRIPTED, DRAIN_S="60", CALLER_SILENCE_S="600") as (process, url):
        asyncio.run(story(process, url))
        assert process.wait(timeout=60) == 0


def refused(*arguments: str, **env: str) -> str:
    process = command(*arguments, **env)
    out, said = process.communicate(timeout=120)
    assert process.returncode == 2, said
    assert "Traceback" not in said + out
    return " ".join(said.split())


def test_wrong_settings_stop_the_start_with_a_sentence(tmp_path: Path) -> None:
    """Each names the setting, what was wrong, and what to do."""
    assert "PORT='many'" in refused("serve", PORT="many")
    assert "VAD_SILENCE_TIMEOUT_MS='10'" in refused("serve", VAD_SILENCE_TIMEOUT_MS="10")
    assert "DEFAULT_STT_ENGINE='x'" in refused("serve", DEFAULT_STT_ENGINE="x", PORT="0")
    assert "demonstration agent" in refused("serve", AGENT_FILE="nowhere.toml")
    said = refused("serve", HOST="0.0.0.0", **SCRIPTED)  # noqa: S104 - refused, which is the point
    assert "API_KEYS" in said
    assert "--insecure" in said


def test_a_host_agent_and_its_services_are_started_beside_the_gateway_and_end_with_it(tmp_path: Path) -> None:
    """`--with NAME`: the service is ready before the first call, and nothing is left of either afterwards."""
    services, port = tmp_path / "services.toml", free_port()
    program = ["{python}", str(ROOT / "tests" / "processes" / "child_server.py"), "{port}", "well"]
    services.write_text(f'[[service]]\nname = "tiny"\nport = {port}\nprogram = {program}\n')
    with serving("--with", "tiny", SERVICES_FILE=str(services), **SCRIPTED) as (process, url):
        with urllib.request.urlopen(f"{url}/api/services", timeout=60) as answer:  # noqa: S310 - our own
            (tiny,) = json.load(answer)["services"]
        assert (tiny["name"], tiny["state"]) == ("tiny", "ready")
        started = psutil.Process(process.pid).children(recursive=True)
        assert tiny["pid"] in [child.pid for child in started]
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
        assert not [child for child in started if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]


def test_a_service_that_there_is_not_stops_the_start() -> None:
    """With those that there are."""
    said = refused("serve", "--with", "nonsense", PORT="0", **SCRIPTED)
    assert "nonsense" in said
    assert "whisper-server" in said


def test_a_port_in_use_is_named() -> None:
    """With what to do about it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        said = refused("serve", PORT=port, **SCRIPTED)
    assert f"PORT={port}" in said
    assert "PORT=3002" in said


def test_a_missing_model_stops_the_start_and_names_the_command_that_mends_it(tmp_path: Path) -> None:
    """Not a traceback, and not a call that is silent."""
    said = refused("serve", LINESIDE_MODELS=str(tmp_path), PORT="0")
    assert "lineside models pull" in said


def test_the_environment_wins_over_the_env_file(tmp_path: Path) -> None:
    """`.env` is read, once, from where lineside is started."""
    (tmp_path / ".env").write_text("PORT=many\n")
    process = subprocess.run(
        [sys.executable, "-m", "lineside", "engines"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "PORT='many'" in process.stderr
    process = subprocess.run(
        [sys.executable, "-m", "lineside", "engines"],
        cwd=tmp_path,
        env=os.environ | {"PORT": "3001"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "faster-whisper" in process.stdout


def call(url: str, *names: str, codec: str = "pcm") -> tuple[ClientCall, bytes]:
    """Hold a real call; answer what came of it and what was said to the caller."""
    caller = CallClient(url, FirstMessage(codec=codec, greeting=""))  # type: ignore[arg-type]
    return asyncio.run(caller.run(recordings([AUDIO / f"{name}.wav" for name in names]))), caller.reply_wav()


def written_down(engine_url: str, wav: bytes) -> str:
    """What the recogniser makes of it."""
    from lineside.audio.frame import STT_RATE, Utterance
    from lineside.audio.input_resampler import InputResampler
    from lineside.audio.wav import read_wav

    sound = read_wav(wav)
    resampler = InputResampler(sound.rate, STT_RATE)
    utterance = Utterance(resampler.feed(sound.pcm) + resampler.end(), 0.0, sound.seconds)

    async def main() -> str:
        async with aiohttp.ClientSession() as http:
            stt = EngineRegistry(settings(embedded_url=engine_url), http).stt()
            return (await stt.transcribe(utterance)).text

    return asyncio.run(main())


def words(text: str) -> set[str]:
    return {word for word in "".join(c if c.isalnum() else " " for c in text.lower()).split() if word.isalpha()}


@pytest.mark.models
@pytest.mark.parametrize("codec", ["pcm", "g711_ulaw", "g711_alaw"])
def test_a_spoken_question_is_answered_aloud(stack: Stack, codec: str) -> None:
    """Real speech in, real speech out: what was said to the caller, written down again, is the answer."""
    conversation, wav = call(stack.url, "order_status", codec=codec)
    (turn,) = conversation.turns
    assert "order status" in turn.transcript.lower()
    assert turn.errors == []
    heard = words(written_down(stack.engine_url, wav))
    assert len(words(turn.reply) & heard) >= 0.7 * len(words(turn.reply)), (turn.reply, heard)


@pytest.mark.models
def test_a_spoken_interruption_stops_the_agent(stack: Stack) -> None:
    """The caller speaks over the greeting: barge-in, what was heard of it, and their question is answered."""
    question = recordings([AUDIO / "order_status.wav"])
    told: list[object] = []
    caller = CallClient(
        stack.url,
        FirstMessage(codec="pcm", greeting="Welcome to this desk. " * 12),
        notice=told.append,
        interrupt_after=1.0,
    )
    conversation = asyncio.run(caller.run(question))
    (barge_in,) = [event for event in told if isinstance(event, BargeIn)]
    assert barge_in.turn == 0
    assert 0 < len(barge_in.heard) < 150
    assert "order status" in conversation.turns[0].transcript.lower()


def engine_server(stack: Stack) -> psutil.Process:
    """Its process."""
    port = int(stack.engine_url.rsplit(":", 1)[1])
    (server,) = [
        child
        for child in psutil.Process().children(recursive=True)
        if any(c.status == psutil.CONN_LISTEN and c.laddr.port == port for c in child.net_connections(kind="tcp"))
    ]
    return server


@pytest.mark.models
def test_the_rest_of_a_reply_is_heard_when_its_voice_dies_in_mid_sentence(stack: Stack) -> None:
    """The engine server is killed while it speaks: another voice says the words that are left, at once."""
    told = "Welcome to the desk. We sell lamps. We also sell tables. And the very last word of all is pineapple."

    async def main() -> tuple[bytes, float]:
        pcm, longest = bytearray(), 0.0
        url = f"{stack.url}/ws/call"
        async with aiohttp.ClientSession() as http, http.ws_connect(url) as ws, asyncio.timeout(180):
            await ws.send_json({"codec": "pcm", "sample_rate": 16000, "greeting": told})
            ends = 0.0  # when all that came will have been played
            async for message in ws:
                now = asyncio.get_running_loop().time()
                if message.type is aiohttp.WSMsgType.BINARY:
                    longest = max(longest, now - ends) if ends else 0.0
                    ends = max(ends, now) + len(message.data) / 32000
                    pcm += message.data
                elif message.json()["type"] == "audio_started":
                    engine_server(stack).kill()
                elif message.json()["type"] == "audio_done":
                    break
        return bytes(pcm), longest

    pcm, longest_silence = asyncio.run(main())
    _healthy(stack.engine_url)
    heard = words(written_down(stack.engine_url, wav_bytes(pcm, 16000)))
    assert "pineapple" in heard, heard
    assert len(words(told) & heard) >= 0.7 * len(words(told)), heard
    assert longest_silence < 5.0, "another voice was waited for"


@pytest.mark.models
def test_a_call_survives_the_death_of_its_engines(stack: Stack) -> None:
    """The engine server is killed in a call: that turn is answered late or apologised for, the next one is answered."""
    server = engine_server(stack)

    async def before(number: int) -> None:
        if number == 0:
            server.kill()
        else:
            await asyncio.to_thread(_healthy, stack.engine_url)

    caller = CallClient(stack.url, FirstMessage(codec="pcm", greeting=""), before_each=before)
    spoken = recordings([AUDIO / "order_status.wav", AUDIO / "order_status.wav"])
    first, second = asyncio.run(caller.run(spoken)).turns
    assert first.seconds > 1.0, "the answer of a server that was back in time, or an apology, was heard"
    assert first.errors or "order status" in first.transcript.lower()
    assert "order status" in second.transcript.lower()
    assert second.errors == []
    assert second.reply


def _healthy(url: str) -> None:
    """Wait until the engine server is back, a minute at the most."""
    open_to_all = f"http://{url.rpartition('@')[2]}/health"  # without the secret
    for _ in range(600):
        try:
            urllib.request.urlopen(open_to_all, timeout=10).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the engine server did not come back in a minute")
