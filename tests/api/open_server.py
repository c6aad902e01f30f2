"""The scripted control, open until its input ends: python -m tests.api.open_server. It prints its address.

For programs that ask it from outside, such as schemathesis.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

from lineside.models import catalogue
from tests.api.fakes import SMALL_MODELS, fill
from tests.api.fixtures import opened

WATCH = 0.05  # seconds; then every stream ends, so that whoever tries them all comes to an end


async def keep_open() -> None:
    catalogue.CATALOGUE = SMALL_MODELS  # type: ignore[assignment]
    fetches = (sys.executable, "-c", 'print(\'{"model":"tiny","state":"done"}\')')
    with tempfile.TemporaryDirectory() as folder:
        async with opened(fill(Path(folder)), puller=fetches, longest_watch=WATCH, kept=True) as control:
            print(control.url, flush=True)
            await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(keep_open())
