"""The line of a rehearsal at sound level: from the caller's mouth into the call, and back into a recording."""

import asyncio

from lineside.protocol import Codec, EndReason, ServerMessage
from lineside.rehearse.heard_sound import HeardSound, speak_frames
from lineside.rehearse.spoken_call import SpokenCall
from lineside.transports.base import TransportListener


class SoundLine:
    """A transport whose caller speaks."""

    def __init__(self, codec: Codec, spoken: SpokenCall) -> None:
        self.codec: Codec = codec
        self.rate = spoken.mouth.rate
        self._spoken, self._heard = spoken, HeardSound(codec, self.rate)
        self.events: list[ServerMessage] = []

    async def run(self, listener: TransportListener) -> EndReason:
        """See `Transport`."""

        async def put(frame: bytes) -> None:
            listener.on_audio(frame)

        async with asyncio.TaskGroup() as tasks:
            sending = tasks.create_task(speak_frames(self._spoken.mouth, self.codec, put), name="mouth")
            await self._spoken.caller.converse()
            sending.cancel()
        return "caller_hung_up"

    def send(self, payload: bytes) -> None:
        """See `Transport`."""
        self._heard.play(payload)

    def clear(self) -> float | None:
        """See `Transport`."""
        self._heard.take_back()
        return None

    def mark(self, name: str) -> bool:
        """See `Transport`: this line has no marks, as a browser has none."""
        return False

    def on_event(self, event: ServerMessage) -> None:
        """See `Transport`."""
        self.events.append(event)
        self._spoken.ear.on_event(event)

    def recording(self) -> bytes:
        """Both sides as Ogg, the caller left."""
        return self._heard.recording(self._spoken.mouth)
