"""Backchannels: what people say to show that they listen, while somebody else keeps the floor. Pure.

Yngve (1970), "On getting a word in edgewise". The words are English; a language of its own has its own list.
"""

import re

_WORD = (
    r"(?:m+|hm+|mm+[-\s]?h+m+|m+h+m+|u+h+[-\s]?hu+h+|a+h+a?|u+h+|u+m+|o+h+|wow|yeah|yea|yep|yup|yes|no\s+way|okay|ok|k"
    r"|right|sure|alright|all\s+right|good|great|fine|nice|cool|perfect|lovely|exactly|indeed|true|absolutely|of\s+course"
    r"|i\s+see|i\s+know|i\s+understand|got\s+it|gotcha|makes\s+sense|that\s+makes\s+sense|fair\s+enough|go\s+on|really"
    r"|thanks|thank\s+you|interesting|hmm+|huh)"
)
_BACKCHANNEL = re.compile(rf"{_WORD}(?:\s+{_WORD}){{0,3}}", re.IGNORECASE)


def is_backchannel(said: str) -> bool:
    """Whether these words leave the floor to whoever has it; no words at all do too."""
    plain = " ".join(re.sub(r"[^\w\s'-]", " ", said).split())
    return not plain or _BACKCHANNEL.fullmatch(plain) is not None
