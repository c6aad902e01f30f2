"""A download that goes as far as it is let: python slow_fetch.py TARGET FAR MODEL --json.

FAR is a file with the number of bytes that may come, or with the words of a failure. What has come is kept in
TARGET.part when the program is asked to end, and the next download goes on from there.
"""

import json
import sys
import time
from pathlib import Path

TOTAL, PIECE = 40_000_000, 500_000
CONTENT = b'{"a small file": true}\n'  # as tests.models.fixtures.SMALL: what the catalogue of small models expects


def main(target: Path, far: Path, model: str) -> None:
    """Tell how far it is, until it may come no further."""
    part = target.with_name(target.name + ".part")
    part.parent.mkdir(parents=True, exist_ok=True)
    done = int(part.read_text() or 0) if part.exists() else 0
    told = {"model": model, "file": target.name, "total": TOTAL, "source": "the slow fake"}

    def tell(**more: object) -> None:
        print(json.dumps({**told, "done": done, **more}), flush=True)

    while done < TOTAL:
        may = far.read_text()
        if not may.isdigit():
            tell(state="failed", message=may)
            return
        if done < int(may):
            done += PIECE
            part.write_text(str(done))
            tell()
        else:
            time.sleep(0.02)
    target.write_bytes(CONTENT)
    part.unlink()
    tell(state="done")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
