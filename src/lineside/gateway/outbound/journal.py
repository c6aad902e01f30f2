"""What is remembered of calls that lineside made: each request is done once, and no number is called too often.

One line a call, written and synced before anything is dialled, so that neither a restart nor a program that asks again
makes a call twice. Numbers stand in it as keyed hashes only: the key is a file beside it.
"""

import asyncio
import hashlib
import hmac
import os
import secrets
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from lineside.whole_files import write_whole

FILE, KEY_FILE = "calls-out.jsonl", "number-key"  # in DATA_DIR
REMEMBERED = 86_400.0  # seconds for which keys and attempts count
MOST = 100_000  # calls that are remembered; the oldest are forgotten


class MadeCall(Struct, frozen=True):
    """One line."""

    at: float  # seconds since 1970
    id: str
    to: str  # keyed hash of the number
    key: str = ""  # of the request, hashed; empty: it had none
    request: str = ""  # hash of what was asked for: another request may not have the same key


class OutboundJournal:
    """The journal of one gateway."""

    def __init__(self, folder: Path) -> None:
        self._path, self._folder = folder / FILE, folder
        self._calls: deque[MadeCall] = deque(maxlen=MOST)
        self._secret = b""

    async def open(self, now: float) -> None:
        """Read what still counts, and drop the rest. Raises `OSError`."""
        await asyncio.to_thread(self._open, now)

    def hashed(self, text: str) -> str:
        """A number, or a key, as the journal has it."""
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()[:32]

    def begun_since(self, at: float) -> Sequence[float]:
        """When calls began, the oldest first."""
        return [call.at for call in self._calls if call.at > at]

    def to_number(self, number: str, since: float) -> Sequence[float]:
        """When calls to a number began."""
        wanted = self.hashed(number)
        return [call.at for call in self._calls if call.to == wanted and call.at > since]

    def of_key(self, key: str, now: float) -> MadeCall | None:
        """The call of a request's key."""
        wanted = self.hashed(key)
        return next((call for call in reversed(self._calls) if call.key == wanted and call.at > now - REMEMBERED), None)

    async def keep(self, call: MadeCall) -> None:
        """Remember a call, on the disk when this returns. Raises `OSError`: then the call may not be made."""
        self._calls.append(call)  # at once: who asks meanwhile counts it
        try:
            await asyncio.to_thread(self._write, call)
        except OSError:
            self._calls.remove(call)
            raise

    def _write(self, call: MadeCall) -> None:
        with self._path.open("ab") as file:
            file.write(msgspec.json.encode(call) + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def _open(self, now: float) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        key = self._folder / KEY_FILE
        if not key.exists() or len(key.read_bytes()) < 32:
            write_whole(key, secrets.token_bytes(32))
        self._secret = key.read_bytes()
        lines = self._path.read_bytes().splitlines() if self._path.exists() else []
        for line in lines:
            try:
                call = msgspec.json.decode(line, type=MadeCall)
            except msgspec.DecodeError:
                continue  # half a line: the machine lost its power before the call was made
            if call.at > now - REMEMBERED:
                self._calls.append(call)
        if len(self._calls) < len(lines):
            write_whole(self._path, b"".join(msgspec.json.encode(call) + b"\n" for call in self._calls))
