"""livekit-plugins-openai at a running gateway, in LiveKit's own session: a function, an answer, an interruption."""

import asyncio
import sys
import time

from interrupted import RATE, Interrupted, until
from livekit import rtc
from livekit.agents import Agent, AgentSession, function_tool, io
from livekit.plugins.openai import realtime


class Microphone(io.AudioInput):
    """The caller's sound, as it is put in."""

    def __init__(self):
        super().__init__(label="microphone")
        self._frames = asyncio.Queue(100)

    async def speak(self, pcm):
        await self._frames.put(rtc.AudioFrame(pcm, RATE, 1, len(pcm) // 2))

    async def __anext__(self):
        return await self._frames.get()


class Loudspeaker(io.AudioOutput):
    """Plays by the clock, and tells how far it came."""

    def __init__(self):
        super().__init__(label="loudspeaker", capabilities=io.AudioOutputCapabilities(pause=False), sample_rate=RATE)
        self._began = self._seconds = 0.0
        self._end = None

    async def capture_frame(self, frame):
        await super().capture_frame(frame)
        if not self._seconds:
            self._began = time.monotonic()
            self.on_playback_started(created_at=time.time())
        self._seconds += frame.duration

    def flush(self):
        super().flush()
        if self._seconds and self._end is None:
            left = max(0.0, self._began + self._seconds - time.monotonic())
            self._end = asyncio.get_running_loop().call_later(left, self._over, False)

    def clear_buffer(self):
        if self._seconds:
            self._over(True)

    def _over(self, interrupted):
        if self._end is not None:
            self._end.cancel()
        reached = min(self._seconds, time.monotonic() - self._began)
        self._seconds, self._end = 0.0, None
        self.on_playback_finished(playback_position=reached, interrupted=interrupted)


class Desk(Agent):
    """The agent."""

    def __init__(self):
        super().__init__(instructions="Be brief.")
        self.calls = []

    @function_tool
    async def weather(self, city: str) -> str:
        """Tells the weather."""
        self.calls.append(city)
        return "sunny"


async def main(url, served):
    model = realtime.RealtimeModel(base_url=url, api_key="secret", model="gpt-realtime")
    answer, opened, errors = Interrupted(served), [], []
    open_session = model.session

    def watched(*given, **named):
        opened.append(open_session(*given, **named))
        opened[-1].on("openai_server_event_received", answer.take)
        return opened[-1]

    async def retrieve(item):
        opened[-1].send_event({"type": "conversation.item.retrieve", "item_id": item})

    model.session = watched
    microphone, desk = Microphone(), Desk()
    session = AgentSession(llm=model)
    session.on("error", lambda fault: errors.append(str(fault.error)))
    session.input.audio, session.output.audio = microphone, Loudspeaker()
    await session.start(desk)
    session.generate_reply(user_input="Is it raining?")
    await until(lambda: desk.calls and answer.begun > 1.0, "the answer sounds")
    await asyncio.sleep(2)
    found = await answer.verdict(microphone.speak, retrieve)
    said = [item.text_content for item in session.history.items if getattr(item, "role", "") == "assistant"]
    print("calls", desk.calls, "said", said, "errors", errors, "interrupted", found)
    await session.aclose()
    await model.aclose()


asyncio.run(main(*sys.argv[1:]))
