"""baresip, a softphone that others wrote, as a caller: it plays a file and keeps what it hears."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np

from lineside.audio.frame import AudioFrame
from lineside.audio.wav import read_wav, wav_bytes
from lineside.processes.ports import free_port

CONFIG = """\
poll_method epoll
sip_listen 127.0.0.1:{sip}
audio_player aufile,{folder}/player.wav
audio_source aufile,{folder}/says.wav
audio_alert aufile,{folder}/alert.wav
ausrc_format s16
auplay_format s16
auenc_format s16
audec_format s16
audio_buffer 20-160
rtp_ports {rtp}-{last}
rtp_stats yes
module_path /usr/lib/baresip/modules
module g711.so
module g722.so
module aufile.so
module sndfile.so
module srtp.so
module_app account.so
module_app menu.so
snd_path {folder}
"""
RTP = 34_000  # first of its ports


async def call_with_baresip(
    folder: Path, uri: str, says: AudioFrame, seconds: int, *, codec: str = "pcmu", account: str = "", ca: str = ""
) -> AudioFrame:
    """Call `uri`, say this, hang up after so many seconds; answers what the softphone heard.

    Args:
        folder: an empty one, for its files.
        uri: whom it calls.
        says: at the codec's rate.
        seconds: until it hangs up.
        codec: its only one, such as "pcma".
        account: more of its account, such as ";mediaenc=srtp-mand".
        ca: file of the authorities that it trusts.
    """
    _write(folder, free_port(), says, codec, account, ca)
    process = await asyncio.create_subprocess_exec(
        "baresip", "-f", str(folder), "-e", f"/dial {uri}", "-t", str(seconds),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        async with asyncio.timeout(seconds + 20):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    return _heard(folder, output)


class AnsweringBaresip:
    """A softphone that picks up by itself."""

    def __init__(self, uri: str, folder: Path, process: asyncio.subprocess.Process) -> None:
        self.uri, self._folder, self._process = uri, folder, process

    async def heard(self) -> AudioFrame:
        """What it has heard; it is over then."""
        if self._process.returncode is None:
            self._process.terminate()
        async with asyncio.timeout(20):
            output, _ = await self._process.communicate()
        return _heard(self._folder, output)


@asynccontextmanager
async def answering_baresip(folder: Path, says: AudioFrame, codec: str) -> AsyncGenerator[AnsweringBaresip, None]:
    """A softphone that waits for calls, picks up and says this; its files are in `folder`, an empty one."""
    port = free_port()
    _write(folder, port, says, codec, ";answermode=auto", "")
    process = await asyncio.create_subprocess_exec(
        "baresip", "-f", str(folder), "-t", "40",
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        await until_it_listens(port)
        yield AnsweringBaresip(f"sip:phone@127.0.0.1:{port}", folder, process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def until_it_listens(port: int) -> None:
    """Wait until a program has this UDP port: nothing else says that it waits for calls."""
    async with asyncio.timeout(20):
        while f":{port:04X} " not in _udp_ports():  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.02)


def _udp_ports() -> str:
    return Path("/proc/net/udp").read_text("ascii")


def _write(folder: Path, port: int, says: AudioFrame, codec: str, account: str, ca: str) -> None:
    """The softphone's files."""
    rtp = RTP + free_port() % 1000 * 4
    config = CONFIG.format(sip=port, folder=folder, rtp=rtp, last=rtp + 10)
    config += f"sip_cafile {ca}\n" if ca else ""
    config += f"audio_srate {says.rate}\naudio_channels 1\n"
    (folder / "config").write_text(config)
    (folder / "accounts").write_text(f"<sip:phone@127.0.0.1>;regint=0;audio_codecs={codec}{account}\n")
    (folder / "contacts").write_text("")
    (folder / "says.wav").write_bytes(wav_bytes(says.pcm, says.rate))


def _heard(folder: Path, output: bytes) -> AudioFrame:
    """What the softphone kept of what it heard."""
    heard = sorted(folder.glob("dump-*-dec.wav"))
    assert heard, f"baresip heard nothing: {output.decode('utf-8', 'replace')[-2000:]}"
    return read_wav(heard[-1].read_bytes())


def quiet(seconds: float, rate: int) -> bytes:
    """Silence."""
    return bytes(2 * round(seconds * rate))


def tone(seconds: float, rate: int, hertz: float = 1000.0) -> bytes:
    """A sine."""
    times = np.arange(round(seconds * rate)) / rate
    return (8000 * np.sin(2 * np.pi * hertz * times)).astype("<i2").tobytes()


def share_at(pcm: bytes, rate: int, hertz: float = 1000.0) -> float:
    """How much of a sound's energy is at this frequency."""
    sound = np.frombuffer(pcm, "<i2").astype(float)
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
    at = round(hertz * len(sound) / rate)
    return float(spectrum[at - 3 : at + 4].sum() / spectrum.sum())
