"""Names and free words, without what callers say around them; corrected within a turn and later. Pure."""

import re
from collections.abc import Iterable

from lineside.agents.slots.found import Found
from lineside.agents.slots.numbers import plain_words

LONGEST_TEXT = 300  # characters of a free text
MOST_NAMES = 4  # words of a name

_BEFORE = re.compile(
    r"^(?:(?:yes|yeah|um+|uh+|er+m?|hm+|sure|well|okay|ok|so|oh|actually|sorry|nope|i mean|i meant|i said|i'd say"
    r"|no(?=[,.!]|\s+(?:it's|it is|i |the |my |make )|$)|make (?:it|that)|it should be|change it to|it's|it is|its"
    r"|that's|that is|that would be|this is)(?:[\s,.:]+|$))+",
    re.IGNORECASE,
)
_NAME_BEFORE = re.compile(
    r"^(?:hi|hello|i'm|i am|(?:my|the) (?:full |first |last |sur)?name(?:'s| is)?|name is|call me)[\s,.]+",
    re.IGNORECASE,
)
_AFTER = re.compile(
    r"[\s,.]+(?:please|thanks|thank you|speaking|here|that's (?:it|all)|i think)[\s.!]*$", re.IGNORECASE
)
# "12 Harbour Street, no, 14 Harbour Street"
_CORRECTED = re.compile(
    r"[,.;\s]+(?:no wait|no sorry|no|sorry|wait|i mean|i meant|or rather|rather|make (?:it|that)|scratch that"
    r"|correction)(?:[,.;\s]+(?:no|sorry|wait|i mean|i meant|it's|it is))*[,.;\s]+",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"(?:no|nope|nah|sorry|actually|wrong|wait|(?:that|it|this)(?:'s| is) (?:wrong|not (?:right|correct|it)))"
    r"\b[\s,.;!]*",
    re.IGNORECASE,
)
_INTRODUCED = re.compile(r"(?:it's|it is|it should be|i said|i meant?|make it|change it to)\s", re.IGNORECASE)
_SAYS_NOTHING = frozenset({"not", "wrong", "right", "that", "this", "it", "is", "the", "all", "a", "something", "else"})


def find_name(text: str) -> Found | None:
    """A name as it was heard, without the words around it; more than four words are none."""
    bare = _bare(_corrected(text, least=1), names=True)
    words = bare.split()
    if not 1 <= len(words) <= MOST_NAMES or not plain_words(bare) or any(sign.isdigit() for sign in bare):
        return None
    return Found(" ".join(word[0].upper() + word[1:] for word in words), sure=False)


def find_text(text: str, called: str = "") -> Found | None:
    """What was said, without the words around it. `called`: words for it, as in "the new address is …"."""
    plain = _bare(_corrected(" ".join(text.split()), least=2), called=called).rstrip(" .,")
    return Found(plain[:LONGEST_TEXT]) if plain else None


def denies(text: str) -> bool:
    """Whether it begins by saying that something was wrong."""
    plain = text.strip()
    return _DENIED.match(plain) is not None or re.match(r"i (?:said|meant?)\b", plain, re.IGNORECASE) is not None


def without_denial(text: str) -> str:
    """What stands behind "no", "sorry", "that's wrong"."""
    text = text.strip()
    while match := _DENIED.match(text):
        text = text[match.end() :]
    return text


def put_in_place(text: str, value: str, called: str, *, name: bool = False) -> str:
    """What these words, without their denial, put in place of a value; empty: nothing.

    They say so ("the address is …", "it's …"), or share a word with the value before, or both have a number. A name may
    stand alone: recognisers write it with a capital.
    """
    found = find_text(text, called)
    if found is None or found.value.casefold() == value.casefold():
        return ""
    said, before = set(plain_words(found.value)), set(plain_words(value))
    alike = bool(said & before) or (_has_number(said) and _has_number(before))
    introduced = (_INTRODUCED.match(text) is not None or found != find_text(text)) and not said <= _SAYS_NOTHING
    alone = name and all(word[:1].isupper() for word in found.value.split())
    return found.value if alike or introduced or alone else ""


def _has_number(words: Iterable[str]) -> bool:
    return any(word.isdecimal() for word in words)


def _bare(text: str, *, names: bool = False, called: str = "") -> str:
    """Without the words before and behind what was asked for."""
    own = "|".join(re.escape(word) for word in plain_words(called.replace("_", " ")) if len(word) > 3)
    own_before = re.compile(
        rf"^(?:the |my |our )?(?:new |full |whole )?(?:{own})(?: is| would be|'s)[\s,:]+" if own else r"(?!)",
        re.IGNORECASE,
    )
    text, before = text.strip(), ""
    while text != before:
        before = text
        shorter = own_before.sub("", _BEFORE.sub("", text))
        shorter = _NAME_BEFORE.sub("", shorter) if names else shorter
        shorter = _AFTER.sub("", shorter)
        text = shorter
    return text.strip(" .,!?" if names else " ,")


def _corrected(text: str, *, least: int) -> str:
    """Behind the last correction, if what stands there is of the same kind: as many words, or one that is the same."""
    found = list(_CORRECTED.finditer(text))
    if not found or not found[-1].start():
        return text
    before, after = text[: found[-1].start()], text[found[-1].end() :]
    said, instead = plain_words(before), plain_words(after)
    alike = set(said) & set(instead) or len(instead) == len(said)
    return after if len(instead) >= least and alike else text
