"""Telephones for the trial with a real Asterisk: baresip, which says what a file holds and keeps what it hears."""

import asyncio
import json
import shutil
import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lineside.audio.wav import read_wav

RATE = 8000


class Phone:
    """One baresip: calls, or answers by itself; presses keys."""

    def __init__(
        self, folder: Path, name: str, pbx: int, port: int, steer: int, *, sound: int, answers: bool = False
    ) -> None:
        """`pbx`, `port`: of SIP there and here; `steer`: of its control; `sound`: the first of 20 for RTP."""
        self._folder, self._name, self._pbx, self._port, self._steer = folder, name, pbx, port, steer
        self._answers, self._sound = answers, sound
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, says: Path) -> None:
        """Switch it on; it says this in every call."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        modules = ("stdio", "g711", "aufile", "sndfile", "aubridge")
        config = [
            "poll_method epoll",
            f"sip_listen 127.0.0.1:{self._port}",
            "audio_player aubridge,nil",
            f"audio_source aufile,{says}",
            "audio_alert aubridge,nil",
            "ausrc_srate 8000",
            "auplay_srate 8000",
            f"rtp_ports {self._sound}-{self._sound + 20}",
            f"snd_path {self._folder}",
            f"ctrl_tcp_listen 127.0.0.1:{self._steer}",
            "module_path /usr/lib/baresip/modules",
            *(f"module {name}.so" for name in modules),
            *(f"module_app {name}.so" for name in ("account", "ctrl_tcp", "menu")),
        ]
        (self._folder / "config").write_text("\n".join(config) + "\n")
        mode = "auto" if self._answers else "manual"
        account = (
            f"<sip:{self._name}@127.0.0.1:{self._pbx};transport=udp>;regint=0;audio_codecs=PCMU;answermode={mode}\n"
        )
        (self._folder / "accounts").write_text(account)
        (self._folder / "contacts").write_text("")
        log = (self._folder / "baresip.log").open("wb")
        self._process = await asyncio.create_subprocess_exec(
            "baresip", "-f", str(self._folder), "-v", stdin=asyncio.subprocess.PIPE, stdout=log, stderr=log
        )
        async with asyncio.timeout(20):  # of a machine with other work
            while "baresip is ready" not in self.log:
                await asyncio.sleep(0.1)

    async def dial(self, extension: str, says: Path) -> None:
        """Call, and say this."""
        await self.start(says)
        await self.order("dial", f"sip:{extension}@127.0.0.1:{self._pbx}")

    async def order(self, command: str, params: str = "") -> None:
        """One command, as a netstring of JSON."""
        _, writer = await asyncio.open_connection("127.0.0.1", self._steer)
        text = json.dumps({"command": command, "params": params, "token": "1"})
        writer.write(f"{len(text)}:{text},".encode())
        await writer.drain()
        await asyncio.sleep(0.2)
        writer.close()

    async def press(self, keys: str) -> None:
        """Keys, one after the other."""
        for key in keys:
            await self.order("sndcode", key)
            await asyncio.sleep(0.3)
            await self.order("sndcode", "\x04")
            await asyncio.sleep(0.3)

    @property
    def log(self) -> str:
        """What it has told so far."""
        path = self._folder / "baresip.log"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    async def established(self, within: float) -> None:
        """Wait until a call of it is up. Raises `TimeoutError`."""
        async with asyncio.timeout(within):
            while "established" not in self.log.lower():
                await asyncio.sleep(0.2)

    async def ended(self, within: float) -> None:
        """Wait until its call is over. Raises `TimeoutError`."""
        async with asyncio.timeout(within):
            while "session closed" not in self.log:
                await asyncio.sleep(0.2)

    async def over(self) -> bytes:
        """Switch it off; what was heard in the longest call, signed 16-bit at 8 kHz."""
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()
        heard = sorted(self._folder.glob("dump-*-dec.wav"), key=lambda file: file.stat().st_size)
        return heard[-1].read_bytes()[44:] if heard else b""  # the header's length is wrong where it was ended


def said(path: Path, *parts: float | Path | bytes) -> Path:
    """A file of silences, in seconds, recordings, and sound."""
    pcm = b""
    for part in parts:
        if isinstance(part, Path):
            recording = read_wav(part)
            samples = np.frombuffer(recording.pcm, "<i2").astype(float)
            at = np.arange(0, len(samples) - 1, recording.rate / RATE)
            pcm += np.interp(at, np.arange(len(samples)), samples).astype("<i2").tobytes()
        else:
            pcm += part if isinstance(part, bytes) else bytes(2 * round(part * RATE))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(pcm)
    return path


def tone(hertz: float, seconds: float, rate: int = RATE) -> bytes:
    """A sine, signed 16-bit."""
    at = np.arange(round(seconds * rate)) / rate
    return (8000 * np.sin(2 * np.pi * hertz * at)).astype("<i2").tobytes()


def seconds_of_tone(pcm: bytes, hertz: float) -> float:
    """How long this tone is in a sound: of stretches of 100 ms, those with half of their energy in it."""
    return float(np.count_nonzero(_tone_in(pcm, hertz)) / 10)


def before_tone(pcm: bytes, hertz: float) -> bytes:
    """What was heard before this tone began; all of it, without one."""
    heard = np.flatnonzero(_tone_in(pcm, hertz))
    return pcm[: int(heard[0]) * (RATE // 10) * 2] if len(heard) else pcm


def _tone_in(pcm: bytes, hertz: float) -> NDArray[np.bool_]:
    samples = np.frombuffer(pcm[: len(pcm) & ~1], "<i2").astype(float)
    size = RATE // 10
    whole = samples[: len(samples) // size * size].reshape(-1, size)
    wave_of = np.exp(-2j * np.pi * hertz * np.arange(size) / RATE)
    energy = (whole**2).sum(axis=1)
    share = 2 * np.abs(whole @ wave_of) ** 2 / size / np.maximum(energy, 1.0)
    loud: NDArray[np.bool_] = (share > 0.5) & (energy > size * 100.0**2)
    return loud
