"""What a caller's words give for a slot."""

from msgspec import Struct


class Found(Struct, frozen=True):
    """A value, in one written form for each kind: digits, "2026-12-01", "14:30", "yes", an option's name."""

    value: str
    sure: bool = True  # False: it is read back first
    whole: bool = True  # False: the beginning of a value, the rest of which is still to come
    doubt: str = ""  # which sign of a spelled value may be another
