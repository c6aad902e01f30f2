"""Words that recognisers write where nobody said them: found by figures where there are any, else by their shape.

One gate for all recognisers, in the engine server and behind every client. What does not pass becomes an empty text:
nobody spoke. So no such text starts a turn, claims the floor or reaches the language model.

The bounds for the figures were measured with Whisper's base model on silence, white noise, hum, tones, clicks, barks,
telephone bells and babble on one side, and on short words in quiet and in noise on the other. Nobody speaking:
no_speech 0.18 to 0.84, and either a mean log-probability under -1.2 or a phrase said over and over. Speech, down to a
lone "yes": no_speech under 0.25, log-probability over -1.2.
"""

import re
import zlib

import msgspec
from msgspec import Struct

from lineside.audio.frame import Utterance
from lineside.engines.protocols import EngineInfo, SpeechToText, Transcription
from lineside.text.scripts import foreign_share

MAYBE_NOBODY = 0.25  # no_speech
UNSURE = -1.2  # mean natural log-probability of the tokens
# White noise has a no_speech of 0.45 to 0.7 and, by the processor, a probability of up to -0.88. The authors have
# 0.6 and -1.0 (openai/whisper, transcribe.py).
HARDLY_ANYBODY, NOT_SURE = 0.4, -0.8
SURELY_NOBODY = 0.8  # no_speech; then none of the words that Whisper is fond of is believed
ELSEWHERE = -0.8  # mean log-probability of a text said to be in another language; a less probable one is not believed
PACKED = 2.4  # the authors' bound for a text that can only be a loop
WORDS_A_SECOND = 5.0  # 300 a minute; auctioneers aside, nobody says more
IMPOSSIBLE_WORDS_A_SECOND, SPARE_WORDS = 8.0, 3  # more cannot be said, whatever the recogniser; spare: for short sounds
CHARS_A_WORD = 4  # in scripts without spaces
LONGEST_PHRASE = 40  # words of a phrase that is looked for: a sentence, however long, may be said twice
LOOP = 3  # copies
ONLY_A_LOOP = 8  # copies of a phrase, and nothing else, faster than anybody speaks: nothing of it was said
FOREIGN = 0.5  # share of letters of another script; a text with more is not of the agent's language

# Credits of the films that recognisers learnt from. Nobody says these to a call centre.
_CREDITS = re.compile(
    r"""(?xi)
      thank(?:s|\ you)(?:\ (?:so|very)\ much|\ all|\ guys|\ everyone)?\ for\ (?:(?:watching|viewing)\b.*|listening)
    | (?:please\ )?(?:don'?t\ forget\ to\ )?(?:like\ (?:and|,)\ )?(?:share\ and\ )?subscribe(?:\ to\ (?:my|our)\b.*)?
    | .*\b(?:subscribe\ to\ (?:my|our|the)\ channel|hit\ the\ bell)\b.*
    | (?:i'?ll\ )?see\ you\ (?:guys\ )?(?:in\ the\ )?next\ (?:video|episode).*
    | (?:(?:sub)?titles?|(?:sub)?titled|captions?|captioned|transcript(?:s|ion)?|transcribed|translat(?:ed|ion))\ by\b.*
    | .*\b(?:amara\.org|opensubtitles|otter\.ai|castingwords|zeoranger|subtitl(?:ed|es)\ by)\b.*
    | (?:sous-titr|untertitel|subt[ií]tulos|sottotitoli|legendas|napisy|altyaz|ondertitel|undertekst).*
    | .*\b(?:merci\ d'avoir\ regard|vielen\ dank\ f[uü]rs\ zu(?:schauen|sehen)|gracias\ por\ ver)\b.*
    | .*(?:ご視聴|ご清聴|チャンネル登録|字幕|订阅|訂閱|点赞|시청해|구독).*
    | .*(?:Субтитры|Продолжение\ следует|Редактор\ субтитров).*
    | (?:©|copyright|\(c\)).*\b(?:19|20)\d\d\b.*
    | www\.\S+\.\S+ | the\ end
    """
)
_FOND_OF = frozenset(
    ["thank you", "thanks", "you", "bye", "bye bye", "okay", "so", "oh", "hmm", "i'm sorry", "thank you very much"]
)  # Whisper writes these on silence, and callers say them: only the figures tell
# A recogniser finds addresses improbable, and mail services in no noise. Known by the words, as all here, not by the
# slot that is asked for: the engine server has this gate too and knows no question, and addresses are given unasked.
_MAIL = re.compile(r"\b(?:gmail|yahoo|outlook|hotmail|icloud)\b", re.IGNORECASE)
_NOTES = re.compile(r"\[[^\]]{0,80}\]|♪[^♪]{0,200}♪|[♪♫🎵🎶]|<\|[^|]{0,40}\|>")  # [BLANK_AUDIO], [ Silence ], ♪ la ♪
_ASIDES = re.compile(r"(?:\s*(?:\([^)]{0,80}\)|\*[^*]{1,80}\*))+\W*")  # (wind blowing), where nothing else is said
_BETWEEN_SENTENCES = re.compile(r"(?<=[.!?。！？])\s+")
_NAMED = """
english en german de french fr spanish es italian it portuguese pt dutch nl polish pl russian ru ukrainian uk
japanese ja korean ko chinese zh arabic ar turkish tr hindi hi swedish sv danish da norwegian no finnish fi
greek el czech cs hebrew he welsh cy romanian ro hungarian hu
"""
_LANGUAGES = dict(zip(_NAMED.split()[::2], _NAMED.split()[1::2], strict=True))


class GatedSTT:
    """A recogniser whose words have passed the gate."""

    def __init__(self, stt: SpeechToText, language: str = "en") -> None:
        self._stt, self._language = stt, language

    @property
    def info(self) -> EngineInfo:
        """See `Engine`."""
        return self._stt.info

    async def transcribe(self, utterance: Utterance) -> Transcription:
        """See `SpeechToText`."""
        asked = msgspec.structs.replace(utterance, language=utterance.language or _base(self._language))
        return gated(await self._stt.transcribe(asked), utterance.seconds, self._language)


def gated(heard: Transcription, seconds: float, language: str = "en") -> Transcription:
    """What of a transcription can have been said in so many seconds; its text is empty if nobody spoke."""
    if heard.clear is not None and "".join(heard.text.split()).isdecimal():
        return heard  # digits that were asked for, and may well be five times the same
    text = heard.text and _said(heard, seconds, language)
    return heard if text == heard.text else msgspec.structs.replace(heard, text=text)


def _said(heard: Transcription, seconds: float, language: str) -> str:
    no_speech, probable = heard.no_speech or 0.0, 0.0 if heard.avg_logprob is None else heard.avg_logprob
    text = without_notes(heard.text)
    if not text or too_many_words(text, seconds) or foreign_share(text, language) > FOREIGN:
        return ""
    if no_speech > SURELY_NOBODY and " ".join(_plain(text.split())) in _FOND_OF:
        return ""
    if _base(heard.language) not in ("", _base(language)) and (no_speech > MAYBE_NOBODY or probable < ELSEWHERE):
        return ""
    text = without_credits(text)
    said = believable(text, seconds, no_speech, probable)
    return text if said.split() == text.split() else said


def believable(said: str, seconds: float, no_speech: float, avg_logprob: float) -> str:
    """What of the text the caller can have said in so many seconds, by Whisper's figures; empty if nobody spoke."""
    bounds = [(MAYBE_NOBODY, UNSURE)] if _MAIL.search(said) else [(MAYBE_NOBODY, UNSURE), (HARDLY_ANYBODY, NOT_SURE)]
    if any(no_speech > nobody and avg_logprob < unsure for nobody, unsure in bounds):
        return ""
    words = said.split()
    while loop := find_loop(words):
        too_fast = len(words) > max(2.0, WORDS_A_SECOND * seconds)
        if no_speech > MAYBE_NOBODY and (loop.copies >= LOOP or too_fast):
            return ""
        if not too_fast:
            break  # callers do say things twice
        if loop.copies >= ONLY_A_LOOP and loop.end - loop.start == len(words):
            return ""
        words = words[: loop.start + loop.size] + words[loop.end :]
    text = " ".join(words)
    said_twice = loop is not None and loop.copies < LOOP  # at a speed that a caller can speak
    return "" if compression(text) > PACKED and not said_twice else text


class RepeatedPhrase(Struct, frozen=True):
    """A phrase said several times on end; the last copy may be broken off."""

    start: int  # word
    size: int  # words
    end: int  # word after the last copy

    @property
    def copies(self) -> int:
        """Whole ones."""
        return (self.end - self.start) // self.size


def find_loop(words: list[str]) -> RepeatedPhrase | None:
    """The phrase with the most copies one after the other, ignoring case and punctuation."""
    plain = _plain(words)
    best = None
    for size in range(1, min(LONGEST_PHRASE, len(plain) // 2) + 1):
        start = 0
        while start + 2 * size <= len(plain):
            end = start + size
            while end < len(plain) and plain[end] == plain[end - size]:
                end += 1
            found = RepeatedPhrase(start, size, end)
            if found.copies > (best.copies if best else 1):
                best = found
            start = max(start + 1, end - size + 1)
    return best


def compression(text: str) -> float:
    """How many times shorter the text becomes when packed: ordinary speech 0.3 to 1.8, loops above 2.4."""
    raw = text.encode()
    return len(raw) / len(zlib.compress(raw)) if raw else 0.0


def without_notes(text: str) -> str:
    """The text without descriptions of sounds: "[BLANK_AUDIO]", "♪ la ♪", and "(wind blowing)" if it stands alone."""
    bare = " ".join(_NOTES.sub(" ", text).split()) if _NOTES.search(text) else text
    return "" if _ASIDES.fullmatch(bare) or not any(char.isalnum() for char in bare) else bare


def without_credits(text: str) -> str:
    """The text without sentences that are the credits of a film."""
    sentences = _BETWEEN_SENTENCES.split(text)
    kept = [sentence for sentence in sentences if not _CREDITS.fullmatch(sentence.strip(" .!?,…。！？-\n"))]
    return text if len(kept) == len(sentences) else " ".join(kept)


def too_many_words(text: str, seconds: float) -> bool:
    """Whether nobody can say so much in so short a time."""
    foreign = 0 if text.isascii() else sum(not char.isascii() for char in text)
    count = max(len(text.split()), foreign // CHARS_A_WORD)
    return count > SPARE_WORDS + IMPOSSIBLE_WORDS_A_SECOND * seconds


def _plain(words: list[str]) -> list[str]:
    return [re.sub(r"[^\w']", "", word).casefold() for word in words]


def _base(language: str) -> str:
    """ "en-GB", "English": "en"."""
    name = language.lower().replace("_", "-").split("-")[0]
    return _LANGUAGES.get(name, name)
