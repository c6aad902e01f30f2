"""Prompts as the language model holds them after reading, kept in files from one start to the next.

Taking one from here costs 2 ms, reading 360 tokens 4 s on two cores. Only prompts that the operator gave are put here,
never what a caller said.
"""

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from lineside.engine_server.llm.slots import shared

MAX_PROMPTS = 8  # prompts, 12 kB a token with the small model; the one used longest ago is thrown away


class PromptCache:
    """A folder of read prompts. `maker` names the model and its runtime: what one wrote no other can read."""

    def __init__(self, folder: Path, maker: str) -> None:
        self._folder, self._maker = folder, maker
        self._texts: set[str] = set()

    def name(self, text: str) -> str:
        """The file of a prompt, while it is in the cache."""
        return hashlib.sha256(f"{self._maker}\0{text}".encode()).hexdigest()

    def has(self, text: str) -> bool:
        """Whether the prompt is in the cache; one from an earlier start is found here."""
        try:
            os.utime(self._folder / self.name(text))  # used just now, so not to be thrown away next
        except OSError:
            self._texts.discard(text)
        else:
            self._texts.add(text)
        return text in self._texts

    def nearest(self, text: str) -> tuple[str, int]:
        """the prompt in the cache that begins most like `text`, and how many characters they share."""
        return max(((each, shared(each, text)) for each in self._texts), key=lambda found: found[1], default=("", 0))

    def put(self, text: str, written: Path) -> None:
        """The prompt was just written to that file in the folder."""
        written.replace(self._folder / self.name(text))
        self.has(text)
        for old in sorted(self._folder.iterdir(), key=_used)[:-MAX_PROMPTS]:
            old.unlink(missing_ok=True)
        self._texts = {each for each in self._texts if (self._folder / self.name(each)).is_file()}

    def drop(self, text: str) -> None:
        """The prompt's file is of no use."""
        self._texts.discard(text)
        with suppress(OSError):
            (self._folder / self.name(text)).unlink()


def _used(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except FileNotFoundError:  # another engine server has thrown it away
        return 0.0
