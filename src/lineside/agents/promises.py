"""What an answer gives away: that the agent does not know, or that it promises a person. Pure; English by default."""

import re

# "I don't know that." "I'm not sure about that." "I don't have that information." "I can't help you with that."
NOT_KNOWN = re.compile(
    r"\bi(?:'m| am)?\s+(?:afraid\s+|sorry,?\s+(?:but\s+)?)?(?:i\s+)?(?:"
    r"(?:really\s+)?(?:do\s+not|don't)\s+know\b(?!\s+(?:if|whether)\s+you\b)"
    r"|not\s+(?:quite\s+)?(?:sure|certain)\b"
    r"|(?:do\s+not|don't)\s+have\s+(?:any\s+|that\s+|the\s+|this\s+|enough\s+)*(?:information|details?|answer|data)\b"
    r"|(?:can't|cannot|can\s+not|am\s+unable\s+to|unable\s+to)\s+(?:help|answer|assist|find|say|tell|see)\b"
    r"|have\s+no\s+(?:information|idea)\b"
    r")",
    re.IGNORECASE,
)
# "I will transfer you now." "Let me put you through to a colleague." Not an offer ("I can transfer you") or a question.
PROMISE = re.compile(
    r"\b(?:i\s+will|i'll|i\s+am\s+going\s+to|i'm\s+going\s+to|let\s+me|i'm|i\s+am|we\s+will|we'll)\s+"
    r"(?:now\s+|just\s+|gladly\s+|happily\s+)*"
    r"(?:transfer(?:ring)?\s+(?:you|your\s+call|this\s+call)|connect(?:ing)?\s+you|(?:put|putting|pass|passing)\s+you\s+"
    r"(?:through|on|over)|hand(?:ing)?\s+you\s+over|get(?:ting)?\s+(?:a|an|one\s+of\s+our)\s+(?:person|human|colleague"
    r"|agent|advis[eo]r|someone))\b[^?]*$",
    re.IGNORECASE,
)


def says_not_known(answer: str, lines: tuple[str, ...] = ()) -> bool:
    """Whether this answer is none: one of the agent's own lines for that is in it, or it says so."""
    plain = _plain(answer)
    if any(_plain(line) in plain for line in lines if line.strip()):
        return True
    return NOT_KNOWN.search(answer.replace("\u2019", "'")) is not None


def promises_person(answer: str) -> bool:
    """Whether the agent says that it puts the caller through."""
    sentences = re.split(r"(?<=[.!?])\s+", answer.replace("\u2019", "'"))
    return any(PROMISE.search(sentence.rstrip(".! ")) for sentence in sentences if not sentence.rstrip().endswith("?"))


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold().replace("\u2019", "'").replace("'", "")))
