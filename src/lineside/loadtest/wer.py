"""Did callers hear the words that were meant? Their sound goes back to lineside, which writes down what it hears.

The recogniser's own mistakes are in the figure, so it is one to compare with another test's, not with nought.
"""

import asyncio
import re
from collections.abc import Sequence

import aiohttp
import msgspec

from lineside.audio.frame import FRAME_SECONDS, SAMPLE_BYTES
from lineside.loadtest.plan import CALLER, HeardAnswer
from lineside.protocol import FirstMessage, Transcript, TurnStarted, decode_server
from lineside.text.normalize import said

EACH = 5  # answers of every worker whose sound is kept for this
FASTER = 2.0  # times real time: lineside takes four
SILENCE = 3.0  # seconds after it, so that the last turn ends
WITHIN = 20.0  # seconds for the last transcript; what is not there by then was not understood


async def word_error_rate(url: str, key: str, answers: Sequence[HeardAnswer]) -> float | None:
    """Wrong, missing and added words for every word that was meant; None when there was nothing to compare."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    wrong, words = 0, 0
    async with aiohttp.ClientSession(headers=headers) as http:
        for answer in answers:
            meant = plain(answer.meant)
            if meant:
                wrong += distance(meant, plain(await _transcribed(http, url, answer)))
                words += len(meant)
    return wrong / words if words else None


def plain(text: str) -> list[str]:
    """The words alone, as a voice says them, so that "$5" and "five dollars" are the same."""
    return re.findall(r"[a-z']+", said(text).lower().replace("’", "'"))


def distance(meant: Sequence[str], heard: Sequence[str]) -> int:
    """The fewest words to change, add or leave out to make one of the other (Levenshtein, 1966)."""
    row = list(range(len(heard) + 1))
    for number, word in enumerate(meant, 1):
        before, row[0] = row[0], number
        for place, other in enumerate(heard, 1):
            before, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, before + (word != other))
    return row[-1]


async def transcribed(url: str, key: str, answer: HeardAnswer) -> str:
    """What the lineside at `url` hears in an answer; empty when it is not understood in time."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with aiohttp.ClientSession(headers=headers) as http:
        return await _transcribed(http, url, answer)


async def _transcribed(http: aiohttp.ClientSession, url: str, answer: HeardAnswer) -> str:
    """What lineside hears in it; empty when it is not understood in time."""
    hello = FirstMessage(
        tools=False,
        test=True,
        codec="pcm",
        sample_rate=answer.rate,
        mode="transcribe_only",
        greeting="",
        caller=CALLER,
        record=False,
    )
    words: list[str] = []
    complete = asyncio.Event()  # every turn that began has its transcript
    complete.set()
    async with http.ws_connect(f"{url}/ws/call") as ws:
        await ws.send_str(msgspec.json.encode(hello).decode())
        listening = asyncio.create_task(_listen(ws, words, complete), name="listen")
        try:
            await _play(ws, answer)
            async with asyncio.timeout(WITHIN):
                await complete.wait()
        except (TimeoutError, ConnectionError):
            pass  # what has been understood by now is what counts
        finally:
            listening.cancel()
            await asyncio.wait([listening])
    return " ".join(words)


async def _listen(ws: aiohttp.ClientWebSocketResponse, words: list[str], complete: asyncio.Event) -> None:
    begun = 0
    async for message in ws:
        if message.type is not aiohttp.WSMsgType.TEXT:
            continue
        event = decode_server.decode(message.data)
        if isinstance(event, TurnStarted):
            begun += 1
            complete.clear()
        elif isinstance(event, Transcript):
            words.append(event.text)
            if len(words) >= begun:
                complete.set()


async def _play(ws: aiohttp.ClientWebSocketResponse, answer: HeardAnswer) -> None:
    size = round(answer.rate * FRAME_SECONDS) * SAMPLE_BYTES
    sound = answer.pcm + bytes(round(SILENCE / FRAME_SECONDS) * size)
    clock = asyncio.get_running_loop().time
    began = clock()
    for number, at in enumerate(range(0, len(sound), size)):
        await ws.send_bytes(sound[at : at + size].ljust(size, b"\0"))
        await asyncio.sleep(max(0.0, began + number * FRAME_SECONDS / FASTER - clock()))
