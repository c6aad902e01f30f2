"""A caller made by a voice does the demonstration's jobs by speech: real recogniser, model, voice and back end.

    python bench/spoken_booking.py [--codec g711_ulaw] [--only visit] [--tts ENGINE] [--voice NAME]

Prints what was heard and said, and what lies in the back end afterwards. The caller's voice is another than the
agent's: hibari's, or Piper's joe where the agent speaks with hibari.
"""

import argparse
import asyncio
import sqlite3
import tempfile
from pathlib import Path

from lineside.audio.frame import AudioFrame
from lineside.gateway.startup import running_gateway
from lineside.protocol import FirstMessage, ReplyText, ServerMessage, Transcript
from lineside.rehearse.caller_sound import CallerVoice, CallerVoices, pcm_of
from lineside.settings import load_settings
from lineside.task_events import SlotFilled, ToolCalled
from lineside.testclient.client import CallClient

RATE = 24_000  # of the caller's voice
CALLS = {
    "visit": (
        "Hi, I'd like to book an engineer, please.",
        "One two three four five.",
        "Yes, I have.",
        "Next Tuesday.",
        "In the morning.",
        "Five five five, zero one zero, one two three four.",
        "Yes, please.",
        "No, that's all. Thank you.",
    ),
    "order": ("Where is my order?", "It's one two three.", "Four five.", "No thanks, goodbye."),
    "correction": (
        "I need an engineer on Friday morning, my order number is two four six eight zero.",
        "Yes, I did.",
        "Two one two, five five five, zero one nine nine.",
        "Yes, but in the afternoon.",
        "Yes, please.",
        "Goodbye.",
    ),
    "address": (
        "I need to change my address.",
        "One three five seven nine.",
        "Twelve Harbour Street.",
        "Yes, that's right.",
        "No, goodbye.",
    ),
}


def usual_voice() -> str:
    """The engine of a caller's voice that is understood and is not the agent's."""
    return "hibari" if load_settings().default_tts_engine != "hibari" else "piper"


def notice(event: ServerMessage) -> None:
    match event:
        case Transcript():
            print(f"  caller  {event.text}")
        case ReplyText():
            print(f"  agent   {event.text}")
        case SlotFilled():
            print(f"          [{event.slot} = {event.value}{'' if event.sure else ', unsure'}]")
        case ToolCalled():
            print(f"          [{event.tool}: {event.state} {event.gives or ''} {event.why}]")


async def spoken(voices: CallerVoices, voice: CallerVoice, text: str) -> AudioFrame:
    return AudioFrame(pcm_of(await voices.speak(voice, text, RATE)), RATE)


async def main(arguments: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(host="127.0.0.1", port=0, data_dir=Path(folder), sip=False)
        async with running_gateway(settings) as running:
            voices, voice = CallerVoices(running.registry, Path(folder)), CallerVoice(arguments.tts, arguments.voice)
            for name, lines in CALLS.items():
                if arguments.only and name != arguments.only:
                    continue
                print(f"{name}:")
                said = [(line, await spoken(voices, voice, line)) for line in lines]
                hello = FirstMessage(codec=arguments.codec)
                call = await CallClient(running.url, hello, notice=notice).run(said)
                print(f"  ended: {call.reason}")
                times = [turn.voice_to_voice_ms for turn in call.turns if turn.voice_to_voice_ms]
                print(f"  voice to voice: {', '.join(f'{ms:.0f}' for ms in times)} ms\n")
            with sqlite3.connect(Path(folder) / "demo.db") as base:
                print("visits:", base.execute("select number, day, part_of_day, phone from visits").fetchall())
                print("addresses:", base.execute("select number, address from orders").fetchall())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--codec", default="pcm")
    parser.add_argument("--tts", default=usual_voice())
    parser.add_argument("--voice", default="")
    parser.add_argument("--only", default="")
    asyncio.run(main(parser.parse_args()))
