"""What a line knows of a call before a word is said: who calls, whom, by which way. Values, never instructions.

All of it comes from a network where anybody can write anything: a caller's name or a header may hold a sentence that is
meant for the language model. `clean` makes one line of printable characters of each, bounded; where an agent is told of
them they stand quoted, as data (`as_data`).
"""

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from lineside.telephone_numbers import masked
from lineside.text.outside_text import outside_text

Direction = Literal["inbound", "outbound"]
TEST_LINE = "test"  # of calls that are no customer's, in the records and the metrics
LONGEST = 256  # characters of one value
MOST = 16  # headers and parameters of one call
LONGEST_NAME = 64  # characters of a header's name


class CallFacts(Struct, frozen=True, kw_only=True):
    """One call, as its line knows it. Numbers are as the network gave them: `+15550100`, `200`, `anonymous`."""

    line: str  # "browser", "twilio", "audiosocket", "sip" …
    direction: Direction = "inbound"
    caller: str = ""  # empty: not known or withheld
    called: str = ""
    diverted_from: str = ""  # the number that was called first, where the call was forwarded to us
    carrier_call_id: str = ""  # what the carrier or the PBX calls this call
    headers: dict[str, str] = {}  # headers and parameters that the operator allows (`TELEPHONE_HEADERS`)
    codec: str = ""  # as the line has it: "PCMU", "G722", "slin16"
    returned: bool = False  # the caller is back from a transfer that nobody took
    test: bool = False  # a call of a test or a load test

    def as_data(self, names: Iterable[str]) -> str:
        """Those of the facts that an agent may be told, as one line of JSON; empty where none is known.

        Args:
            names: caller, called, diverted_from, or names of headers.
        """
        fields = {"caller": self.caller, "called": self.called, "diverted_from": self.diverted_from}
        known = {name: fields.get(name) or self.headers.get(name, "") for name in names}
        told = {name: text for name, value in known.items() if (text := outside_text(value).strip())}
        return msgspec.json.encode(told).decode() if told else ""


UNKNOWN = CallFacts(line="")


def clean(value: object, longest: int = LONGEST) -> str:
    """One value from outside as one line: no control, format or private characters, not too long."""
    text = value if isinstance(value, str) else str(value) if isinstance(value, int | float) else ""
    kept = (letter if unicodedata.category(letter)[0] not in "CZ" else " " for letter in text[: 4 * longest])
    return " ".join("".join(kept).split())[:longest]


def allowed_headers(given: Mapping[str, object], allowed: Iterable[str]) -> dict[str, str]:
    """Those headers and parameters of a call that the operator allows, cleaned.

    Args:
        given: name → value, from the network.
        allowed: names, whatever their case; one that ends in `*` is a prefix, such as `X-Lineside-*`.
    """
    whole = {name.lower() for name in allowed if not name.endswith("*")}
    prefixes = tuple(name[:-1].lower() for name in allowed if len(name) > 1 and name.endswith("*"))
    kept: dict[str, str] = {}
    for name, value in given.items():
        plain = clean(name, LONGEST_NAME)
        if plain != name or not (plain.lower() in whole or (prefixes and plain.lower().startswith(prefixes))):
            continue
        if len(kept) >= MOST:
            break
        if text := clean(value):
            kept[plain] = text
    return kept


def cleaned(facts: CallFacts, allowed: Iterable[str]) -> CallFacts:
    """Values from outside as one line each; of headers those that the operator allows."""
    return replace(
        facts,
        caller=clean(facts.caller),
        called=clean(facts.called, 200),
        diverted_from=clean(facts.diverted_from),
        carrier_call_id=clean(facts.carrier_call_id),
        headers=allowed_headers(dict(facts.headers), allowed),
    )


def masked_facts(facts: CallFacts) -> CallFacts:
    """The facts as they are shown and kept with MASK_NUMBERS; headers, which may hold a number too, are left out."""
    return replace(
        facts,
        caller=masked(facts.caller),
        called=masked(facts.called),
        diverted_from=masked(facts.diverted_from),
        headers={},
    )
