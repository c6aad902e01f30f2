"""What became of an answer that was interrupted: by events, by the gateway's item, by what its model saw next.

Imported by the clients' programs; it needs nothing that they have not got.
"""

import array
import asyncio
import math
from pathlib import Path

LONG = "One two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen."
RATE = 24_000
PIECE, LOOK_EVERY = 0.1, 0.05  # seconds
SAW = "the model saw: "  # before the last answer of each of its requests, in what serve.py prints


class Interrupted:
    """Fed with all events of one session."""

    def __init__(self, served: str) -> None:
        """`served`: the file that serve.py prints to."""
        self._served = Path(served)
        self.begun = 0.0  # seconds of sound of the answer that came last
        self.said: dict[str, str] = {}  # by the events, of each item
        self.started: list[str] = []  # items that sound
        self.cut: tuple[str, int] | None = None  # item and milliseconds, as the client truncated it
        self.kept: dict[str, str] = {}  # transcripts, as the gateway has them

    def take(self, event: dict) -> None:
        """An event of the server's."""
        kind, item = event["type"], event.get("item_id", "")
        if kind == "response.output_audio.delta":
            if item not in self.started:
                self.started.append(item)
                self.begun = 0.0
            self.begun += len(event["delta"]) * 3 / 4 / 2 / RATE
        elif kind == "response.output_audio_transcript.delta":
            self.said[item] = self.said.get(item, "") + event["delta"]
        elif kind == "conversation.item.truncated":
            self.cut = item, event["audio_end_ms"]
        elif kind == "conversation.item.retrieved":
            parts = event["item"].get("content") or []
            self.kept[event["item"]["id"]] = " ".join(part.get("transcript") or "" for part in parts)

    async def verdict(self, speak, retrieve) -> dict:
        """Interrupt the answer that is to come. Ends the program where what is kept of it is wrong.

        `speak` sends sound, `retrieve` asks for an item.
        """
        before = len(self.started)
        await say(speak, 1.0, 9000)
        await say(speak, 1.5, 0)
        await until(lambda: len(self.started) > before and self.begun > 1.2, "a second answer sounds")
        await say(speak, 1.6, 9000)
        await say(speak, 1.5, 0)
        await until(lambda: self.cut is not None, "the client truncates")
        item, heard = self.cut
        await retrieve(item)
        await until(lambda: item in self.kept, "the item is told")
        await until(lambda: self._seen() != "", "the model is asked again")
        found = {
            "said": self.said[item].strip(),
            "cut at": heard,
            "kept": self.kept[item],
            "the model saw": self._seen(),
        }
        prefix = LONG.startswith(found["said"]) and found["said"].startswith(found["kept"])
        if not prefix or found["kept"] == LONG or found["the model saw"] != found["kept"]:
            raise SystemExit(f"what is kept is not what was heard: {found}")
        return found

    def _seen(self) -> str:
        """The answer that was cut, as it stood in the model's last request."""
        lines = self._served.read_text("utf-8").splitlines()
        return next((seen for line in reversed(lines) if LONG.startswith(seen := _after(line)) and seen), "")


def _after(line: str) -> str:
    return line.removeprefix(SAW) if line.startswith(SAW) else "-"


async def say(speak, seconds: float, level: int) -> None:
    """Voice, or quiet, at the pace of speech."""
    tone = array.array("h", (round(level * math.sin(n * 0.3)) for n in range(round(RATE * PIECE))))
    for _ in range(round(seconds / PIECE)):
        await speak(tone.tobytes())
        await asyncio.sleep(PIECE)


async def until(what, name: str, seconds: float = 30) -> None:
    """Wait until it is so."""
    for _ in range(round(seconds / LOOK_EVERY)):
        if what():
            return
        await asyncio.sleep(LOOK_EVERY)
    raise SystemExit(f"not within {seconds:g} s: {name}")
