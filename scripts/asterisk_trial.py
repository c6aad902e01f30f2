"""One real Asterisk and one lineside between two telephones: what the checks of `asterisk_calls` stand on."""

import asyncio
import os
import re
import shutil
import wave
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
from asterisk_phones import RATE, Phone, said, tone

from lineside.gateway.startup import RunningGateway
from lineside.processes.ports import free_port

HERE = Path(__file__).parents[1]
WEB, SOCKET, ARI, OTHER_WEB = free_port(), free_port(), free_port(), free_port()
SIP, COLLEAGUE, CALLER = free_port(), free_port(), free_port()
QUESTION = HERE / "src/lineside/loadtest/voices/saturday.wav"
MUSIC, COLLEAGUES, CALLERS = 440.0, 700.0, 1000.0  # hertz: what is heard tells who is heard
PASSWORD = "trial-password"  # noqa: S105 - of a server on loopback that lives for minutes


class Trial:
    """The calls between Asterisk and lineside."""

    def __init__(
        self, root: Path, gateway: RunningGateway, http: aiohttp.ClientSession, folder: Path, *, light: bool
    ) -> None:
        self.light, self.root, self.gateway, self.http, self.folder = light, root, gateway, http, folder
        self.caller = Phone(folder / "caller", "anna", SIP, CALLER, free_port(), sound=27_500)
        self.colleague = Phone(folder / "colleague", "desk", SIP, COLLEAGUE, free_port(), sound=27_600, answers=True)
        self.results: list[tuple[str, bool, str]] = []

    async def run(self, name: str, check: Callable[[], Awaitable[str]], only: list[str]) -> None:
        """One check; what it says is kept."""
        if only and not any(word in name for word in only):
            return
        try:
            async with asyncio.timeout(400):
                told, well = await check(), True
        except Exception as why:  # the next check is made all the same
            told, well = f"{type(why).__name__}: {why}", False
        for phone in (self.caller, self.colleague):
            await phone.over()
        self.results.append((name, well, told))
        print(f"{'ok  ' if well else 'FAIL'} {name}: {told}", flush=True)

    async def asterisk(self, command: str) -> str:
        """One command on Asterisk's console."""
        process = await asyncio.create_subprocess_exec(
            "chroot", str(self.root), "asterisk", "-rx", command, stdout=asyncio.subprocess.PIPE
        )
        return (await process.communicate())[0].decode("utf-8", "replace").strip()

    async def switch_on_colleague(self) -> None:
        """The desk's telephone answers by itself, and hums."""
        hum = said(self.folder / "hum.wav", tone(COLLEAGUES, 60.0))
        await self.colleague.start(hum)

    async def spoken(self, text: str, name: str = "spoken") -> Path:
        """A sentence, from espeak."""
        path = self.folder / f"{name}.wav"
        process = await asyncio.create_subprocess_exec("espeak-ng", "-w", str(path), "-s", "150", text)
        await process.wait()
        return path

    def transfer_how(self, how: str) -> None:
        """Change TRANSFER_HOW for the calls from now on: it cannot be, but in this trial."""
        vars(self.gateway.gateway._settings)["transfer_how"] = how

    async def active_count(self) -> int:
        """Calls that lineside holds."""
        async with self.http.get(f"{self.gateway.url}/api/calls") as answer:
            return len((await answer.json())["calls"])

    async def active(self) -> dict[str, Any]:
        """The one call under way."""
        async with self.http.get(f"{self.gateway.url}/api/calls") as answer:
            (active,) = (await answer.json())["calls"]
            found: dict[str, Any] = active
            return found

    async def last_call(self) -> dict[str, Any]:
        """The newest kept call, whole."""
        await asyncio.sleep(1)
        async with self.http.get(f"{self.gateway.url}/api/history?limit=1") as answer:
            (listed,) = (await answer.json())["calls"]
        async with self.http.get(f"{self.gateway.url}/api/calls/{listed['id']}") as answer:
            whole: dict[str, Any] = await answer.json()
            return whole

    async def transcribed(self, pcm: bytes) -> str:
        """What a recogniser hears in a sound."""
        path = self.folder / "heard.wav"
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(pcm)
        form = aiohttp.FormData({"model": "faster-whisper-base"})
        form.add_field("file", path.read_bytes(), filename="heard.wav", content_type="audio/wav")
        async with self.http.post(f"{self.gateway.engine_url}/v1/audio/transcriptions", data=form) as answer:
            return str((await answer.json()).get("text", ""))

    async def nothing_left(self) -> str:
        """No channel and no bridge in Asterisk, and no slot taken here."""
        await asyncio.sleep(3)
        channels = (await self.asterisk("core show channels count")).splitlines()[0]
        bridges = [line for line in (await self.asterisk("bridge show all")).splitlines()[1:] if line.strip()]
        assert channels.startswith("0 active channels"), channels
        assert not bridges, bridges
        async with self.http.get(f"{self.gateway.url}/api/calls") as answer:
            calls = (await answer.json())["calls"]
        assert not calls, calls
        return f"{channels}, 0 bridges, 0 calls of lineside's"


def words_of(text: str) -> list[str]:
    """In lower case, without punctuation."""
    return re.findall(r"[a-z']+", text.lower())


LIGHT_AGENT = """
name = "Harbour Broadband"
prompt = "You answer the telephone of Harbour Broadband."
greeting = "Hello, this is Harbour Broadband's automated assistant. How can I help you today?"
"""


def always_open(path: Path, *, light: bool = False) -> Path:
    """The demonstration agent without its hours, so that it is open at night. `light`: one that knows nothing."""
    if light:
        path.write_text(LIGHT_AGENT, "utf-8")
        return path
    agent = (HERE / "src/lineside/data/broadband.toml").read_text("utf-8")
    path.write_text(re.sub(r"(?m)^\[hours\]\n(?:(?!\[).*\n?)*", "", agent), "utf-8")
    return path


def configure(root: Path) -> None:
    """The sample files, with ports of this trial; a second lineside, which is killed, as extension 103."""
    target = root / "etc/asterisk"
    for sample in (HERE / "examples/asterisk").glob("*.conf"):
        text = sample.read_text()
        for usual, ours in (
            (":3001", f":{WEB}"),
            (":9092", f":{SOCKET}"),
            (":5060", f":{SIP}"),
            (":5080", f":{COLLEAGUE}"),
            ("bindport=8088", f"bindport={ARI}"),
            ("change-this-password", PASSWORD),
        ):
            text = text.replace(usual, ours)
        if sample.name == "extensions.conf":
            first, ari, rest = re.split(r"(?m)(?=^\[lineside-ari\])|(?=^\[lineside-join\])", text)
            other = ari.replace("[lineside-ari]", "[lineside-other]").replace("Stasis(lineside,", "Stasis(other,")
            text = (
                first.replace("exten = 102,", "exten = 103,1,Goto(lineside-other,${EXTEN},1)\nexten = 102,")
                + ari
                + other
                + rest
            )
        if sample.name == "websocket_client.conf":
            section = re.search(r"(?ms)^\[lineside\].*?(?=^;|\Z)", text)
            assert section is not None
            text += "\n" + section[0].replace("[lineside]", "[other]").replace(f":{WEB}", f":{OTHER_WEB}")
        (target / sample.name).write_text(text)
    (target / "rtp.conf").write_text("[general]\nrtpstart=26000\nrtpend=26999\n")
    (target / "logger.conf").write_text("[logfiles]\nfull => notice,warning,error,verbose\nconsole => error\n")
    music = root / "usr/share/asterisk/moh"
    shutil.rmtree(music, ignore_errors=True)
    for folder in (music, root / "var/lib/asterisk/moh"):
        folder.mkdir(parents=True, exist_ok=True)
        said(folder / "tone.wav", tone(MUSIC, 60.0))
    for name in ("etc/asterisk", "var/lib/asterisk", "var/log/asterisk", "var/run/asterisk", "var/spool/asterisk"):
        folder = root / name
        folder.mkdir(parents=True, exist_ok=True)
        for path in (folder, *folder.rglob("*")):
            os.chown(path, 0, 0, follow_symlinks=False)
