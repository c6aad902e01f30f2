"""`lineside` in a process of its own, with small models: python -m tests.models.child CATALOGUE LIMIT models pull …

`LIMIT`: the most bytes that any file it writes may have, as a full disk has a most; 0 for none.
"""

import resource
import sys
from pathlib import Path

import msgspec

from lineside.cli import models
from lineside.cli.main import main
from lineside.models import catalogue
from lineside.models.catalogue import Model


def play(catalogued: str, limit: int) -> None:
    catalogue.CATALOGUE = msgspec.json.decode(Path(catalogued).read_bytes(), type=tuple[Model, ...])  # type: ignore[assignment]
    models.BIG = 0  # say every tenth of every file
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    main()


if __name__ == "__main__":
    play(sys.argv.pop(1), int(sys.argv.pop(1)))
