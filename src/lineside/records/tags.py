"""An operator's tags of a call in one column: each between two line breaks, so that one is found whole."""

from collections.abc import Sequence


def packed_tags(tags: Sequence[str]) -> str:
    """As they stand in their column, each once and in order."""
    known = sorted({" ".join(tag.split()) for tag in tags} - {""})
    return "".join(f"\n{tag}" for tag in known) + "\n" if known else ""


def unpacked_tags(packed: str) -> tuple[str, ...]:
    """The tags of a column."""
    return tuple(filter(None, packed.split("\n")))
