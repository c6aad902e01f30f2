"""What one caller says, piece by piece: where they pause, and why."""

import random
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct
from training.turns.voices import STEP, Samples, at_stt_rate, loud_steps, trimmed

from lineside.audio.frame import STT_RATE

DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
# How long the numbers are that people are asked for, and how they group them; [3, 3, 4] is a phone number, the last one
# is a card's.
NUMBERS = [[4], [5], [3, 3], [2, 2, 2], [4, 4], [3, 2, 3], [3, 3, 4], [3, 3, 4], [5, 6], [4, 3, 4], [4, 4, 4, 4]]
KINDS = {"open": 30, "question": 14, "goes_on": 12, "digits": 22, "yes_no": 10, "name": 10}  # of a hundred turns
FILLED = 0.25  # of the hesitations have a filled pause before the silence
SHORTEST_GAP = 9  # steps of 10 ms in a recording that may be the gap between two words

# Prompts that are whole sentences: nobody would expect more after them.
WHOLE = """
please-try-call-later check-number-dial-again conf-leaderhasleft conf-now-recording conf-kicked
simul-call-limit-reached vm-passchanged transfer pls-hold-while-try cannot-complete-as-dialed privacy-incorrect
demo-echodone tt-monkeysintro dir-nomatch something-terribly-wrong conf-noempty vm-nobodyavail tt-somethingwrong
tt-weasels vm-tempremoved vm-tempgreetactive vm-msgforwarded vm-sorry dir-nomore conf-onlyperson vm-whichbox
feature-not-avail-line pm-invalid-option speed-dial-empty conf-onlyone agent-newlocation agent-pass
conf-getconfno vm-invalidpassword conf-invalid priv-callpending followme/sorry confbridge-begin-glorious-a
vm-mailboxfull invalid vm-rec-name pbx-invalid privacy-unident auth-incorrect vm-mismatch confbridge-pin-bad
unidentified-no-callback agent-user ss-noservice pbx-invalidpark confbridge-pin agent-incorrect vm-nobox
queue-youarenext vm-rec-unv agent-alreadyon demo-thanks vm-intro dictate/enter_filename vm-rec-busy
queue-periodic-announce tt-allbusy conf-hasjoin one-moment-please sorry-youre-having-problems vm-incorrect
"""
# More of them, among them some of several sentences, with the speaker's own pauses between.
WHOLE_TOO = """
confbridge-unlocked conf-now-unmuted vm-msgsaved conf-placeintoconf conf-waitforleader conf-extended conf-nonextended
confbridge-removed conf-getpin enter-num-blacklist vm-incorrect-mailbox conf-invalidpin demo-nomatch conf-getchannel
vm-reenterpassword vm-newpassword confbridge-invalid confbridge-only-participant confbridge-only-one privacy-prompt
followme/pls-hold-while-try followme/options priv-introsaved vm-tmpexists dir-instr dir-usingkeypad vm-newuser dir-intro
dir-intro-fn demo-nogo demo-moreinfo demo-abouttotry vm-invalid-password entr-num-rmv-blklist vm-rec-temp tt-allbusy
confbridge-lock-no-join conf-roll-callcomplete vm-nonumber vm-login
"""
TAU2 = "check_order_12345 order_status help_me hello hi_how_are_you yes no thank_you"


class Piece(Struct, frozen=True):
    """What is said in one breath. Its sound is cut out of the sound of the sentence, unless it is a recording."""

    text: str
    then: str  # why the pause behind it is there: unfinished, goes_on, digits; "" at the end of the turn
    sound: Samples | None = None


class Plan(Struct, frozen=True):
    """One turn."""

    kind: str
    asked: str
    pieces: list[Piece]


def plans(said: dict[str, Any], chance: random.Random) -> Iterator[Plan]:
    """Turns for a synthetic voice, without end; a text comes again only when all of its kind were said."""
    decks = {kind: _shuffled(said["number" if kind == "digits" else kind], chance) for kind in KINDS}
    while True:
        [kind] = chance.choices(list(KINDS), list(KINDS.values()))
        text = next(decks[kind])
        asked = {"yes_no": "asks_yes_no", "name": "asks_name", "digits": "asks_number"}.get(kind, "asks_open")
        if kind == "digits" and "|" in text and chance.random() < 0.3:
            asked = "asks_open"  # a number that nobody asked for
        groups = chance.choice(NUMBERS)
        if kind == "digits" and chance.random() < 0.25 and sum(groups) < 9:
            asked = "asks_code"  # the agent says how many digits it wants
        pieces = _number(text, groups, chance) if kind == "digits" else list(_pieces(text, chance))
        question = chance.choice(said[asked]).format(digits=DIGITS[min(9, sum(groups))])
        if asked == "asks_number":  # phone and card numbers have their length, others any
            question = {10: said["asks_phone"], 16: said["asks_card"]}.get(sum(groups), question)
        yield Plan(kind, question, pieces)


def _pieces(text: str, chance: random.Random) -> Iterator[Piece]:
    """At each place a caller may pause, or not; at "||" always."""
    held = ""
    parts = text.replace("||", "|~").split("|")
    for index, part in enumerate(parts):
        after = parts[index + 1] if index + 1 < len(parts) else ""
        held = f"{held} {part.lstrip('~').strip()}".strip()
        if not after:
            yield Piece(held, "")
        elif after.startswith("~"):
            yield Piece(held, "goes_on")
            held = ""
        elif chance.random() < 0.5:
            yield Piece(_broken_off(held, chance), "unfinished")
            held = ""


def _broken_off(text: str, chance: random.Random) -> str:
    """With the mark that stands there when the voice reads the whole sentence, from which the pieces are then cut."""
    if chance.random() < FILLED:
        return text.rstrip(",") + chance.choice([", um,", ", uh,", "... um...", ", er,"])
    return text.rstrip(",") + chance.choices(["", ",", "..."], [0.5, 0.3, 0.2])[0]


def _number(text: str, groups: list[int], chance: random.Random) -> list[Piece]:
    words = [[DIGITS[chance.randrange(10)] for _ in range(size)] for size in groups]
    pieces = [Piece(" ".join(group) + ",", "digits") for group in words]
    pieces[-1] = Piece(" ".join(words[-1]) + ".", "")
    intro = text.replace("|", "").strip()
    if intro and chance.random() < 0.5:
        return [Piece(_broken_off(intro, chance), "unfinished"), *pieces]
    return [Piece(f"{intro} {pieces[0].text}".strip(), pieces[0].then), *pieces[1:]]


def recorded_plans(speaker: str, shared: Path, prompts: Path, chance: random.Random) -> Iterator[Plan]:
    """Turns of a recorded voice: its sentences whole and cut between words, its digits in groups."""
    if speaker == "recorded/allison":
        folder = prompts / "usr" / "share" / "asterisk" / "sounds" / "en_US_f_Allison"
        digits = [trimmed(at_stt_rate(folder / "digits" / f"{digit}.wav")) for digit in range(10)]
        for deck in (WHOLE, WHOLE_TOO, WHOLE, WHOLE_TOO, WHOLE):  # each whole and cut at different places
            names = list(dict.fromkeys(folder / f"{name}.wav" for name in deck.split()))
            chance.shuffle(names)
            for index, name in enumerate(names):
                yield _recorded(name, chance)
                if index % 8 == 7:
                    yield _recorded_number(digits, chance)
        return
    files = {
        "recorded/austen": ["austen_0870", "austen_0890"],  # 0880 ends with a comma: no end of a turn
        "recorded/jfk": ["jfk"],
        "recorded/tau2": TAU2.split(),
    }[speaker]
    for _ in range(4):  # each file whole and cut at different places
        for file in files:
            yield _recorded(shared / f"{file}.wav", chance)


def _recorded(file: Path, chance: random.Random) -> Plan:
    sound = trimmed(at_stt_rate(file))
    gaps = _gaps(sound)
    cuts = sorted(chance.sample(gaps, min(len(gaps), chance.choice([0, 1, 1, 2]))))
    edges = [0, *cuts, len(sound)]
    sounds = [trimmed(sound[start:end]) for start, end in pairwise(edges)]
    return Plan(
        "open",
        "How can I help you?",
        [Piece(file.stem, "" if each is sounds[-1] else "unfinished", each) for each in sounds],
    )


def _recorded_number(digits: list[Samples], chance: random.Random) -> Plan:
    """Each digit was spoken alone, so that every one sounds like the last: harder than life."""
    gap = np.zeros(round(0.05 * STT_RATE), np.float32)
    pieces = []
    for size in chance.choice(NUMBERS[2:]):
        chosen = [chance.randrange(10) for _ in range(size)]
        sound = np.concatenate([part for digit in chosen for part in (digits[digit], gap)][:-1])
        pieces.append(Piece(" ".join(DIGITS[digit] for digit in chosen), "digits", sound))
    pieces[-1] = Piece(pieces[-1].text, "", pieces[-1].sound)
    return Plan("digits", "What is your account number?", pieces)


def _gaps(sound: Samples) -> list[int]:
    """Samples in the middle of gaps that are likely between two words, not within half a second of either end."""
    loud = loud_steps(sound)
    found, quiet = [], 0
    for index, voiced in enumerate(loud):
        if voiced and quiet >= SHORTEST_GAP and index - quiet > 50 and index < len(loud) - 50:
            found.append((index - quiet // 2) * STEP)
        quiet = 0 if voiced else quiet + 1
    return found


def _shuffled(deck: list[str], chance: random.Random) -> Iterator[str]:
    while True:
        yield from chance.sample(deck, len(deck))
