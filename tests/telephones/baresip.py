"""baresip, a softphone that others wrote, as a caller: it plays a file and keeps what it hears."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np

from lineside.audio.frame import AudioFrame
from lineside.audio.wav import read_wav, wav_bytes
from tests.telephones.ports import free_ports

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
HEAD = 44  # bytes before the samples of the WAV that it writes
RTP_PORTS = 12
AT_MOST = 120.0  # seconds that a call may take; nothing here takes thirty, but machines are shared
LOOK = 0.1  # seconds between two looks
TRIES = 3  # ports that it tries to listen on


async def call_with_baresip(
    folder: Path,
    uri: str,
    says: AudioFrame,
    enough: Callable[[AudioFrame], bool],
    *,
    codec: str = "pcmu",
    account: str = "",
    ca: str = "",
) -> AudioFrame:
    """Call `uri`, say this, hang up when enough is heard; answers what the softphone heard.

    Args:
        folder: an empty one, for its files.
        uri: whom it calls.
        says: at the codec's rate.
        enough: whether it has heard what it called for.
        codec: its only one, such as "pcma".
        account: more of its account, such as ";mediaenc=srtp-mand".
        ca: file of the authorities that it trusts.
    """
    _write(folder, free_ports(), says, codec, account, ca)
    phone = Baresip(folder, await _started(folder, "-e", f"/dial {uri}"))
    async with _over(phone):
        await phone.hears(enough)
        return await phone.heard()


class Baresip:
    """A softphone that runs."""

    def __init__(self, folder: Path, process: asyncio.subprocess.Process, uri: str = "") -> None:
        self.uri, self._folder, self.process = uri, folder, process

    async def hears(self, enough: Callable[[AudioFrame], bool]) -> None:
        """Wait until it has heard enough, or is over."""
        async with asyncio.timeout(AT_MOST):
            while self.process.returncode is None and not ((so_far := self._so_far()) and enough(so_far)):  # noqa: ASYNC110 - of another process
                await asyncio.sleep(LOOK)

    async def heard(self) -> AudioFrame:
        """What it has heard; it is over then."""
        output = await self.ended()
        heard = self._kept()
        assert heard, f"baresip heard nothing: {output}"
        return read_wav(heard.read_bytes())

    async def ended(self) -> str:
        """End it; what it said."""
        if self.process.returncode is None:
            self.process.terminate()
        async with asyncio.timeout(AT_MOST):
            output, _ = await self.process.communicate()
        return output.decode("utf-8", "replace")[-2000:]

    def _kept(self) -> Path | None:
        """The file of what it hears."""
        return max(self._folder.glob("dump-*-dec.wav"), default=None)

    def _so_far(self) -> AudioFrame | None:
        """What is in that file already; its head tells the rate, and the length only at the end."""
        kept = self._kept()
        data = b"" if kept is None else kept.read_bytes()
        if len(data) < HEAD + 2:
            return None
        return AudioFrame(data[HEAD : HEAD + (len(data) - HEAD) // 2 * 2], int.from_bytes(data[24:28], "little"))


@asynccontextmanager
async def answering_baresip(folder: Path, says: AudioFrame, codec: str) -> AsyncGenerator[Baresip, None]:
    """A softphone that waits for calls, picks up and says this; its files are in `folder`, an empty one."""
    for tries in range(1, TRIES + 1):
        port = free_ports()
        _write(folder, port, says, codec, ";answermode=auto", "")
        phone = Baresip(folder, await _started(folder), f"sip:phone@127.0.0.1:{port}")
        async with _over(phone):
            if await it_listens(port, phone.process):
                yield phone
                return
            said = await phone.ended()  # another program was quicker to take the port, for one
            assert tries < TRIES, f"baresip does not listen: {said}"


async def it_listens(port: int, process: asyncio.subprocess.Process) -> bool:
    """Wait until the program has this UDP port: nothing else says that it waits for calls. False: it has ended."""
    async with asyncio.timeout(AT_MOST):
        while process.returncode is None:
            if f":{port:04X} " in _udp_ports():
                return True
            await asyncio.sleep(0.02)
    return False


def _udp_ports() -> str:
    return Path("/proc/net/udp").read_text("ascii")


async def _started(folder: Path, *more: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        "baresip", "-f", str(folder), *more,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip


@asynccontextmanager
async def _over(phone: Baresip) -> AsyncGenerator[None, None]:
    """Whatever happens, nothing is left of it."""
    try:
        yield
    finally:
        if phone.process.returncode is None:
            phone.process.kill()
            await phone.process.wait()


def _write(folder: Path, port: int, says: AudioFrame, codec: str, account: str, ca: str) -> None:
    """The softphone's files."""
    rtp = free_ports(RTP_PORTS)
    config = CONFIG.format(sip=port, folder=folder, rtp=rtp, last=rtp + RTP_PORTS - 1)
    config += f"sip_cafile {ca}\n" if ca else ""
    config += f"audio_srate {says.rate}\naudio_channels 1\n"
    (folder / "config").write_text(config)
    (folder / "accounts").write_text(f"<sip:phone@127.0.0.1>;regint=0;audio_codecs={codec}{account}\n")
    (folder / "contacts").write_text("")
    (folder / "says.wav").write_bytes(wav_bytes(says.pcm, says.rate))


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


def best_share(sound: AudioFrame, seconds: float = 0.5) -> float:
    """`share_at` of the stretch that has most of it: a machine that stood still may have left a hole elsewhere."""
    many = round(seconds * sound.rate)
    pieces = (sound.pcm[at : at + 2 * many] for at in range(0, len(sound.pcm) - 2 * many + 1, many))
    return max((share_at(piece, sound.rate) for piece in pieces if any(piece)), default=0.0)
