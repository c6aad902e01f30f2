"""What is said in one call of ours: a text with names in braces, filled from the call's context. Pure."""

import re
from collections.abc import Mapping

from lineside.errors import LinesideError

NAMED = re.compile(r"\{([A-Za-z][A-Za-z0-9_-]{0,63})\}")


class NotFilled(LinesideError):
    """A text names what the context does not have."""


def filled(text: str, context: Mapping[str, str], field: str) -> str:
    """The text with each `{name}` in its place. Raises `NotFilled` naming the field and the name."""

    def value(found: re.Match[str]) -> str:
        if (known := context.get(found[1])) is None:
            raise NotFilled(f"{field} names {{{found[1]}}}, which is not in `context`")
        return known

    return NAMED.sub(value, text)
