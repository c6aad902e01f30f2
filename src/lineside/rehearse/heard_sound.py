"""Sound at a caller's end of a line: what leaves their mouth frame by frame, and what has been played to them."""

import asyncio
from collections.abc import Awaitable, Callable

from lineside.audio import g711
from lineside.audio.frame import FRAME_SECONDS, SAMPLE_BYTES
from lineside.protocol import Codec
from lineside.rehearse.caller_sound import ogg
from lineside.rehearse.speaking_caller import CallerMouth


async def speak_frames(mouth: CallerMouth, codec: Codec, put: Callable[[bytes], Awaitable[None]]) -> None:
    """Give `put` what the mouth says in the line's codec, twenty milliseconds at a time, until cancelled."""
    loop = asyncio.get_running_loop()
    due = loop.time()
    while True:
        pcm = mouth.frame()
        await put(pcm if codec == "pcm" else g711.encode(pcm, codec))
        due += FRAME_SECONDS
        await asyncio.sleep(max(0.0, due - loop.time()))


class HeardSound:
    """What a caller has heard and will hear, from the call's beginning: silence where nothing came."""

    def __init__(self, codec: Codec, rate: int) -> None:
        self._codec, self._rate = codec, rate
        self._now = asyncio.get_running_loop().time
        self._began = self._now()
        self._played = bytearray()  # signed 16-bit

    def play(self, payload: bytes) -> None:
        """Play this after what is being played."""
        pcm = payload if self._codec == "pcm" else g711.decode(payload, self._codec)
        self._played += bytes(max(0, self._now_bytes() - len(self._played))) + pcm

    def take_back(self) -> None:
        """What has not been played is not heard."""
        del self._played[self._now_bytes() :]

    def recording(self, mouth: CallerMouth) -> bytes:
        """Both sides as Ogg, the caller left."""
        return ogg(bytes(mouth.said), bytes(self._played), self._rate)

    def _now_bytes(self) -> int:
        """Where now is in the call's sound."""
        return round((self._now() - self._began) * self._rate) * SAMPLE_BYTES
