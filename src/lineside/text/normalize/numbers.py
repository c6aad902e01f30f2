"""Numbers in English words. Tested against num2words, which takes 30 times as long and loads sixty languages."""

import re

# 1,234.50, 1,00,000 (India), 1'234.50 (Switzerland), 1.234,50, 1.234.567, 1 234,50, 12,50 (Europe), 1234.5, .5
_GROUPED = (
    r"\d{1,3}(?:,\d{2,3})*,\d{3}(?!\d)(?:\.\d+)?|\d{1,3}(?:['’]\d{3})+(?!\d)(?:[.,]\d+)?"
    r"|\d{1,3}(?:\.\d{3})+,\d{1,2}(?!\d)|\d{1,3}(?:\.\d{3}){2,}(?![.\d])"
    r"|\d{1,3}(?:[\u00a0\u2009\u202f]\d{3})+(?!\d)(?:[.,]\d+)?|\d{1,3}(?: \d{3})+,\d\d(?!\d)"
)
NUMBER = rf"(?:{_GROUPED}|\d+,\d\d?(?![\d,]|\.\d)|\d+(?:\.\d+)?|\.\d+)"
# 12 500 €, 50 000 km: one number, where a currency or a unit shows it
SPACED_MONEY, SPACED = r"\d{2,3}(?: \d{3})+(?!\d)", r"\d{1,3}(?: \d{3})* 000(?!\d)"

_ONES = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen"""
_TENS = "_ _ twenty thirty forty fifty sixty seventy eighty ninety"
ONES, TENS = _ONES.split(), _TENS.split()
SCALES = ("", " thousand", " million", " billion", " trillion")
GROUPS = {6: [3, 3], 7: [3, 4], 8: [4, 4], 9: [3, 3, 3], 10: [3, 3, 4], 11: [5, 3, 3]}
LARGEST = 10**15  # above it a number is said digit by digit
UNEVEN = {"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth"}
UNEVEN |= {"twelve": "twelfth"}


def cardinal(number: int) -> str:
    """1234: "one thousand two hundred and thirty-four"."""
    if number < 1000:
        return _hundreds(number)
    if number >= LARGEST:
        return digits(str(number))
    said: list[str] = []
    rest, scale = divmod(number, 1000)[0], 1
    while rest:
        rest, group = divmod(rest, 1000)
        if group:
            said.insert(0, _hundreds(group) + SCALES[scale])
        scale += 1
    if last := number % 1000:
        said.append(f"and {_hundreds(last)}" if last < 100 else _hundreds(last))
    return " ".join(said)


def ordinal(number: int) -> str:
    """21: "twenty-first"."""
    said = cardinal(number)
    head = max(said.rfind(" "), said.rfind("-")) + 1
    last = said[head:]
    if last in UNEVEN:
        return said[:head] + UNEVEN[last]
    return said[:head] + (f"{last[:-1]}ieth" if last.endswith("y") else f"{last}th")


def year(number: int) -> str:
    """1905: "nineteen oh five"; 2026: "twenty twenty-six"; 2005: "two thousand and five"."""
    century, rest = divmod(number, 100)
    if not 1000 <= number <= 2999 or (century % 10 == 0 and rest < 10):
        return cardinal(number)
    if rest == 0:
        return f"{_hundreds(century)} hundred"
    return f"{_hundreds(century)} oh {ONES[rest]}" if rest < 10 else f"{_hundreds(century)} {_hundreds(rest)}"


def plain(written: str) -> str:
    """1,234.50, 1.234,50, 1'234.50, 1 234,50 and 12,50 as programs write them: 1234.50 and 12.50."""
    bare = re.sub(r"['’\s]", "", written)
    if bare[-1] in "-–":  # 1.500,-
        return bare[:-2].replace(".", "")
    if bare.rfind(",") > bare.rfind(".") >= 0 or bare.count(".") > 1:
        return bare.replace(".", "").replace(",", ".")
    head, comma, tail = bare.rpartition(",")
    if comma and len(tail) < 3 and "." not in tail and "," not in head:
        return f"{head}.{tail}"
    return bare.replace(",", "")


def decimal(written: str) -> str:
    """1,234.50: "one thousand two hundred and thirty-four point five zero"."""
    whole, _, part = plain(written).partition(".")
    said = cardinal(int(whole)) if whole else ""
    return f"{said} point {digits(part)}".lstrip() if part else said


def digits(written: str) -> str:
    """07: "zero seven"."""
    return " ".join(ONES[int(digit)] for digit in written)


def in_groups(written: str) -> str:
    """A long number digit by digit, with a breath between groups."""
    count = len(written)
    sizes = GROUPS.get(count) or ([4] * (count // 4) + [count % 4] * (count % 4 > 0) if count > 5 else [count])
    said, at = [], 0
    for size in sizes:
        said.append(digits(written[at : at + size]))
        at += size
    return ", ".join(said)


def _hundreds(number: int) -> str:
    hundreds, rest = divmod(number, 100)
    if not hundreds:
        return _tens(rest)
    return f"{ONES[hundreds]} hundred and {_tens(rest)}" if rest else f"{ONES[hundreds]} hundred"


def _tens(number: int) -> str:
    if number < 20:
        return ONES[number]
    tens, ones = divmod(number, 10)
    return f"{TENS[tens]}-{ONES[ones]}" if ones else TENS[tens]


def decade(number: int) -> str:
    """1990: "nineteen nineties"."""
    said = year(number) if number > 99 else cardinal(number)
    return f"{said[:-1]}ies" if said.endswith("y") else f"{said}s"
