"""Numbers that are never dialled by a machine: emergency services, and those that cost by the minute. Pure.

This is no numbering plan but the short list of what does harm. Whom a call may be transferred to, or placed with, is an
allow-list of the operator's; this one is beneath it and cannot be switched off.
"""

import re
from collections.abc import Sequence
from urllib.parse import unquote

# Emergency services that are reached by a short number (ITU-T E.161.1 and national plans). Some are extensions of
# somebody's PBX: give those other numbers. 100 to 109, which are emergency numbers in India, are left to the PBX.
_SHORT = """
    000 061 066 08 15 17 18 110 111 112 113 115 117 118 119 120 122 123 133 144
    190 191 192 193 194 195 197 199 911 988 991 992 993 995 997 998 999
"""
EMERGENCY = frozenset(_SHORT.split())
# Premium rate and satellites, by country: whoever owns the number earns by the minute, and frauds own them.
PREMIUM = re.compile(
    r"\+(?:1900|1976|33(?:89|899)|34(?:80[367]|90[57])|351(?:601|60[789]|76)|39(?:89|899|144|166)|41(?:90[016])"
    r"|43(?:9[0139])|44(?:9|871|872|873)|46(?:900|939|944)|47(?:829|820)|48(?:70)|49(?:900|137|118)|61(?:190|19)"
    r"|31(?:90[069])|32(?:90)|353(?:15)|358(?:600|700)|420(?:90)|45(?:90)|7(?:809)|81(?:990)|86(?:168)|91(?:900)"
    r"|979|881|882|883|870)\d*"
)
TARGET = re.compile(
    r"\+?[0-9*#]{1,20}"
    r"|sips?:[A-Za-z0-9._~!+=%-]{1,64}@[A-Za-z0-9.:\[\]-]{1,128}"
    r"|[A-Za-z][\w.-]{0,63}"
)
SHOWN, SHORTEST_MASKED = 4, 7  # digits; a shorter number is an extension or a service
WRITTEN = re.compile(r"\+?[0-9 ()./-]{1,40}")  # a number as people write it


def number_of(to: str) -> str:
    """The number in a target, with `+` for `00`; spaces and signs dropped; empty: it is none."""
    return _number(_dialled(to))


def _dialled(to: str) -> str:
    """What is dialled for a target: a PBX reads `sip:%39%31%31@host` as 911 (RFC 3261, section 19.1.4)."""
    return re.sub(r"[\s()./-]", "", unquote(re.sub(r"^sips?:", "", to.strip()).partition("@")[0]))


def _number(dialled: str) -> str:
    plain = f"+{dialled[2:]}" if dialled.startswith("00") and len(dialled) > len("000") + 3 else dialled
    return plain if re.fullmatch(r"\+?[0-9]+", plain) else ""


def _reached(to: str) -> set[str]:
    """Every number that a network may read in a target: also behind a feature code (`*67911`, `#31#112`, `112#`)."""
    dialled = _dialled(to)
    bare = dialled.strip("*#")
    found = {dialled, bare, *re.split(r"[*#]+", bare)}
    if dialled[:1] in ("*", "#"):
        found |= {bare[2:], bare[3:]}
    return {_number(one) for one in found}


def why_refused(to: str) -> str:
    """Why this is never dialled, in a sentence; empty: it may be."""
    reached, written = _reached(to), to.strip()
    if not (TARGET.fullmatch(written) or WRITTEN.fullmatch(written)):
        return f"{to[:40]!r} is no number, SIP address or name of a queue"
    if any(number.removeprefix("+") in EMERGENCY for number in reached):
        return "emergency numbers are never dialled by a machine"
    if any(PREMIUM.fullmatch(number) for number in reached):
        return "premium-rate and satellite numbers are never dialled"
    return ""


def is_allowed(to: str, allowed: Sequence[str]) -> bool:
    """Whether a target is on an allow-list; an entry that ends in `*` is a prefix, of digits of a number.

    A SIP address is only what it is written as: `sip:200@10.0.0.5`, or with `sip:*@10.0.0.5` any user of that host.
    The digits before another host's name are no number.
    """
    written = to.strip().lower()
    if written.startswith(("sip:", "sips:")):
        return any(_same_address(written, entry.strip().lower()) for entry in allowed)
    number = number_of(to) or to.strip()
    prefixes = tuple(entry[:-1] for entry in allowed if len(entry) > 1 and entry.endswith("*"))
    return number.startswith(prefixes) or number in {number_of(entry) or entry for entry in allowed}


def _same_address(address: str, entry: str) -> bool:
    scheme, _, rest = entry.partition(":")
    if scheme not in ("sip", "sips") or address.partition(":")[0] != scheme:
        return False
    return address == entry or (rest.startswith("*@") and len(rest) > 2 and address.endswith(rest[1:]))


def masked(number: str) -> str:
    """A number of a person as it is shown and kept with MASK_NUMBERS: its last digits; names and extensions whole."""
    digits = number_of(number).removeprefix("+")
    return f"…{digits[-SHOWN:]}" if len(digits) >= SHORTEST_MASKED else number
