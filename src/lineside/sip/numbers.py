"""Whole numbers in messages: their length is bounded before they are read."""

LONGEST = 9  # digits


def whole_number(text: str | None) -> int | None:
    """A number of at most nine ASCII digits; None for all else."""
    if text is None or len(text) > LONGEST or not (text.isascii() and text.isdigit()):
        return None
    return int(text)
