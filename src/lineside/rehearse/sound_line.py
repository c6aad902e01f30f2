"""The line of a rehearsal at sound level: from the caller's mouth into the call, and back into a recording."""

import asyncio

from lineside.audio import g711
from lineside.audio.frame import FRAME_SECONDS, SAMPLE_BYTES
from lineside.protocol import Codec, EndReason, ServerMessage
from lineside.rehearse.caller_sound import ogg
from lineside.rehearse.speaking_caller import CallerEar, CallerMouth, SpeakingCaller
from lineside.transports.base import TransportListener


class SoundLine:
    """A transport whose caller speaks. `join` gives it its caller before the call begins."""

    def __init__(self, codec: Codec, mouth: CallerMouth, ear: CallerEar) -> None:
        self.codec: Codec = codec
        self.rate = mouth.rate
        self._mouth, self._ear = mouth, ear
        self._caller: SpeakingCaller | None = None
        self._began = 0.0
        self._played = bytearray()  # what the caller has heard and will hear, signed 16-bit, from the call's beginning
        self.events: list[ServerMessage] = []

    def join(self, caller: SpeakingCaller) -> None:
        """The caller who speaks on it."""
        self._caller = caller

    async def run(self, listener: TransportListener) -> EndReason:
        """See `Transport`."""
        loop = asyncio.get_running_loop()
        self._began = loop.time()
        async with asyncio.TaskGroup() as tasks:
            sending = tasks.create_task(self._send_frames(listener), name="mouth")
            if self._caller is not None:
                await self._caller.converse()
            sending.cancel()
        return "caller_hung_up"

    async def _send_frames(self, listener: TransportListener) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            pcm = self._mouth.frame()
            listener.on_audio(pcm if self.codec == "pcm" else g711.encode(pcm, self.codec))
            due += FRAME_SECONDS
            await asyncio.sleep(max(0.0, due - loop.time()))

    def send(self, payload: bytes) -> None:
        """See `Transport`."""
        pcm = payload if self.codec == "pcm" else g711.decode(payload, self.codec)
        self._played += bytes(max(0, self._now_bytes() - len(self._played))) + pcm

    def clear(self) -> float | None:
        """See `Transport`."""
        del self._played[self._now_bytes() :]
        return None

    def mark(self, name: str) -> bool:
        """See `Transport`: this line has no marks, as a browser has none."""
        return False

    def on_event(self, event: ServerMessage) -> None:
        """See `Transport`."""
        self.events.append(event)
        self._ear.on_event(event)

    def recording(self) -> bytes:
        """Both sides as Ogg, the caller left."""
        return ogg(bytes(self._mouth.said), bytes(self._played), self.rate)

    def _now_bytes(self) -> int:
        """Where now is in the call's sound."""
        return round((asyncio.get_running_loop().time() - self._began) * self.rate) * SAMPLE_BYTES
