"""Who has taken a call of ours: a person, an answering machine, a program that screens calls, a menu. Pure.

The line cannot tell: all of them answer. A person says a word or two and waits; a machine talks on, and says so. So it
is decided by how long they speak before their first pause, and by what they say. Seconds are those of the call's own
sound, counted from the answer.
"""

import re

from msgspec import Struct

from lineside.reasons import AnsweredAs

# What machines say. English; what a person may say of somebody else ("she is not available") is not among it.
VOICEMAIL = re.compile(
    r"\b(?:leave|record)\s+(?:\w+\s+){0,3}(?:message|name|number)\b|\b(?:after|at|following)\s+the\s+(?:tone|beep|signal)\b"
    r"|\bvoice\s?mail\b|\bmail\s?box\b|\banswering\s+(?:machine|service)\b"
    r"|\b(?:the\s+)?(?:person|party|customer|subscriber|number|caller)\s+(?:that\s+)?you(?:'?re|\s+are|\s+have|'?ve)?\s+"
    r"(?:are\s+)?(?:trying|called|calling|dial\w*|reach\w*)\b(?!.*\bscreen)"
    r"|\b(?:i|we)(?:\s+am|'?m|\s+are|'?re)\s+(?:unable|not\s+able|not\s+available|currently|away)\b"
    r"|\b(?:i|we)\s+(?:can'?t|cannot|can\s+not)\s+(?:come|take|get|answer)\b"
    r"|\b(?:get|call)\s+(?:right\s+)?back\s+to\s+you\b|\b(?:i|we)(?:'?ll|\s+will)\s+(?:get\s+back|return\s+your\s+call|call\s+you\s+back)\b"
    r"|\byou(?:'?ve|\s+have)\s+reached\b.*\b(?:leave|message|unavailable|closed|hours|back)\b|\bmailbox\s+is\s+full\b"
    r"|\bhang\s+up\s+or\s+press\b",
    re.IGNORECASE | re.DOTALL,
)
SCREENING = re.compile(
    r"\b(?:say|state|record|give|tell)\s+(?:\w+\s+){0,3}(?:your\s+)?name\s+(?:and|after)\b.*\b(?:reason|why|calling|available)\b"
    r"|\breason\s+for\s+(?:your\s+call|calling)\b|\bcall(?:s)?\s+screen\w*\b|\bscreening\s+(?:service|calls)\b"
    r"|\bsee\s+if\s+(?:this\s+person|they|he|she)\s+(?:is|are)\s+available\b|\bassistant\s+(?:for|of)\s+the\s+person\b",
    re.IGNORECASE | re.DOTALL,
)
MENU = re.compile(
    r"\b(?:press|dial|enter|touch)\s+(?:\d|one|two|three|four|five|six|seven|eight|nine|zero|star|pound|the\b)"
    r"|\bmain\s+menu\b|\b(?:following|these)\s+options\b|\bfor\s+\w+(?:\s+\w+)?\s*,?\s+(?:press|say)\b|\bextension\s+number\b",
    re.IGNORECASE,
)


class AnswerRules(Struct, frozen=True):
    """How long is waited for what, in seconds."""

    nobody: float = 5.0  # without any speech: then somebody may wait for us to speak
    pause: float = 0.5  # of silence after which a short greeting is a person's; the law knows two seconds
    early_words: float = 0.25  # of silence after which the words so far are asked for
    short: float = 4.0  # of speech; longer ones wait for a longer pause
    long_pause: float = 1.0
    wordless: float = 2.5  # of silence while the words do not come
    monologue: float = 9.0  # of speech without a pause: no person
    look_again: float = 2.5  # of speech after which the words are asked for though it goes on
    longest: float = 20.0  # until it is decided at the latest
    greeting_over: float = 2.0  # of silence after a machine's greeting, where no tone came
    greeting_longest: float = 60.0  # of a machine's greeting


def kind_of(text: str) -> AnsweredAs | None:
    """What the words alone say; None: nothing. A program that screens calls asks for a name, as a mailbox does."""
    plain = text.replace("\u2019", "'")
    if SCREENING.search(plain):
        return "screening"
    if MENU.search(plain) and not re.search(r"\b(?:tone|beep|message)\b", plain, re.IGNORECASE):
        return "ivr"
    return "voicemail" if VOICEMAIL.search(plain) else None


class AnswerDetector:
    """One call's beginning. Told what is heard and when; asked who it is."""

    def __init__(self, rules: AnswerRules = AnswerRules()) -> None:  # noqa: B008 - frozen
        self._rules = rules
        self._began: float | None = None  # of the first speech
        self._speaking = False
        self._since = 0.0  # end of the latest speech
        self._run = 0.0  # where the speech without a pause began
        self._asked = 0.0  # up to where the words were asked for
        self._text, self._covers = "", -1.0
        self._beep = -1.0

    def voice(self, began: float) -> None:
        """They speak."""
        if self._began is None:
            self._began = self._asked = began
        if not self._speaking:
            self._run = began
        self._speaking, self._since = True, max(self._since, began)

    def silence(self, since: float) -> None:
        """They have been silent since then."""
        self._speaking, self._since = False, since

    def beep(self, at: float) -> None:
        """A tone was heard."""
        self._beep = at

    @property
    def beeped(self) -> bool:
        """Whether a tone was heard."""
        return self._beep >= 0

    def words_wanted(self, at: float) -> bool:
        """Whether the words so far would help now; then they are to be asked for once."""
        if self._began is None:
            return False
        if self._speaking:
            due = at - self._asked >= self._rules.look_again
        else:
            due = self._asked < self._since and at - self._since >= self._rules.early_words
        if due:
            self._asked = at if self._speaking else self._since
        return due

    def words(self, text: str, covers: float) -> None:
        """These were the words, up to that moment."""
        self._text, self._covers = text, covers

    @property
    def fell_silent(self) -> float:
        """When they last fell silent; 0 where they have not, or speak."""
        return 0.0 if self._speaking or self._began is None else self._since

    @property
    def text(self) -> str:
        """The words so far."""
        return self._text

    def verdict(self, at: float) -> AnsweredAs | None:
        """Who it is, as far as can be said now; None: not yet."""
        rules = self._rules
        if self._beep >= 0:
            return "voicemail"
        if self._began is None:
            return "unknown" if at >= rules.nobody else None
        if (kind := kind_of(self._text)) is not None:
            return kind
        if self._speaking:
            monologue = at - self._run >= rules.monologue
            return "voicemail" if monologue else "unknown" if at >= rules.longest else None
        quiet, spoken = at - self._since, self._since - self._began
        if self._covers >= self._since and self._text:
            return "human" if quiet >= (rules.pause if spoken < rules.short else rules.long_pause) else None
        if self._covers >= self._since and not self._text:  # a noise
            self._began = None
            return None
        return "unknown" if quiet >= rules.wordless or at >= rules.longest else None

    def message_due(self, at: float, *, sounding: bool) -> bool:
        """Whether a machine records now. `sounding`: its tone still does."""
        if self._beep >= 0:
            return not sounding and at - self._beep > 0.1
        if at >= self._rules.greeting_longest:
            return True
        return not self._speaking and self._began is not None and at - self._since >= self._rules.greeting_over
