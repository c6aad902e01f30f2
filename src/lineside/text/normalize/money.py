"""Sums of money, in the currencies of the world, before and behind their sign."""

import re

from lineside.text.normalize.numbers import NUMBER, SPACED, SPACED_MONEY, cardinal, decimal, plain
from lineside.text.normalize.rule import Rule
from lineside.text.normalize.units import PER, SCALES, per

_TO = r"\s?[-–—]\s?"
_MANY = r"(?:\s?(?:hundred|thousand|million|billion|trillion|lakhs?|crores?)\b|(?:k|K|m|M|bn|b|B|tn)(?!\w))"
_SIGNS = {"+": "plus", "~": "about", "-": "minus", "−": "minus", "": ""}

# As written (signs, then codes): one, many, one hundredth, many hundredths. A sign that is also a word is in _WORDS.
_TABLE = """
$ US$ USD|dollar|dollars|cent|cents
£ GBP|pound|pounds|penny|pence
€ EUR|euro|euros|cent|cents
¥ JP¥ JPY|yen|yen||
₹ INR Rs. Rs ₨|rupee|rupees|paisa|paise
A$ AU$ AUD|Australian dollar|Australian dollars|cent|cents
C$ CA$ CAD|Canadian dollar|Canadian dollars|cent|cents
NZ$ NZD|New Zealand dollar|New Zealand dollars|cent|cents
HK$ HKD|Hong Kong dollar|Hong Kong dollars|cent|cents
S$ SG$ SGD|Singapore dollar|Singapore dollars|cent|cents
NT$ TWD|Taiwan dollar|Taiwan dollars|cent|cents
R$ BRL|real|reais|centavo|centavos
MX$ MXN|Mexican peso|Mexican pesos|centavo|centavos
₱ PHP|peso|pesos|centavo|centavos
CN¥ RMB CNY|yuan|yuan||
CHF Fr. SFr.|Swiss franc|Swiss francs|centime|centimes
kr kr.|krone|kroner|øre|øre
SEK|Swedish krona|Swedish kronor|öre|öre
NOK|Norwegian krone|Norwegian kroner|øre|øre
DKK|Danish krone|Danish kroner|øre|øre
₿ BTC|bitcoin|bitcoin||
zł PLN|zloty|zlotys|grosz|groszy
Kč CZK|koruna|koruna||
Ft HUF|forint|forints||
₽ RUB|rouble|roubles|kopeck|kopecks
₺ TRY|lira|lira|kurus|kurus
₩ KRW|won|won||
₪ ILS|shekel|shekels|agora|agorot
฿ THB|baht|baht|satang|satang
₫ VND|dong|dong||
₦ NGN|naira|naira|kobo|kobo
₴ UAH|hryvnia|hryvnias|kopiyka|kopiykas
ZAR|rand|rand|cent|cents
AED|dirham|dirhams|fils|fils
SAR|riyal|riyals|halala|halalas
"""
_CURRENCIES: dict[str, tuple[str, str, str, str]] = {}
for _line in _TABLE.strip().splitlines():
    _names, _one, _more, _cent, _cents = _line.split("|")
    _CURRENCIES |= dict.fromkeys(_names.split(" "), (_one, _more, _cent, _cents))


def _either(names: list[str]) -> str:
    return "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))


_WORDS = [name for name in _CURRENCIES if name.isalpha() or name[-1] == "."]  # stand apart from their number
_SIGNED = [name for name in _CURRENCIES if name not in _WORDS]
CURRENCY_SIGNS = "".join(name for name in _SIGNED if len(name) == 1)
_BEFORE = [name for name in _WORDS if name not in ("Ft", "zł", "Kč")]
_BEHIND = [name for name in _WORDS if name[-1] != "."]


def _money(m: re.Match[str]) -> str | None:
    """$49.99, £5-10, €1.2m, $30/month, A$15, CHF 20."""
    sign, currency = m["sign"] or m["minus"], m["currency"].strip()
    first = _sum(m["a"], m["many"], currency)
    if m["b"] is not None:
        whole = m["other"] or "." in plain(m["a"]) or m["many"]
        first = f"{first if whole else decimal(m['a'])} to {_sum(m['b'], m['many2'], currency)}"
    minus = "" if not sign else f"{_SIGNS[sign]} "
    return f"{minus}{first}{per(m)}"


def _money_behind(m: re.Match[str]) -> str:
    """50€, 20 USD, 99 kr."""
    minus = f"{_SIGNS[m['sign']]} " if m["sign"] else ""
    return f"{minus}{_sum(m['a'], m['many'], m['currency'])}{per(m)}"


def _sum(amount: str, many: str | None, currency: str) -> str:
    one, more, cent, cents = _CURRENCIES[currency]
    if many:
        return f"{decimal(amount)} {SCALES.get(many.strip().lower(), many.strip())} {more}"
    whole, _, part = plain(amount).partition(".")
    hundredths = int(part.ljust(2, "0")) if len(part) <= 2 and cent else 0
    if part and not (len(part) <= 2 and cent):
        return f"{decimal(amount)} {more}"
    said = f"{cardinal(int(whole or 0))} {one if whole == '1' else more}"
    if not hundredths:
        return said
    small = f"{cardinal(hundredths)} {cent if hundredths == 1 else cents}"
    return f"{said} and {small}" if int(whole or 0) else small


_ROUND = r"\d{1,3}(?:\.\d{3})+,[-–]"  # 1.500,-
_OTHER = rf"(?P<other>{_either(_SIGNED)})?"
MONEY: list[Rule] = [
    (
        re.compile(
            rf"(?P<sign>[-−+~]?)(?P<currency>{_either(_SIGNED)}|(?:{_either(_BEFORE)})(?=[ \u00a0\u202f]?\d))"
            rf"[ \u00a0\u202f]?(?P<minus>[-−]?)(?P<a>{SPACED_MONEY},\d\d(?!\d)|{_ROUND}|{NUMBER})(?P<many>{_MANY})?"
            rf"(?:[.,][-–](?!\d))?(?:{_TO}{_OTHER}(?P<b>{NUMBER})(?P<many2>{_MANY})?)?(?!\w){PER}"
        ),
        _money,
    )
]
MONEY_BEHIND: list[Rule] = [
    (
        re.compile(
            rf"(?P<sign>[-−+~]?)(?P<a>{SPACED_MONEY}|{SPACED}|{NUMBER})(?:[.,][-–](?!\d))?(?P<many>{_MANY})?"
            rf"[ \u00a0\u202f]?(?P<currency>(?:{_either(_BEHIND)})(?!\w)|[{CURRENCY_SIGNS}](?!\d))"
            rf"{PER}(?:\.(?=\s[a-z]))?"
        ),
        _money_behind,
    ),
]
