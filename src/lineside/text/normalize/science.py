"""Powers, roots, indices, Greek letters, angles on the globe, feet and inches, blood pressure, marks out of five."""

import re
import unicodedata

from lineside.text.normalize.numbers import NUMBER, cardinal, decimal, digits
from lineside.text.normalize.rule import Rule, after, before
from lineside.text.normalize.units import UNIT, UNITS
from lineside.text.normalize.words import letters

_GREEK = """α alpha β beta γ gamma δ delta ε epsilon ζ zeta η eta θ theta ι iota κ kappa λ lambda μ mu ν nu ξ xi
ο omicron π pi ρ rho σ sigma ς sigma τ tau υ upsilon φ phi χ chi ψ psi ω omega"""
GREEK = dict(zip(_GREEK.split()[::2], _GREEK.split()[1::2], strict=True)) | {"µ": "mu", "ϕ": "phi"}
GREEK |= {letter.upper(): name for letter, name in GREEK.items() if len(letter.upper()) == 1}
_RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹"
_LOWERED = "₀₁₂₃₄₅₆₇₈₉"
_DIGITS = {ord(sign): str(at % 10) for at, sign in enumerate(_RAISED + _LOWERED)} | {ord("⁻"): "-", ord("⁺"): ""}
_COMPASS = {"N": "north", "S": "south", "E": "east", "W": "west"}
_COMPASS |= {"NE": "northeast", "NW": "northwest", "SE": "southeast", "SW": "southwest"}
_RATED = re.compile(r"\b(?:rat(?:e|ed|ing)|scor(?:e|ed)|gave|give|got|mark|grade|review)\b[^.!?\n]{0,20}$", re.I)
_PRESSURE = re.compile(r"\b(?:BP|blood\s+pressure|pressure)\b[^.!?\n]{0,20}$", re.I)
_LONG = re.compile(r"\s(?:tall|long|high|wide|deep|thick|by|x|×|apart|away)\b|\s?[x×]\s?\d")


_BY = re.compile(r"['’′\"”″]\s?[x×]\s?$")


def _power(m: re.Match[str]) -> str:
    """10^9, x², mc^2, 2^n: what stands to the power, and the power."""
    base, power = m["base"], (m["power"] or m["raised"]).strip("{}()").translate(_DIGITS).replace("−", "-")
    said = decimal(base) if base[0].isdecimal() else GREEK.get(base, base)
    unit = f" {UNITS[m['unit']][1]}" if m["unit"] else ""
    if power in ("2", "3"):
        return f"{said} {'squared' if power == '2' else 'cubed'}{unit}"
    number = power.lstrip("-+")
    minus = "minus " if power.startswith("-") else ""
    return f"{said} to the {minus}{cardinal(int(number)) if number.isdecimal() else number}{unit}"


def _feet_and_inches(m: re.Match[str]) -> str:
    """5 ft 11 in."""
    feet, inches = int(m[1]), int(m[2])
    told = f"{cardinal(feet)} {'foot' if feet == 1 else 'feet'}"
    return f"{told} {cardinal(inches)} {'inch' if inches == 1 else 'inches'}"


def _index(m: re.Match[str]) -> str:
    """H₂O, CO₂, x₁, x_1."""
    said = []
    for run in re.findall(r"[A-Za-z]+|[₀-₉]+|\d+", m[0]):
        if run.isalpha():
            spelled = run.isupper() and len(run) > 1
            said.append(letters(run) if spelled else run)
        else:
            said.append(cardinal(int(run.translate(_DIGITS))))
    return " ".join(said)


def _exponent(m: re.Match[str]) -> str:
    """1.5e6."""
    minus = "minus " if m[2].startswith("-") else ""
    return f"{decimal(m[1])} times ten to the {minus}{cardinal(int(m[2].lstrip('+-')))}"


def _times_power(m: re.Match[str]) -> str:
    """The 3 of "3 x 10^8"."""
    return f"{decimal(m['a'])} times"


def _root(m: re.Match[str]) -> str:
    """√16."""
    return f"the {'square' if m[0][0] == '√' else 'cube'} root of"


def _greek(m: re.Match[str]) -> str:
    """π."""
    return GREEK[m[0]]


def _angle(m: re.Match[str]) -> str:
    """51.5074° N, 40°42'46"N, 45° NE."""
    said = f"{decimal(m['a'])} degree{'' if m['a'] == '1' else 's'}"
    for name, unit in (("minutes", "minute"), ("seconds", "second")):
        if m[name]:
            said += f" {decimal(m[name])} {unit}{'' if m[name] == '1' else 's'}"
    return f"{said} {_COMPASS[m['way']]}" if m["way"] else said


def _feet(m: re.Match[str]) -> str | None:
    """5'11", 6' 2", 5'11½", 5'10."""
    if float(m["inches"]) >= 12:
        return None
    inches = decimal(m["inches"])
    if m["part"]:
        above, below = unicodedata.normalize("NFKC", m["part"]).split("⁄")
        inches += f" and {'a half' if (above, below) == ('1', '2') else f'{cardinal(int(above))} {_below(below)}'}"
    return f"{cardinal(int(m['feet']))} foot {inches}"


def _below(number: str) -> str:
    return {"4": "quarters", "3": "thirds", "8": "eighths"}.get(number, f"over {number}")


def _feet_or_inches(m: re.Match[str]) -> str | None:
    """6' tall, 27" screen; a closing quotation mark is neither."""
    feet = m["mark"] in "'’′"
    sure = m["mark"] in "′″" or m["by"] or _LONG.match(after(m)) or _BY.search(before(m))
    if not sure and (feet or before(m, 600).count('"') % 2 or "“" in before(m, 600) or not after(m).strip(" .,;:!?")):
        return None
    one = m["a"] == "1" or bool(re.match(r"\s(?!(?:tall|long|high|wide|deep|thick|by|x|apart|away)\b)[a-z]", after(m)))
    unit = ("foot" if one else "feet") if feet else ("inch" if one else "inches")
    return f"{decimal(m['a'])} {unit}{' by' if m['by'] else ''}"


def _over(m: re.Match[str]) -> str | None:
    """120/80 mmHg, BP 120/80."""
    high, low = int(m["above"]), int(m["below"])
    if not (m["unit"] or _PRESSURE.search(before(m))) or not 40 <= low < high <= 300:
        return None
    unit = f" {UNITS['mmHg'][1]}" if m["unit"] else ""
    return f"{cardinal(high)} over {cardinal(low)}{unit}"


def _rating(m: re.Match[str]) -> str | None:
    """4/5 stars, 4.5/5, rated 8/10."""
    if not (m["stars"] or "." in m["above"] or (m["below"] in ("10", "20", "100") and _RATED.search(before(m)))):
        return None
    return f"{decimal(m['above'])} out of {cardinal(int(m['below']))}{m['stars'] or ''}"


def _mixed(m: re.Match[str]) -> str | None:
    """The 2-1/2 of "2-1/2 hours"."""
    above, below = int(m["above"]), int(m["below"])
    part = {(1, 2): "a half", (1, 4): "a quarter", (3, 4): "three quarters", (1, 3): "a third"}.get((above, below))
    part = part or {(2, 3): "two thirds", (1, 8): "an eighth"}.get((above, below))
    return f"{cardinal(int(m['whole']))} and {part}" if part else None


def _version(m: re.Match[str]) -> str | None:
    """The 1.10 of "version 1.10"."""
    if not re.search(r"\b(?:version|release|firmware|python|ios|android|build|chapter|section)\s$", before(m), re.I):
        return None
    return " point ".join(
        cardinal(int(part)) if part[0] != "0" or part == "0" else digits(part) for part in m[0].split(".")
    )


_POWER = (
    r"(?:\^(?P<power>[-−+]?\d{1,6}|[a-z]|\{[-−+\w]{1,6}\}|\([-−+\w]{1,6}\))"
    rf"|(?P<raised>[⁻⁺]?[{_RAISED}]{{1,6}}))"
)
FROM_DIGIT: list[Rule] = [
    (re.compile(rf"(?P<base>{NUMBER}){_POWER}(?:\s(?P<unit>{UNIT}))?(?![\w⁺⁻])"), _power),
    (
        re.compile(r"(\d{1,2})\s?(?:ft\.?|feet|foot)\s(\d{1,2})\s?in(?:ch|ches)?(?!\w|\s(?:the|an?|my|your|our)\b)"),
        _feet_and_inches,
    ),
    (re.compile(rf"(?P<a>{NUMBER})\s?[x×*·]\s?(?=10(?:\^|[⁻{_RAISED}]))"), _times_power),
    (re.compile(r"(\d+(?:\.\d+)?)[eE]([-+]?\d{1,3})(?!\w)"), _exponent),
    (
        re.compile(
            rf"(?P<a>{NUMBER})\s?[°º](?:(?P<minutes>\d{{1,2}}(?:\.\d+)?)['’′](?:(?P<seconds>\d{{1,2}}(?:\.\d+)?)[\"”″])?)?"
            r"\s?(?P<way>(?:N|S)(?:E|W)?|E|W)(?!\w)"
        ),
        _angle,
    ),
    (
        re.compile(
            rf"(?P<a>{NUMBER})[°º](?P<minutes>\d{{1,2}})['’′](?:(?P<seconds>\d{{1,2}}(?:\.\d+)?)[\"”″])?(?P<way>(?!))?"
        ),
        _angle,
    ),
    (
        re.compile(r"(?P<feet>\d{1,2})['’′]\s?(?P<inches>\d{1,2}(?:\.\d)?)(?P<part>[¼-¾⅐-⅞])?(?:[\"”″]|(?!\w|[.,]\d))"),
        _feet,
    ),
    (re.compile(rf"(?P<a>{NUMBER})(?P<mark>['’′\"”″])(?:(?P<by>\s?[x×]\s?)(?=\d)|(?!\w))"), _feet_or_inches),
    (re.compile(r"(?P<above>\d{2,3})/(?P<below>\d{2,3})(?P<unit>\s?mmHg)?(?![\w/])"), _over),
    (
        re.compile(
            r"(?P<above>\d{1,3}(?:\.\d)?)/(?P<below>5|10|20|100)(?P<stars>\s?(?:stars?|points?|marks?))?(?![\w/])"
        ),
        _rating,
    ),
    (re.compile(r"(?P<whole>\d{1,3})-(?P<above>\d)/(?P<below>\d)(?![\w/])"), _mixed),
    (re.compile(r"\d{1,3}\.\d{1,3}(?!\w|[.,]\d)"), _version),
]
FROM_LETTER: list[Rule] = [
    (re.compile(rf"(?P<base>[A-Za-z]{{1,2}}|[α-ωΑ-Ω]){_POWER}(?P<unit>(?!))?(?![\w⁺⁻])"), _power),
    (re.compile(r"(?=[A-Za-z]*[₀-₉])(?:[A-Za-z]{1,2}[₀-₉]{0,3}){1,6}(?!\w)"), _index),
    (re.compile(r"[Α-Ωα-ωϕµ](?!\w)"), _greek),
]
FROM_SIGN: list[Rule] = [(re.compile(r"[√∛]\s?(?=[\w(])"), _root)]
# Rules about more than digits and a space; see `english`.
NEED_MORE = (_power, _exponent, _angle, _feet, _feet_or_inches, _over, _rating, _mixed, _version)
