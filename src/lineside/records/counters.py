"""Who counts what becomes of records."""

from typing import Protocol


class RecordsCounter(Protocol):
    """Who counts what becomes of records. Called from the archive's threads."""

    def spooled(self, size: int) -> None:
        """So many bytes wait for the database."""
        ...

    def write_failed(self) -> None:
        """The database or the disk took nothing this time."""
        ...

    def recording_given_up(self) -> None:
        """A recording was given up."""
        ...

    def entries_lost(self, many: int) -> None:
        """Neither database nor disk nor memory had room, or the disk gave back what nobody had written."""
        ...


class Uncounted:
    """Nobody counts."""

    def spooled(self, size: int) -> None:
        """See `RecordsCounter`."""

    def write_failed(self) -> None:
        """See `RecordsCounter`."""

    def recording_given_up(self) -> None:
        """See `RecordsCounter`."""

    def entries_lost(self, many: int) -> None:
        """See `RecordsCounter`."""
