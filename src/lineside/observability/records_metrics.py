"""Metrics of the records of calls; told from the archive's threads."""

from lineside.observability.meters import MeterFactory

PARTS = ("database", "disk", "archive", "recordings", "retention", "clock", "deletion", "store")  # of the call archive


class RecordsMetrics:
    """What the archive writes, holds back and loses. A `records.counters.RecordsCounter`."""

    def __init__(self, factory: MeterFactory) -> None:
        counter, gauge = factory.counter, factory.gauge
        self.spool = gauge("records_spool_bytes", "Records on disk waiting for the database")
        self.write_failures = counter("records_write_failures", "Failed writes of records to the database or the disk")
        self.given_up = counter("recordings_given_up", "Recordings dropped because the disk was full or too slow")
        self.lost = counter("records_lost", "Records lost: no room in database, disk and memory")
        self.aside = counter("records_set_aside", "Records that the database refused, kept in DATA_DIR/set-aside.jsonl")
        self.records_faults = counter("records_faults", "Errors of the call archive, which retries", "part")
        for part in PARTS:
            self.records_faults.labels(part)

    def spooled(self, size: int) -> None:
        """So many bytes wait for the database."""
        self.spool.set(size)

    def write_failed(self) -> None:
        """The database or the disk took nothing this time."""
        self.write_failures.inc()

    def recording_given_up(self) -> None:
        """A recording was given up."""
        self.given_up.inc()

    def entries_lost(self, many: int) -> None:
        """There was no room for them anywhere."""
        self.lost.inc(many)

    def entries_set_aside(self, many: int) -> None:
        """The database refuses them; they are in a file of their own."""
        self.aside.inc(many)

    def records_fault(self, part: str) -> None:
        """A part of the archive failed unexpectedly, and tries again."""
        self.records_faults.labels(part).inc()
