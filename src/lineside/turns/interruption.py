"""Does a sound over the agent's words claim the floor? From its words, how sure the recogniser is of them, its sound.

People say "mm-hm", "right", "okay" while another speaks, and want nothing but to show that they listen: Yngve (1970),
"On getting a word in edgewise". Recognisers mishear such short sounds more than anything else. So the recogniser is
told what to lean towards (`Utterance.prompt`), and what it writes is weighed: whether all of it nods, how like a nod it
is written ("yeh", "make sense"), how many other words there are, whether people interrupt with one of them, and how
sure the recogniser is. Where the recogniser knows nods by their sound (`Transcript.nod`), that is weighed as well,
and the rest anew.

The weights lie in `data/barge_in.toml`, with the lists of words, which are English; `training/barge_in` fits and
measures them: docs/measured/turn-taking.md. Everything here is pure.
"""

import re
from difflib import SequenceMatcher
from importlib.resources import files

import msgspec
from msgspec import Struct

from lineside.audio.frame import Utterance
from lineside.engines.protocols import Transcription

# Several nods and an interruption, as people write them. Of 120 nods by seven voices, Whisper base alone writes 41 as
# something else, with this before them 31; of 70 interruptions it writes two as nods.
PROMPT = "Mm-hmm. Oh, sorry, what?"
MAX_OTHER_WORDS = 3  # other words that count; a real sentence has that many
SURE = 8.0  # log odds of the sound: no more is believed
FIRST = 4  # words that are compared with nods: no nod has more


def overheard(sound: Utterance) -> Utterance:
    """The same, as the recogniser is to hear it."""
    return msgspec.structs.replace(sound, prompt=PROMPT)


def claims(heard: Transcription, *, over: bool) -> bool:
    """Whether it claims the floor. `over`: the sound is complete, and not only what there is of it by now.

    Where no words were heard it does not: a cough, a door, somebody else's voice.
    """
    return bool(_said(heard)) and score(signs(heard, over=over)) > 0


def score(found: dict[str, float]) -> float:
    """Log odds that it does."""
    odds = TOLD.odds_with_sound if "sounds_like_a_nod" in found else TOLD.odds
    return sum(odds.get(name, 0.0) * value for name, value in found.items())


def signs(heard: Transcription, *, over: bool) -> dict[str, float]:
    """The signs that are weighed, by the names they have in the file."""
    said = _said(heard)
    others = [word for word in said if word not in TOLD.nods and word not in TOLD.neither]
    found = {"always": 1.0, "goes_on": float(not over)}
    if heard.nod is not None:
        found["sounds_like_a_nod"] = max(-SURE, min(SURE, heard.nod))
    if not others:
        return found | {"nods": 1.0}
    like = _likeness(" ".join(said[:FIRST]))
    begins = said[0] in TOLD.nods
    return found | {
        "like_a_nod": like,
        "nods_first": float(begins),
        "others": float(min(MAX_OTHER_WORDS, len(others))),
        "interrupts": float(any(word in TOLD.interrupts for word in others)),
        "sure": heard.sure,
    }


def _likeness(said: str) -> float:
    """How like the nod that it is most like, 0 to 1: `SequenceMatcher.ratio`, worked out only where it may be the most.

    Each nod's letters are indexed once; two bounds that cost little rule most of them out.
    """
    best = 0.0
    for nod in _NODS:
        nod.set_seq1(said)
        if nod.real_quick_ratio() > best and nod.quick_ratio() > best:
            best = max(best, nod.ratio())
    return best


def _said(heard: Transcription) -> list[str]:
    """Its words, each once: recognisers say short ones again and again."""
    plain = heard.text.lower().replace("’", "'").replace("-", " ")
    return list(dict.fromkeys(re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)?|\d+", plain)))


class _Told(Struct, frozen=True):
    odds: dict[str, float]
    odds_with_sound: dict[str, float]
    nods: frozenset[str]  # words
    phrases: tuple[str, ...]
    interrupts: frozenset[str]  # words
    neither: frozenset[str]  # words


def _read() -> _Told:
    raw = msgspec.toml.decode((files("lineside.turns") / "data" / "barge_in.toml").read_bytes())
    words = raw["words"]
    lists = {name: words[name].split() for name in ("nods", "interrupts", "neither")}
    return msgspec.convert({**raw, "phrases": words["phrases"], **lists}, _Told)


TOLD = _read()
_NODS = tuple(SequenceMatcher(None, "", nod) for nod in TOLD.phrases)  # for one thread
