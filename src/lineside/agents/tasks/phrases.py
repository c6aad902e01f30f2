"""Phrases that mean the same in every task: cancel, goodbye, what?, and whether something is a question. Pure."""

import re

from lineside.agents.slots.numbers import plain_words

CANCEL = re.compile(
    r"^(?:(?:no|oh|please|actually|sorry|just|you know what|well|okay|ok|then)[\s,.]+)*"
    r"(?:cancel(?: (?:that|it|this|everything))?|never ?mind|forget(?: about)? (?:it|that|this)"
    r"|stop(?: (?:that|it|this))?|don'?t bother|leave it|i(?:'ve| have)? changed my mind)"
    r"(?:[\s,]+(?:please|then|thanks|thank you))*\W*$",
    re.IGNORECASE,
)
BYE = re.compile(
    r"\b(?:good ?bye|bye(?: bye)?|see you|have a (?:nice|good|great) (?:day|one|evening|weekend))\b"
    r"|^(?:no[\s,.]+)?(?:thanks?(?: you)?[\s,.]+)?(?:that(?:'s| is| was|'ll be| will be) (?:all|it|everything)"
    r"|nothing(?: else)?|i'm (?:good|fine|done))(?:[\s,.]+(?:thanks?(?: you)?|for now|then|bye))*\W*$",
    re.IGNORECASE,
)
WHAT = re.compile(
    r"^(?:(?:sorry|excuse me|um|uh|oh)[\s,.?]+)*(?:what|pardon(?: me)?|sorry|come again|say (?:that|it) again"
    r"|repeat (?:that|it)|(?:can|could|would) you (?:please )?(?:repeat|say) (?:that|it)(?: again)?"
    r"|what (?:was|did you say)(?: that)?|i (?:didn'?t|did not) (?:hear|catch|get|understand) (?:that|you))"
    r"(?:[\s,]+(?:please|again))*\W*$",
    re.IGNORECASE,
)
_ASKS_TEXT = """
what when where who why how which do does did is are was were can could will would may should have has
"""
_ASKS = frozenset(_ASKS_TEXT.split())


_OKAY = r"okay(?=[\s,]+[\w']+[\s,]+[\w']+[\s,]+[\w']+)"  # before a sentence; alone it is a yes
_HESITATION = re.compile(rf"^(?:(?:um+|uh+|er+m?|hm+|well|oh|so|{_OKAY})[\s,.]+)+", re.IGNORECASE)


def without_hesitation(text: str) -> str:
    """Without "um", "well" and the like at its beginning; words that are nothing else stay."""
    return _HESITATION.sub("", text.strip()) or text


def is_question(text: str) -> bool:
    """Whether it is a question."""
    words = plain_words(text)
    return bool(words) and (text.strip().endswith("?") or (len(words) > 2 and words[0] in _ASKS))
