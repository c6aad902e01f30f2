"""Tokens of a language model become pieces that can be spoken, each as soon as it is whole.

A piece is a sentence, a line, a list item or a block of code. The first sound of a reply is what the caller waits for,
so until enough has been handed out a clause is a piece too. Where a full stop may belong to an abbreviation the next
word decides, otherwise nothing waits. Every decision is made at one character and looks only back, so the pieces are
the same however the text was split into tokens.
"""

import re
from typing import Literal

EARLY = 40  # characters handed out; until then the caller may be waiting, and a clause is a piece
CLAUSE_WORDS, CLAUSE = 2, 10  # words, characters; a shorter clause would sound chopped off
MAX_SENTENCE_CHARS = 220  # characters; a longer sentence is cut at its last clause, or else at its last space
NUMBER_GROUPS = 12  # "0800 123 456": so many groups of one number are kept together
ENDLESS = 600  # characters without a place to cut; there it is cut wherever it stands
CODE = 20_000  # characters of one code block; what follows counts as a new piece

# The characters where something is decided: a space, the first of a word, what follows a dash or a CJK full stop; and
# a comma right after a letter: the word after it would cost a token's time.
_TURN = re.compile(r"[\s`]|(?<=\s)\S|(?<=[—。！？])[^」』”’）]|(?<=[^\W\d_])[,;]")
# The same while no sentence has perhaps ended: of what follows a space only bullets and commas matter then.
_PLAIN_TURN = re.compile(r"[\s`]|(?<=\s)[•◦▪●‣,;]|(?<=[—。！？])[^」』”’）]|(?<=[^\W\d_])[,;]")
_FENCE = re.compile("`")
_CLOSING = "\"'”’)]}»*_~`"
_OPENING = "\"'“‘([{«*_~`"
_QUOTES = re.compile(r"[\"“‘(\[{«*_~`]|(?<!\w)'")  # what may yet be closed; not the one of "can't"
_BULLETS = "•◦▪●‣"
_DASHES = ("-", "–", "—", "--")
_CLAUSES = re.compile(r"[,;:—–]\s|\s(?:and|but|or|so|because|which)\s")
_NUMBERED = re.compile(r"(\d{1,2})\.")

# Never the end of a sentence; and abbreviations that may be: the next word tells.
_BEFORE_A_NAME = re.compile(
    r"dr|mr|mrs|ms|mx|prof|st|rev|hon|gen|col|capt|sgt|lt|eg|ie|viz|vs|cf|(?![ap]\.m$)(?:[a-z]\.)+[a-z]", re.I
)
_SHORTENED_TEXT = """
a.m p.m acct approx apr assn asst attn aug ave avg bldg blvd bros cal ch co corp ct dec dept dist ed eds esp esq
est etc excl exec ext feb fig figs fl fri ft fwy gov govt hr hrs hwy inc incl ind intl jan jr jul jun lb lbs ln
ltd maj mar max mfg mgr min mins misc mon mph mt mtn no nos nov oct oz pg pkwy pl plc pls pp pres pt qt qty rd
ref reg rep reps rt sat sec sen sept sgt sq sr sta ste sun supt tel temp thu thur thurs tue tues univ vol vs wed
wk wks wt yd yds yr yrs
"""
_SHORTENED = frozenset(_SHORTENED_TEXT.split())
# "Two hundred | and five", "five pounds | and ten pence": an amount is never cut.
_AMOUNT = re.compile(
    r"\W*(?:.*\d.*|(?:.*-)?(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|(?:twen|thir|for|fif"
    r"|six|seven|eigh|nine)ty|hundred|thousand|million|billion|half|quarter)|pounds?|dollars?|euros?|pence|cents?|percent"
    r"|hours?|minutes?)\W*",
    re.I,
)

Ended = Literal["yes", "no", "perhaps"]


class Sentences:
    """Cuts one reply. Pure: it is fed tokens and answers with the pieces that are complete."""

    def __init__(self) -> None:
        self._text = ""  # not handed out yet: ENDLESS characters at most, CODE in a code block
        self._seen = 0  # so much of it has been looked at
        self._begin = 0  # of the piece under way; nothing lies before it once `feed` is done
        self._perhaps = False  # a sentence has perhaps ended: the next word shows it
        self._fenced = False
        self._given = 0  # characters handed out so far, as far as EARLY asks
        self._item = 0  # the number of the last list item

    def feed(self, token: str) -> list[str]:
        """Take one token; answer the pieces that it completed, without the spaces around them."""
        self._text += token
        pieces, size = list[str](), len(self._text)
        while (at := self._next()) < size:
            self._seen = at + 1
            if (cut := self._cut(at)) is not None:
                pieces += self._hand_out(cut)
        self._seen = size
        self._drop_what_is_gone()
        return pieces

    def end(self) -> list[str]:
        """The reply is over: answer what is left of it."""
        pieces = self._hand_out(len(self._text))
        self._seen = len(self._text)
        self._drop_what_is_gone()
        return pieces

    def _next(self) -> int:
        """Where the next decision is due; the end of the text if there is none in it."""
        turn = _FENCE if self._fenced else _TURN if self._perhaps else _PLAIN_TURN
        found = turn.search(self._text, self._seen)
        at = found.start() if found else len(self._text)
        most = self._begin + (CODE if self._fenced else ENDLESS)
        return at if at < most else most

    def _cut(self, at: int) -> int | None:
        """Where the piece under way ends, now that the character `at` is known; None: it goes on."""
        text, char = self._text, self._text[at]
        if at - self._begin >= (CODE if self._fenced else ENDLESS):
            return at
        if char == "`":
            return self._fence(at)
        if char in ",;":
            return at + 1 if self._clause_ends(text[self._begin : at + 1]) else None
        if not char.isspace():
            return at if self._starts_anew(at) else None
        piece = text[self._begin : at]
        if char in "\n\r":
            return at
        if text[at - 1 : at].isspace() or not piece or _open(piece):
            return None if len(piece) <= MAX_SENTENCE_CHARS else at
        return self._after_word(piece, at)

    def _fence(self, at: int) -> int | None:
        """Three backticks begin a code block, and three more end it."""
        begin = at - 2
        if begin < self._begin or self._text[begin : at + 1] != "```":
            return None
        if self._fenced and begin >= self._begin + 3:
            self._fenced = False
            return at + 1
        if self._fenced:
            return None
        self._fenced = True
        return begin

    def _starts_anew(self, at: int) -> bool:
        """Whether the character `at`, the first of a word, begins a piece."""
        char, before = self._text[at], self._text[at - 1]
        if before == "—":
            return self._early(self._text[self._begin : at]) and char.isalpha()
        if before in "。！？":
            return True
        perhaps, self._perhaps = self._perhaps, False
        return char in _BULLETS or (perhaps and not (char.islower() or char.isdigit() or char in "([,;:-–—&/+$£€%"))

    def _after_word(self, piece: str, at: int) -> int | None:
        """A word and a space have come."""
        words = piece.split()
        if piece[-1].isalnum():  # as nearly all are: it ends nothing by itself
            self._perhaps = False
            if len(piece) > MAX_SENTENCE_CHARS:
                return self._begin + _last_clause(piece)
            parts = words[-1] in ("and", "but") and self._early(piece) and _may_part(words)
            return at - len(words[-1]) if parts else None
        if (item := _NUMBERED.fullmatch(words[-1])) and self._is_item(int(item[1]), words):
            return at - len(words[-1]) if len(words) > 1 and not words[-2].endswith(":") else None
        ended = _ended(words)
        if ended == "yes":
            return at
        self._perhaps = ended == "perhaps"
        if len(piece) > MAX_SENTENCE_CHARS:
            return self._begin + _last_clause(piece)
        if self._early(piece) and (piece.endswith((",", ";", ":")) or words[-1] in _DASHES):
            return at if not any(c.isdigit() for c in words[-2 if words[-1] in _DASHES else -1]) else None
        return None

    def _is_item(self, number: int, words: list[str]) -> bool:
        """Whether "2." is a list item rather than the end of "It costs 2."."""
        first = len(words) == 1 or words[-2].endswith(":")
        if not first and (self._item == 0 or number != self._item + 1):
            return False
        self._item = number
        return True

    def _clause_ends(self, piece: str) -> bool:
        """Whether its comma ends a piece, whatever comes after; where a quotation is open, that may be its end."""
        return self._early(piece) and not _QUOTES.search(piece)

    def _early(self, piece: str) -> bool:
        """Whether a clause will do: the caller may still be waiting, and it is long enough to be spoken."""
        return self._given < EARLY and (len(piece.strip()) >= CLAUSE or len(piece.split()) >= CLAUSE_WORDS)

    def _hand_out(self, cut: int) -> list[str]:
        piece = self._text[self._begin : cut].strip()
        self._begin = cut
        self._given += len(piece)
        return [piece] if piece else []

    def _drop_what_is_gone(self) -> None:
        self._text = self._text[self._begin :]
        self._seen -= self._begin
        self._begin = 0


def _ended(words: list[str]) -> Ended:
    """Whether a sentence ends with the last of these words, as far as they show."""
    last = words[-1].rstrip(_CLOSING)
    if last.endswith(("!", "?", "。", "！", "？")):
        return "yes"
    if last.endswith(("…", "..")):
        return "perhaps"
    if not last.endswith("."):
        return "no"
    word = last.lstrip(_OPENING)[:-1]
    if _BEFORE_A_NAME.fullmatch(word):
        return "no"
    if len(word) == 1 and word.isalpha():  # an initial, unless it ends "option A."
        return "no" if len(words) == 1 or words[-2][0].isupper() else "perhaps"
    return "perhaps" if word.lower() in _SHORTENED else "yes"


def _open(piece: str) -> bool:
    """Whether it stops inside a link or a stretch of code."""
    if "`" in piece and piece.count("`") % 2:
        return True
    if "[" not in piece and "](" not in piece:
        return False
    if piece.rfind("[") > piece.rfind("]"):
        return True
    link = piece.rfind("](")
    return link >= 0 and piece.find(")", link) < 0


def _may_part(words: list[str]) -> bool:
    """Whether the clause before the last word ("and", "but") can be spoken alone."""
    whole = len(" ".join(words[:-1])) >= CLAUSE and not _AMOUNT.fullmatch(words[-2])
    return whole and "between" not in words and "both" not in words


def _last_clause(piece: str) -> int:
    """Where to cut a sentence that is too long."""
    for found in reversed([*_CLAUSES.finditer(piece, MAX_SENTENCE_CHARS // 3)]):
        return found.end() - 1 if found[0][-1].isspace() and not found[0][0].isspace() else found.start()
    at = len(piece)
    for _ in range(NUMBER_GROUPS):
        at = piece.rfind(" ", 0, at)
        if at <= 0:
            break
        if not (piece[at - 1].isdigit() and piece[at + 1 : at + 2].isdigit()):
            return at
    return max(piece.rfind(" "), 0) or len(piece)
