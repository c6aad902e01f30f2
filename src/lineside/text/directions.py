"""Stage directions: what an actor does, written into what they say: *smiles*, (laughs), [pause]. Pure."""

import re


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_SOUNDS = _words("""
laugh chuckle giggle sigh cough gasp sniff sniffle snort groan moan yawn whistle whisper gulp exhale inhale
breathe smile grin nod wink blush shrug frown smirk sob clear
""")
# As bare words these are plain words too: "press *pause*", "*clear* the list".
_NOUNS = ("pause", "hum", "clear", "beep", "click")
_HEARD = _words("""
laughter applause silence music inaudible unintelligible static noise noises sound sounds background ahem
crosstalk blank_audio
""")
_ACTS = _words("""
look check listen type think wait take speak reply respond answer lean tilt scratch glance transfer connect dial
pull search scroll tap adjust raise continue hesitate consider walk sit stand wave ponder reflect rub roll
shuffle sip soften brighten beam gesture bow cheer pause hum beep click put hand keyboard
""")
_ALONE = _words("""
typing types thinking thinks listening listens waiting waits pausing pauses humming hums beeps
""")
# For voices that take [excited] and the like.
_MOODS = _words("""
excited sad happy angry calm calmly curious sarcastic whispering shouting shouts crying nervous serious warm
cheerful friendly gentle empathetic apologetic upbeat surprised confused tired playful sympathetic emphasis
dramatic monotone mischievous relieved thoughtful concerned reassuring
""")
_MODIFIERS = frozenset(
    _words(
        "a an the short long brief small slight soft warm deep light little quick very more "
        "second seconds sec agent assistant operator customer caller user he she"
    )
)


def _forms(stems: tuple[str, ...]) -> set[str]:
    """smile: smiles, smiling; nod: nodding."""
    forms = set()
    for stem in stems:
        bare = stem.removesuffix("e")
        forms |= {f"{stem}s", f"{stem}es", f"{stem}ing", f"{bare}ing", f"{stem}{stem[-1]}ing", f"{stem}ed", f"{stem}d"}
    return forms


_DOES = frozenset(_forms(_SOUNDS))
_ANYWHERE = _DOES | (frozenset(_SOUNDS) - {"clear"})
_IN_BRACKETS = _ANYWHERE | frozenset(_HEARD) | frozenset(_NOUNS) | frozenset(_forms(_NOUNS)) | {"typing"}
_MORE_THAN_ONE_WORD = frozenset(_forms(_ACTS))
_IN_SQUARE = _IN_BRACKETS | frozenset(_MOODS) | frozenset(_ALONE)
_IN_STARS = _ANYWHERE | frozenset(_ALONE) | frozenset(["laughter", "ahem", "silence"])
_WORDS = re.compile(r"[A-Za-z\d][\w'’,. -]{0,59}")
_NUMBER = re.compile(r"[\d.]+(?:ms|s|sec|seconds?)?")
# "in a warm voice", "with a smile"
_MANNERS, _MANNER_BEGINS = frozenset(["tone", "voice", "manner", "smile", "laugh", "sigh", "grin"]), ("in", "with")
_ORDERS = frozenset(["hang", "transfer", "end", "connect", "disconnect"])  # [hang up], [transfer to agent]


def is_direction(inner: str, sign: str) -> bool:
    """Whether what stands between two signs ("*", "_", ")", "]") is a stage direction."""
    if not _WORDS.fullmatch(inner):
        return False
    words = inner.lower().replace(",", " ").split()
    first = next((word for word in words if not _modifies(word)), "")
    if not first:
        return sign == "]" and words[-1].endswith("ly")
    if words[0] in _MANNER_BEGINS:
        return words[-1] in _MANNERS
    if sign == "]" and len(words) > 1 and first in _ORDERS:
        return True
    return first in _known(sign) or (sign != ")" and len(words) > 1 and first in _MORE_THAN_ONE_WORD)


def may_be_direction(beginning: str, sign: str) -> bool:
    """Whether more text may make a stage direction of this."""
    if not beginning:
        return True
    if not _WORDS.fullmatch(beginning):
        return False
    whole = re.split("[ ,]+", beginning.lower())[:-1]
    first = next((word for word in whole if not _modifies(word)), "")
    if not first or first in _MANNER_BEGINS or (sign == "]" and first in _ORDERS):
        return True
    return first in _known(sign) or (sign != ")" and first in _MORE_THAN_ONE_WORD)


def _known(sign: str) -> frozenset[str]:
    return {")": _IN_BRACKETS, "]": _IN_SQUARE}.get(sign, _IN_STARS)


def _modifies(word: str) -> bool:
    return word in _MODIFIERS or bool(_NUMBER.fullmatch(word)) or (word.endswith("ly") and len(word) > 3)
