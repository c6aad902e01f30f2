"""The sentence encoder in a thread of its own, and the meanings that were read before."""

import asyncio
import hashlib
import io
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np

from lineside.agents.knowledge.knowledge import Floats
from lineside.agents.knowledge.sentence_encoder import WIDTH, SentenceEncoder
from lineside.whole_files import write_whole

AT_ONCE = 16  # sentences read in one step, so that a caller's question never waits long behind a new agent's facts


class EncoderThread:
    """The sentence encoder in a thread of its own, so that no frame waits for it. One a process."""

    def __init__(self, folder: Path) -> None:
        """Raises `ConfigError` if the model is not there."""
        self._encoder = SentenceEncoder(folder)
        self._thread = ThreadPoolExecutor(1, "sentence encoder")

    def close(self) -> None:
        """End the thread once it has done what it is at."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def encode(self, sentences: Sequence[str]) -> Floats:
        """See `SentenceEncoder.encode`."""
        loop = asyncio.get_running_loop()
        parts = [
            await loop.run_in_executor(self._thread, self._encoder.encode, sentences[at : at + AT_ONCE])
            for at in range(0, len(sentences), AT_ONCE)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, WIDTH), np.float32)


def rounded(vectors: Floats) -> Floats:
    """As they are after they were kept: in 16 bits, which turns them by less than a thousandth."""
    return vectors.astype(np.float16).astype(np.float32)


class KeptMeanings:
    """Vectors of sentences that were read once, in a folder: a few kilobytes a page of text."""

    def __init__(self, folder: Path, most: int | None = None) -> None:
        """`most`: files that are kept; the one used longest ago is thrown away. None: all."""
        self._folder, self._most = folder, most

    def find(self, sentences: Sequence[str]) -> Floats | None:
        """The vectors of exactly these sentences; None where they were not read yet, or the file is damaged."""
        with suppress(OSError, ValueError, EOFError):
            path = self._path(sentences)
            vectors = np.load(path, allow_pickle=False)
            if vectors.shape == (len(sentences), WIDTH):
                with suppress(OSError):
                    os.utime(path)  # used just now
                found: Floats = vectors.astype(np.float32)
                return found
        return None

    def keep(self, sentences: Sequence[str], vectors: Floats) -> None:
        """Raises `OSError`."""
        file = io.BytesIO()
        np.save(file, vectors.astype(np.float16), allow_pickle=False)
        write_whole(self._path(sentences), file.getvalue())
        if self._most is not None:
            for old in sorted(self._folder.glob("*.npy"), key=_used)[: -self._most]:
                old.unlink(missing_ok=True)

    def _path(self, sentences: Sequence[str]) -> Path:
        digest = hashlib.sha256()
        for sentence in sentences:
            digest.update(sentence.encode() + b"\0")
        return self._folder / f"{digest.hexdigest()}.npy"


def _used(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except FileNotFoundError:  # another process has thrown it away
        return 0.0
