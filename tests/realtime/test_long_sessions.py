"""An hour in one session, and a client that sends anything: nothing grows, nothing ends it."""

import asyncio
import gc
import random
import sys
from collections import Counter
from typing import Any

from tests.realtime.random_events import random_event
from tests.realtime.virtual_calls import VirtualClient, hold_session

MOST_BLOCKS = 1500  # of memory that may be more: items of the conversation, which are kept, are a thousand


async def turn(client: VirtualClient, number: int) -> None:
    """One turn: spoken, typed, interrupted or cancelled; what the client keeps of it is forgotten."""
    match number % 4:
        case 0:
            await client.speak(1.0)
            await client.speak(1.5, voiced=False)
            await client.until("response.done")
        case 1:
            client.type("What do you sell?")
            await client.answer()
        case 2:
            client.send("response.create")
            await client.until("response.output_audio_transcript.delta")
            await client.speak(1.5)
            await client.speak(2.0, voiced=False)
            await client.until("response.done")
        case _:
            client.send("response.create")
            await asyncio.sleep(1.0)
            client.send("response.cancel")
            await client.until("response.done")
    client.forget()


def test_a_long_session_does_not_grow() -> None:
    """Turns of every kind, a quarter of an hour: what is held at its end is what was held before, but for its items.

    `python -m tests.fuzz.realtime` holds one for an hour.
    """
    sizes = hold_long(900)
    assert sizes[2] - sizes[1] < MOST_BLOCKS, sizes


def hold_long(seconds: float) -> list[int]:
    """One session for so long; blocks of memory after each third of it."""
    sizes = list[int]()

    async def story(client: VirtualClient) -> None:
        client.keeps_sound = False
        client.hears_turns()
        loop, number = asyncio.get_running_loop(), 0
        for part in (1, 2, 3):
            while loop.time() < part * seconds / 3 - 70:
                await turn(client, number)
                await asyncio.sleep(seconds / 60)
                number += 1
            gc.collect()
            sizes.append(sys.getallocatedblocks())

    hold_session(story, answers=["We sell bread, cake, coffee and tea, every day but Sunday."], call_max_s=3600)
    return sizes


def test_a_client_that_sends_anything_is_answered_and_stays() -> None:
    """Over the whole call: an error each or what was asked for, by the client's own event ids; then it talks on."""
    fuzz_session(400, seed=7)


def fuzz_session(many: int, seed: int) -> "Counter[str]":
    """Send so many random events in one session; what came, by type."""
    found = Counter[str]()

    async def story(client: VirtualClient) -> None:
        client.keeps_sound = False
        dice = random.Random(seed)  # noqa: S311 - of a test
        known: list[str] = []
        client.send("session.update", session={"type": "realtime"})
        await client.until("session.updated")
        client.forget()
        for number in range(many):
            event: dict[str, Any] = random_event(dice, known) | {"event_id": f"c{number}"}
            client.send(event.pop("type"), **event)
            if dice.random() < 0.1:
                await asyncio.sleep(dice.random())
            errors = [each["error"] for each in client.all("error")]
            assert len(errors) <= 1
            assert not errors or errors[0]["event_id"] == f"c{number}"
            assert not client.over.done()
            found.update(each["type"] for each in client.events)
            known[:] = [*known, *(each["item"]["id"] for each in client.all("conversation.item.added"))][-20:]
            client.forget()
        usual = {"format": {"type": "audio/pcm"}, "turn_detection": {"type": "server_vad", "create_response": True}}
        client.update(audio={"input": usual}, output_modalities=["text"], tools=[], tool_choice="auto")
        client.send("response.cancel")
        await asyncio.sleep(5.0)
        client.forget()
        done = await client.answer(conversation="auto", output_modalities=["text"])
        assert done["status"] == "completed"

    hold_session(story, answers=["Yes, of course."])
    return found
