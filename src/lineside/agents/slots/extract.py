"""From what a caller said, or keyed, to the value of a slot. By rule; what is not understood is asked again. Pure."""

import re
from datetime import date

from msgspec import Struct
from msgspec.structs import replace

from lineside.agents.declared import Slot
from lineside.agents.slots.amounts import find_quantity
from lineside.agents.slots.choices import find_choice, find_yes_no, yes_or_no
from lineside.agents.slots.dates import find_date, find_time
from lineside.agents.slots.digits import checks, find_digits, find_phone
from lineside.agents.slots.email import find_email
from lineside.agents.slots.found import Found
from lineside.agents.slots.free_text import find_name, find_text
from lineside.agents.slots.repair import said_apart
from lineside.agents.slots.spelled import find_spelled

UNSURE = 0.6  # mean probability of the recogniser's words below which a value is read back


class Said(Struct, frozen=True):
    """One turn of the caller's."""

    text: str
    keys: bool = False  # pressed on a telephone's keypad
    sure: float = 1.0  # mean probability of the recogniser's words


class Place(Struct, frozen=True):
    """Where and when the desk is: what "tomorrow", "3/4" and a number without its country code mean."""

    today: date
    month_first: bool = False
    region: str = ""


KEYED = frozenset({"digits", "phone", "number", "amount", "yes_no"})  # kinds that a keypad can give


def extract(slot: Slot, said: Said, place: Place, before: str = "") -> Found | None:
    """The slot's value in what was said; `before` is what earlier turns gave of it. None: there is none."""
    if slot.secret and not said.keys:
        return None
    if said.keys:
        found = _keyed(slot, said.text, place, before)
    else:
        found = _spoken(slot, said.text, place, before)
        if found is not None and not found.whole and (slot.kind == "phone" or slot.length):
            found = _said_anew(slot, said.text, place) or found
    if found is None or not found.whole:
        return found
    if slot.pattern and not re.fullmatch(slot.pattern, found.value):
        return None
    if said.sure < UNSURE and not said.keys and slot.kind != "yes_no":  # nor is the yes to a read-back doubted
        found = replace(found, sure=False)
    return found


def said_yes_or_no(said: Said) -> str:
    """ "yes", "no", or nothing where it was neither; on a keypad 1 is yes and 2 is no."""
    return _KEYED_ANSWERS.get(said.text.strip("#"), "") if said.keys else yes_or_no(said.text)


_KEYED_ANSWERS = {"1": "yes", "2": "no"}


def _keyed(slot: Slot, keys: str, place: Place, before: str) -> Found | None:
    digits = "".join(sign for sign in keys.rpartition("*")[2] if sign.isdecimal())  # * begins anew
    if not digits or slot.kind not in KEYED:
        return None
    match slot.kind:
        case "phone":
            return find_phone(digits, place.region, before)
        case "yes_no":
            return Found(_KEYED_ANSWERS[digits]) if digits in _KEYED_ANSWERS else None
        case "digits":
            whole = (before if slot.length and len(before + digits) <= slot.length else "") + digits
            complete = (slot.length is None or len(whole) == slot.length) and checks(whole, slot.check)
            return Found(whole, whole=complete)
    return _in_range(slot, float(digits))


def _spoken(slot: Slot, text: str, place: Place, before: str) -> Found | None:
    match slot.kind:
        case "yes_no":
            return find_yes_no(text)
        case "digits":
            return find_digits(text, slot.length, slot.check, before)
        case "spelled":
            return find_spelled(text, slot.length, before)
        case "email":
            return find_email(text, before)
        case "phone":
            return find_phone(text, place.region, before)
        case "date":
            return find_date(text, place.today, month_first=place.month_first)
        case "time":
            return find_time(text)
        case "choice":
            return find_choice(text, slot.options)
        case "amount" | "number":
            said = find_quantity(text)
            return None if said is None else _in_range(slot, said.value, sure=said.sure)
        case "name":
            return find_name(text)
    return find_text(text, slot.asks)


def _said_anew(slot: Slot, text: str, place: Place) -> Found | None:
    """The whole value, where it was said again after a part of it; it is read back. None: it was not."""
    for part in said_apart(text):
        found = _spoken(slot, part, place, "")
        if found is not None and found.whole:
            return replace(found, sure=False)
    return None


def _in_range(slot: Slot, number: float, *, sure: bool = True) -> Found | None:
    if (slot.least is not None and number < slot.least) or (slot.most is not None and number > slot.most):
        return None
    return Found(f"{number:.2f}" if slot.kind == "amount" else f"{number:g}", sure)
