"""Calls through a real Asterisk: what the caller hears, says and presses, and where the call goes (asterisk.sh)."""

import asyncio
import json
import os
import re
import shutil
import sys
import tempfile
import time
import wave
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
from aiohttp import web

from lineside.audio.wav import read_wav
from lineside.gateway.startup import RunningGateway, running_gateway
from lineside.processes.ports import free_port
from lineside.settings import load_settings

HERE = Path(__file__).parents[1]
WEB, SOCKET, STEER = free_port(), free_port(), free_port()
SIP, COLLEAGUE, CALLER = 25_060, 25_080, 25_070
QUESTION = HERE / "src/lineside/loadtest/voices/saturday.wav"
RATE = 8000


class Caller:
    """baresip: says what a file holds, keeps what it hears, presses keys."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None

    async def dial(self, extension: str, says: Path) -> None:
        """Call, and say this."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        modules = ("stdio", "account", "g711", "aufile", "sndfile", "aubridge", "ctrl_tcp", "menu")
        config = [
            "poll_method epoll",
            f"sip_listen 127.0.0.1:{CALLER}",
            "audio_player aubridge,nil",
            f"audio_source aufile,{says}",
            "audio_alert aubridge,nil",
            "ausrc_srate 8000",
            "auplay_srate 8000",
            "rtp_ports 27500-27600",
            f"snd_path {self._folder}",
            f"ctrl_tcp_listen 127.0.0.1:{STEER}",
            "module_path /usr/lib/baresip/modules",
            *(f"module {name}.so" for name in modules if name not in ("account", "ctrl_tcp", "menu")),
            *(f"module_app {name}.so" for name in ("account", "ctrl_tcp", "menu")),
        ]
        (self._folder / "config").write_text("\n".join(config) + "\n")
        account = f'"Anna" <sip:anna@127.0.0.1:{SIP};transport=udp>;regint=0;audio_codecs=PCMU\n'
        (self._folder / "accounts").write_text(account)
        (self._folder / "contacts").write_text("")
        log = (self._folder / "baresip.log").open("wb")
        self._process = await asyncio.create_subprocess_exec(
            "baresip", "-f", str(self._folder), "-v", stdin=asyncio.subprocess.PIPE, stdout=log, stderr=log
        )
        await asyncio.sleep(1.0)
        await self.order("dial", f"sip:{extension}@127.0.0.1:{SIP}")

    async def order(self, command: str, params: str = "") -> None:
        """One command, as a netstring of JSON."""
        _, writer = await asyncio.open_connection("127.0.0.1", STEER)
        text = json.dumps({"command": command, "params": params, "token": "1"})
        writer.write(f"{len(text)}:{text},".encode())
        await writer.drain()
        await asyncio.sleep(0.2)
        writer.close()

    async def over(self) -> tuple[bytes, str]:
        """End the program; what was heard, signed 16-bit at 8 kHz, and its log."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()
        log = (self._folder / "baresip.log").read_text("utf-8", "replace")
        heard = sorted(self._folder.glob("dump-*-dec.wav"), key=lambda file: file.stat().st_size)
        if not heard:
            return b"", log
        data = heard[-1].read_bytes()
        return data[44:], log  # the header's length is wrong where the program was ended


def said(path: Path, *parts: float | Path) -> Path:
    """A file of silences, in seconds, and recordings."""
    pcm = b""
    for part in parts:
        if isinstance(part, Path):
            recording = read_wav(part)
            samples = np.frombuffer(recording.pcm, "<i2").astype(float)
            at = np.arange(0, len(samples) - 1, recording.rate / RATE)
            pcm += np.interp(at, np.arange(len(samples)), samples).astype("<i2").tobytes()
        else:
            pcm += bytes(2 * round(part * RATE))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(pcm)
    return path


class Trial:
    """One Asterisk and one lineside, and the calls between them."""

    def __init__(
        self, root: Path, gateway: RunningGateway, http: aiohttp.ClientSession, folder: Path, *, light: bool
    ) -> None:
        self._light = light
        self.only = [word for word in sys.argv[2:] if not word.startswith("--")]
        self._root, self._gateway, self._http, self._folder = root, gateway, http, folder
        self._caller = Caller(folder / "caller")
        self.results: list[tuple[str, bool, str]] = []

    async def run(self, name: str, check: Callable[[], Awaitable[str]]) -> None:
        """One check; what it says is kept."""
        if self.only and not any(word in name for word in self.only):
            return
        try:
            told, well = await check(), True
        except Exception as why:  # the next check is made all the same
            told, well = f"{type(why).__name__}: {why}", False
        self.results.append((name, well, told))
        print(f"{'ok  ' if well else 'FAIL'} {name}: {told}", flush=True)

    async def question(self, extension: str, line: str) -> str:
        """A spoken question, its answer transcribed back, who called, and the caller's hang-up."""
        says = said(self._folder / "question.wav", 9.0, QUESTION, 14.0)
        await self._caller.dial(extension, says)
        await asyncio.sleep(23)
        await self._caller.order("hangup")
        await asyncio.sleep(2)
        heard, _ = await self._caller.over()
        call = await self.last_call()
        turn = call["turns"][-1]
        words = "" if self._light else await self.transcribed(heard)
        assert call["call"]["line"] == line, call["call"]
        assert call["call"]["caller"] == "anna", call["call"]["caller"]
        assert call["call"]["called"] == extension
        assert call["call"]["reason"] == "caller_hung_up", call["call"]["reason"]
        if self._light:
            loud = np.abs(np.frombuffer(heard[: len(heard) & ~1], "<i2").astype(int)).reshape(-1)
            return f"{len(call['turns'])} replies, {np.count_nonzero(loud > 500) / RATE:.1f} s of sound heard"
        assert "saturday" in turn["heard"].lower(), turn
        missed = [word for word in _words(turn["reached"]) if word not in _words(words)]
        share = len(missed) / max(1, len(_words(turn["reached"])))
        assert share <= 0.2, f"reached {turn['reached']!r}, transcribed {words!r}"
        return f"asked {turn['heard']!r}, answered {turn['reached']!r}, {share:.0%} of its words not heard back"

    async def barge_in(self, extension: str) -> str:
        """The caller talks over the greeting: how soon the sound stops."""
        says = said(self._folder / "over.wav", 2.2, QUESTION, 12.0)
        await self._caller.dial(extension, says)
        await asyncio.sleep(12)
        await self._caller.order("hangup")
        await asyncio.sleep(2)
        heard, _ = await self._caller.over()
        call = await self.last_call()
        cut = [turn for turn in call["turns"] if turn["cut"]]
        assert cut, [turn["reached"] for turn in call["turns"]]
        return f"cut after {cut[0]['reached']!r}; {len(heard) / 2 / RATE:.1f} s heard"

    async def keys(self, extension: str) -> str:
        """Keys reach the call, the same twice in a row twice."""
        await self._caller.dial(extension, said(self._folder / "quiet.wav", 25.0))
        await asyncio.sleep(9)
        for key in "155#":
            await self._caller.order("sndcode", key)
            await asyncio.sleep(0.3)
            await self._caller.order("sndcode", "\x04")
            await asyncio.sleep(0.3)
        await asyncio.sleep(5)
        await self._caller.order("hangup")
        await asyncio.sleep(2)
        await self._caller.over()
        call = await self.last_call()
        told = " ".join(turn["heard"] for turn in call["turns"])
        pressed = "".join(re.findall(r"keys pressed: ([0-9*#]+)", told))
        assert pressed == "155", told
        return f"pressed {pressed}"

    async def hang_up_by_us(self, extension: str) -> str:
        """An operator ends the call: the goodbye is heard, then Asterisk hangs up on the caller."""
        await self._caller.dial(extension, said(self._folder / "quiet.wav", 30.0))
        await asyncio.sleep(9)
        async with self._http.get(f"{self._gateway.url}/api/calls") as answer:
            (active,) = (await answer.json())["calls"]
        async with self._http.post(f"{self._gateway.url}/api/calls/{active['id']}/end") as answer:
            ended = answer.status
        if ended >= 400:
            async with self._http.delete(f"{self._gateway.url}/api/calls/{active['id']}") as answer:
                ended = answer.status
        await asyncio.sleep(8)
        heard, log = await self._caller.over()
        call = await self.last_call()
        assert call["call"]["reason"] == "ended_by_operator", (ended, call["call"]["reason"])
        assert "session closed" in log, log[-400:]
        words = "" if self._light else await self.transcribed(heard)
        return f"heard {words[-60:]!r}, then the PBX hung up"

    async def transferred(self, extension: str) -> str:
        """The caller asks for a person; the colleague's telephone, a sipp, takes the call."""
        colleague = await self._colleague()
        asks = await self._spoken("Can I speak to a real person, please?")
        await self._caller.dial(extension, said(self._folder / "person.wav", 9.0, asks, 20.0))
        await asyncio.sleep(24)
        await self._caller.order("hangup")
        await asyncio.sleep(3)
        await self._caller.over()
        colleague.terminate()
        out = (await colleague.communicate())[0].decode("utf-8", "replace")
        call = await self.last_call()
        assert call["call"]["reason"] == "transferred", (call["call"]["reason"], call["turns"][-1])
        assert call["call"]["transferred_to"] == "support"
        answered = re.search(r"INVITE.*?(\d+)\s", out)
        rang = answered[1] if answered else "?"
        return f"heard {call['turns'][-1]['reached']!r}; the colleague's telephone got {rang} call"

    async def dead_lineside(self, extension: str) -> str:
        """Nobody answers at lineside's address: the caller is with the colleague, not in silence."""
        config = self._root / "etc/asterisk/extensions.conf"
        kept = config.read_text()
        config.write_text(kept.replace(f":{WEB}", ":9"))
        await self.asterisk("dialplan reload")
        colleague = await self._colleague()
        try:
            await self._caller.dial(extension, said(self._folder / "quiet.wav", 12.0))
            await asyncio.sleep(9)
            await self._caller.order("hangup")
            await asyncio.sleep(1)
            await self._caller.over()
        finally:
            config.write_text(kept)
            await self.asterisk("dialplan reload")
            colleague.terminate()
        out = (await colleague.communicate())[0].decode("utf-8", "replace")
        assert re.search(r"-+> INVITE\s+1\s", out), out[-600:]
        return "the colleague's telephone rang"

    async def asterisk(self, command: str) -> str:
        """One command on Asterisk's console."""
        process = await asyncio.create_subprocess_exec(
            "chroot", str(self._root), "asterisk", "-rx", command, stdout=asyncio.subprocess.PIPE
        )
        return (await process.communicate())[0].decode("utf-8", "replace").strip()

    async def last_call(self) -> dict[str, Any]:
        """The newest kept call, whole."""
        await asyncio.sleep(1)
        async with self._http.get(f"{self._gateway.url}/api/history?limit=1") as answer:
            (listed,) = (await answer.json())["calls"]
        async with self._http.get(f"{self._gateway.url}/api/calls/{listed['id']}") as answer:
            whole: dict[str, Any] = await answer.json()
            return whole

    async def transcribed(self, pcm: bytes) -> str:
        """What a recogniser hears in the sound that reached the caller."""
        path = self._folder / "heard.wav"
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(pcm)
        form = aiohttp.FormData({"model": "faster-whisper-base"})
        form.add_field("file", path.read_bytes(), filename="heard.wav", content_type="audio/wav")
        async with self._http.post(f"{self._gateway.engine_url}/v1/audio/transcriptions", data=form) as answer:
            return str((await answer.json()).get("text", ""))

    async def _spoken(self, text: str) -> Path:
        path = self._folder / "spoken.wav"
        order = {"input": text, "model": "piper", "voice": "en_GB-joe-medium", "response_format": "wav"}
        process = await asyncio.create_subprocess_exec("espeak-ng", "-w", str(path), "-s", "150", text)
        await process.wait()
        assert order
        return path

    async def _colleague(self) -> asyncio.subprocess.Process:
        """A telephone that answers."""
        where = ("-i", "127.0.0.1", "-mi", "127.0.0.1", "-p", str(COLLEAGUE), "-mp", "27700")
        return await asyncio.create_subprocess_exec(
            "sipp", "-sn", "uas", *where, "-nostdin", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


def always_open(path: Path) -> Path:
    """The demonstration agent without its hours: at night it would promise no transfer."""
    agent = (HERE / "src/lineside/data/broadband.toml").read_text("utf-8")
    path.write_text(re.sub(r"(?m)^\[hours\]\n(?:(?!\[).*\n?)*", "", agent), "utf-8")
    return path


def configure(root: Path) -> None:
    """The sample files, with ports of this trial."""
    target = root / "etc/asterisk"
    for sample in (HERE / "examples/asterisk").glob("*.conf"):
        text = sample.read_text()
        for usual, ours in (
            (":3001", f":{WEB}"),
            (":9092", f":{SOCKET}"),
            (":5060", f":{SIP}"),
            (":5080", f":{COLLEAGUE}"),
        ):
            text = text.replace(usual, ours)
        (target / sample.name).write_text(text)
    (target / "rtp.conf").write_text("[general]\nrtpstart=26000\nrtpend=26999\n")
    (target / "logger.conf").write_text("[logfiles]\nfull => notice,warning,error,verbose\nconsole => error\n")
    for name in ("etc/asterisk", "var/lib/asterisk", "var/log/asterisk", "var/run/asterisk", "var/spool/asterisk"):
        folder = root / name
        folder.mkdir(parents=True, exist_ok=True)
        for path in (folder, *folder.rglob("*")):
            os.chown(path, 0, 0, follow_symlinks=False)


async def main(root: Path, *, light: bool) -> int:
    """All checks; answers the exit code. `light`: scripted engines, for the lines alone; nothing is transcribed."""
    configure(root)
    stt = f"http://127.0.0.1:{free_port()}"
    with tempfile.TemporaryDirectory(prefix="lineside-asterisk-") as name:
        folder = Path(name)
        settings = load_settings(
            port=WEB,
            workers=1,
            asterisk=True,
            audiosocket_port=SOCKET,
            transfer_to="support",
            data_dir=folder / "data",
            record_calls=True,
            agent_file=always_open(folder / "agent.toml"),
            **({f"default_{role}_engine": "scripted" for role in ("llm", "tts")} if light else {}),
            **({"default_stt_engine": "whisper-server", "whisper_server_url": stt} if light else {}),
        )
        async with _recogniser(stt), running_gateway(settings) as gateway, aiohttp.ClientSession() as http:
            process = await asyncio.create_subprocess_exec(
                "chroot", str(root), "asterisk", "-f", "-U", "root", "-G", "root"
            )
            trial = Trial(root, gateway, http, folder, light=light)
            try:
                began = time.monotonic()
                while "fully booted" not in (await trial.asterisk("core waitfullybooted")).lower():
                    assert time.monotonic() - began < 60, "Asterisk does not start"
                    await asyncio.sleep(0.5)
                print(await trial.asterisk("core show version"), flush=True)
                await trial.run("chan_websocket, question", lambda: trial.question("100", "asterisk"))
                await trial.run("AudioSocket, question", lambda: trial.question("101", "audiosocket"))
                await trial.run("chan_websocket, barge-in", lambda: trial.barge_in("100"))
                await trial.run("AudioSocket, barge-in", lambda: trial.barge_in("101"))
                await trial.run("chan_websocket, keys", lambda: trial.keys("100"))
                await trial.run("AudioSocket, keys", lambda: trial.keys("101"))
                await trial.run("chan_websocket, hung up by us", lambda: trial.hang_up_by_us("100"))
                await trial.run("AudioSocket, hung up by us", lambda: trial.hang_up_by_us("101"))
                await trial.run("chan_websocket, transfer", lambda: trial.transferred("100"))
                await trial.run("AudioSocket, transfer", lambda: trial.transferred("101"))
                await trial.run("lineside dead", lambda: trial.dead_lineside("100"))
                await trial.run("channels left", lambda: _nothing_left(trial))
            finally:
                await trial.asterisk("core stop now")
                await process.wait()
        return 0 if all(well for _, well, _ in trial.results) else 1


@asynccontextmanager
async def _recogniser(url: str) -> AsyncGenerator[None, None]:
    """For `--light`: whisper-server's answer to everything is that a person is wanted."""

    async def inference(request: web.Request) -> web.Response:
        await request.read()
        return web.json_response({"text": " Can I speak to a real person, please?", "segments": []})

    async def health(request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    app = web.Application(client_max_size=64 << 20)
    app.add_routes([web.post("/inference", inference), web.get("/health", health)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(url.rpartition(":")[2])).start()
    try:
        yield
    finally:
        await runner.cleanup()


async def _nothing_left(trial: Trial) -> str:
    left = await trial.asterisk("core show channels count")
    assert left.startswith("0 active channels"), left
    return left.splitlines()[0]


if __name__ == "__main__":
    sys.exit(asyncio.run(main(Path(sys.argv[1]).resolve(), light="--light" in sys.argv)))
