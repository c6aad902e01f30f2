"""Counts what becomes of records."""

from typing import Protocol


class RecordsCounter(Protocol):
    """Counts what becomes of records. Called from the archive's threads."""

    def spooled(self, size: int) -> None:
        """This many bytes wait for the database."""
        ...

    def write_failed(self) -> None:
        """The database or the disk took nothing this time."""
        ...

    def recording_given_up(self) -> None:
        """A recording was given up."""
        ...

    def entries_lost(self, many: int) -> None:
        """Entries were lost: no room in database, disk and memory."""
        ...

    def entries_set_aside(self, many: int) -> None:
        """Entries that the database refuses went into the file of entries set aside."""
        ...

    def records_fault(self, part: str) -> None:
        """A part of the archive failed unexpectedly, and tries again."""
        ...


class Uncounted:
    """Counts nothing."""

    def spooled(self, size: int) -> None:
        """See `RecordsCounter`."""

    def write_failed(self) -> None:
        """See `RecordsCounter`."""

    def recording_given_up(self) -> None:
        """See `RecordsCounter`."""

    def entries_lost(self, many: int) -> None:
        """See `RecordsCounter`."""

    def entries_set_aside(self, many: int) -> None:
        """See `RecordsCounter`."""

    def records_fault(self, part: str) -> None:
        """See `RecordsCounter`."""
