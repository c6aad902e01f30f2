"""What a colleague is told before they take a call: who calls, about what, what is known already. In ten seconds.

Nothing is made up: it is the agent's own sentence (`Agent.whisper`) with values from the call. What a caller keyed in
as a secret is not among them.
"""

import re
from collections.abc import Awaitable, Callable
from contextlib import aclosing

from lineside.agents.agent import Agent, wants_person
from lineside.agents.tasks.state import TaskState
from lineside.agents.templates import render, shown
from lineside.audio import g711
from lineside.audio.output_resampler import OutputResampler
from lineside.call.call_context import CallContext
from lineside.call.synthesis import synthesize
from lineside.engines.protocols import Message

MOST_WORDS = 30  # of the caller's own, that are told
MOST_VALUES = 4  # that were asked for and are told
_SENTENCE = re.compile(r"(?<=[.!?])\s+")


def handover(agent: Agent, caller: str, state: TaskState, said: tuple[Message, ...]) -> str:
    """The sentence for the colleague; those of its parts of which nothing is known are left out.

    Args:
        agent: whose `whisper` it is.
        caller: their number; empty: withheld.
        state: how far their business has come.
        said: the conversation.
    """
    values = {"caller": shown("phone", caller) if caller.lstrip("+").isdigit() else caller}
    if state.task:
        values["about"] = state.task.replace("_", " ")
    values["known"] = _known(agent, state)
    values["words"] = _words(said)
    return render(agent.whisper, {name: value for name, value in values.items() if value}).text


def speech_for_line(context: CallContext) -> Callable[[str], Awaitable[bytes]]:
    """What makes sound of a text for this call's line: `TransferTarget.speak`."""
    return lambda text: _speech(context, text)


async def _speech(context: CallContext, text: str) -> bytes:
    """Raises `EngineError`."""
    pcm, transport = bytearray(), context.transport
    resampler: OutputResampler | None = None
    async with aclosing(synthesize(context.tts, text, context.voice, context.agent.language)) as stream:
        async for audio in stream:
            if resampler is None:
                resampler = OutputResampler(audio.rate, transport.rate)
            pcm += resampler.feed(audio.pcm) if audio.pcm else b""
    pcm += resampler.end() if resampler is not None else b""
    return bytes(pcm) if transport.codec == "pcm" else g711.encode(bytes(pcm), transport.codec)


def _known(agent: Agent, state: TaskState) -> str:
    told = []
    for name, value in state.slots.items():
        slot = agent.slots.get(name)
        if slot is not None and not slot.secret and value.value and value.by != "skipped":
            told.append(f"{name.replace('_', ' ')} {shown(slot.kind, value.value)}")
    return ", ".join(told[:MOST_VALUES])


def _words(said: tuple[Message, ...]) -> str:
    """The last that they said, but for that they want a person."""
    for message in reversed(said):
        if message.role == "user" and not message.content.startswith("["):
            kept = [one for one in _SENTENCE.split(message.content) if one and not wants_person(one)]
            if kept:
                return " ".join(" ".join(kept).rstrip(".!?").split()[-MOST_WORDS:])
    return ""
