"""What is wrong with the records now, by part, for `/health` and the log: each fault is counted and told once."""

import threading
from typing import Literal

import structlog

from lineside.processes.background_work import describe_fault
from lineside.records.counters import RecordsCounter, Uncounted

log = structlog.get_logger()

Part = Literal["database", "disk", "archive", "recordings", "retention", "clock", "deletion", "store"]


class RecordsTrouble:
    """The faults of one archive. Any thread."""

    def __init__(self, counter: RecordsCounter | None) -> None:
        self.counter: RecordsCounter = counter or Uncounted()
        self._lock = threading.Lock()
        self._now: dict[Part, str] = {}

    def set(self, part: Part, what: str, why: str = "") -> None:
        """This part is in trouble: `what` is told to everybody, `why` to the log alone."""
        with self._lock:
            new = self._now.get(part) != what
            self._now[part] = what
        if new:
            log.warning(what, part=part, why=why)

    def fault(self, part: Part, fault: BaseException) -> None:
        """Something that should not happen did; the part tries again. The fault's own words may be a caller's."""
        self.counter.records_fault(part)
        self.set(part, f"{part}: {type(fault).__name__}; it is tried again", describe_fault(fault))

    def clear(self, part: Part) -> None:
        """This part works."""
        with self._lock:
            gone = self._now.pop(part, None)
        if gone is not None:
            log.info("call records working again", part=part)

    def of(self, part: Part) -> str:
        """What is wrong with this part; empty: nothing."""
        with self._lock:
            return self._now.get(part, "")

    def besides(self, *parts: Part) -> str:
        """What is wrong with all parts but these, in a sentence without secrets; empty: nothing is."""
        with self._lock:
            return "; ".join(self._now[part] for part in sorted(self._now) if part not in parts)

    def __str__(self) -> str:
        """All of it in a sentence; empty: nothing is wrong."""
        return self.besides()
