"""Identifiers of machines, which nobody can hear: UUIDs, digests, keys such as "cus_9s6XKzkNRiz8". Pure."""

import re

_IDENTIFIER = re.compile(
    r"""
    \b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b    # a UUID (RFC 9562)
    | \b(?:0x)?(?=[0-9a-f]*[a-f][0-9]+[a-f])[0-9a-f]{16,}\b        # a digest, a trace; no IBAN
    | \b[a-z]{2,8}_(?=[a-z0-9]*[0-9])[a-z0-9]{8,}\b                     # a database's key with its prefix
    """,
    re.IGNORECASE | re.VERBOSE,
)
# What is left of a sentence where one stood: "(id: )", "ID #.", "with the id ."
_LEFT_BEHIND = re.compile(r"\(\s*(?:[a-z ]{0,20}[:#=]?\s*)\)|\[\s*\]|[\"'`]\s*[\"'`]", re.IGNORECASE)
_SPACES = re.compile(r"\s+(?=[.,;:!?)])|(?<=\s)\s+")


def without_identifiers(text: str) -> str:
    """The text without them, as it may be spoken; the same text where it holds none."""
    bare = _IDENTIFIER.sub("", text)
    return text if bare == text else _SPACES.sub("", _LEFT_BEHIND.sub("", bare)).strip()
