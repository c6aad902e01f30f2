"""The conventions that engine servers share: OpenAI-shaped HTTP, spoken through one aiohttp client.

Functions, not classes: an engine's own file says where it lives and what it is called, and these carry it there.
"""

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress

import aiohttp
import msgspec

from lineside.audio.frame import EAR_RATE, FRAME_SECONDS, SAMPLE_BYTES, AudioFrame, Sound, Utterance
from lineside.audio.wav import WavStream, wav_bytes
from lineside.engines.protocols import Ask, Message, Thought, Token, Transcript
from lineside.errors import ConfigError, EngineBusy, EngineError, EngineTimeout, EngineUnreachable

CHARACTERS_PER_SECOND = 15.0  # an ordinary pace of speech, for voices that do not tell their length beforehand


class Place(msgspec.Struct, frozen=True):
    """Where an engine server is, and how it is asked."""

    who: str  # for error messages
    url: str  # up to but without /v1
    key: str = ""
    timeout: float = 30.0  # seconds for a whole request; stages set tighter ones of their own

    def headers(self) -> dict[str, str]:
        """What every request carries."""
        return {"Authorization": f"Bearer {self.key}"} if self.key else {}


class _Segment(msgspec.Struct):
    avg_logprob: float = 0.0
    no_speech_prob: float = 0.0


class _Transcription(msgspec.Struct):
    text: str
    segments: list[_Segment] = []


class _Delta(msgspec.Struct):
    content: str | None = None
    reasoning_content: str | None = None


class _Choice(msgspec.Struct):
    delta: _Delta = msgspec.field(default_factory=_Delta)


class _Chunk(msgspec.Struct):
    choices: list[_Choice] = []


_chunk = msgspec.json.Decoder(_Chunk)
_transcription = msgspec.json.Decoder(_Transcription)


async def transcribe(
    http: aiohttp.ClientSession, place: Place, model: str, utterance: Utterance
) -> AsyncGenerator[Transcript, None]:
    """`POST /v1/audio/transcriptions` with the utterance as WAV."""
    form = aiohttp.FormData()
    form.add_field("file", wav_bytes(utterance.pcm, EAR_RATE), filename="utterance.wav", content_type="audio/wav")
    form.add_field("model", model)
    form.add_field("response_format", "verbose_json")
    async with (
        _asking(place),
        http.post(
            f"{place.url}/v1/audio/transcriptions", data=form, headers=place.headers(), timeout=_total(place)
        ) as answer,
    ):
        await _check(place, answer)
        heard = _transcription.decode(await answer.read())
    sure, no_speech = 1.0, 0.0
    if heard.segments:
        sure = min(1.0, 2.718281828 ** (sum(s.avg_logprob for s in heard.segments) / len(heard.segments)))
        no_speech = max(s.no_speech_prob for s in heard.segments)
    yield Transcript(heard.text.strip(), final=True, sure=sure, no_speech=no_speech)


async def chat(
    http: aiohttp.ClientSession, place: Place, model: str, messages: Sequence[Message], ask: Ask
) -> AsyncGenerator[Token | Thought, None]:
    """`POST /v1/chat/completions`, streamed as server-sent events."""
    body = {
        "model": model,
        "messages": msgspec.to_builtins(messages),
        "max_tokens": ask.max_tokens,
        "temperature": ask.temperature,
        "stream": True,
    }
    async with (
        _asking(place),
        http.post(
            f"{place.url}/v1/chat/completions", json=body, headers=place.headers(), timeout=_total(place)
        ) as answer,
    ):
        await _check(place, answer)
        async for line in answer.content:
            if not line.startswith(b"data:"):
                continue
            data = line[5:].strip()
            if data == b"[DONE]":
                return
            for choice in _chunk.decode(data).choices:
                if choice.delta.reasoning_content:
                    yield Thought(choice.delta.reasoning_content)
                if choice.delta.content:
                    yield Token(choice.delta.content)


async def speech(
    http: aiohttp.ClientSession, place: Place, model: str, voice: str, sentence: str
) -> AsyncGenerator[Sound, None]:
    """`POST /v1/audio/speech` as WAV, which tells its own rate; cut into frames that say their words."""
    if not any(c.isalnum() for c in sentence):
        return
    body = {"model": model, "input": sentence, "voice": voice, "response_format": "wav"}
    async with (
        _asking(place),
        http.post(f"{place.url}/v1/audio/speech", json=body, headers=place.headers(), timeout=_total(place)) as answer,
    ):
        await _check(place, answer)
        wav = WavStream()
        words: Words | None = None
        held = bytearray()
        async for piece in answer.content.iter_any():
            held += wav.feed(piece)
            if wav.rate is None:
                continue
            words = words or Words(sentence, wav.rate, wav.total_bytes)
            size = round(wav.rate * FRAME_SECONDS) * SAMPLE_BYTES
            while len(held) > size:  # one frame is held back, so that the last one can say all that is left
                yield words.frame(bytes(held[:size]))
                del held[:size]
        if words is None:
            raise EngineError(f"{place.who} answered with no sound at all")
        yield words.last(bytes(held[: len(held) // SAMPLE_BYTES * SAMPLE_BYTES]))


class Words:
    """Shares the words of a sentence out over its sound, in proportion to their letters.

    Where the voice tells the length of the sound beforehand the end is exact; otherwise an ordinary pace is assumed,
    and the last frame says whatever is left.
    """

    def __init__(self, sentence: str, rate: int, total_bytes: int | None) -> None:
        self._words = sentence.split()
        self._rate = rate
        letters = sum(len(word) + 1 for word in self._words)
        seconds = total_bytes / SAMPLE_BYTES / rate if total_bytes else letters / CHARACTERS_PER_SECOND
        self._pace = letters / max(seconds, 0.1)  # letters a second
        self._next, self._letters, self._bytes = 0, 0, 0

    def frame(self, pcm: bytes) -> Sound:
        """The next frame, with the words that end in it."""
        start = self._bytes / SAMPLE_BYTES / self._rate
        self._bytes += len(pcm)
        reached = self._bytes / SAMPLE_BYTES / self._rate * self._pace
        ended = self._next
        while ended < len(self._words) - 1 and self._letters + len(self._words[ended]) + 1 <= reached:
            self._letters += len(self._words[ended]) + 1
            ended += 1
        return self._sound(pcm, start, ended)

    def last(self, pcm: bytes) -> Sound:
        """The last frame, with all the words that are left."""
        return self._sound(pcm, self._bytes / SAMPLE_BYTES / self._rate, len(self._words))

    def _sound(self, pcm: bytes, at: float, ended: int) -> Sound:
        says = " ".join(self._words[self._next : ended])
        self._next = ended
        return Sound(AudioFrame(pcm, self._rate, at), says)


@asynccontextmanager
async def _asking(place: Place) -> AsyncGenerator[None, None]:
    """What can go wrong on the way, said in our own words."""
    try:
        yield
    except (TimeoutError, aiohttp.ServerTimeoutError) as cause:
        raise EngineTimeout(f"{place.who} at {place.url} did not answer in {place.timeout:g} s") from cause
    except aiohttp.ClientConnectorError as cause:
        raise EngineUnreachable(f"{place.who}: nobody answers at {place.url}") from cause
    except (aiohttp.ClientError, ConnectionError) as cause:
        raise EngineUnreachable(f"{place.who} at {place.url} broke off: {type(cause).__name__}") from cause
    except (msgspec.MsgspecError, ConfigError, ValueError) as cause:
        raise EngineError(f"{place.who} at {place.url} answered with something else: {cause}") from cause


async def _check(place: Place, answer: aiohttp.ClientResponse) -> None:
    if answer.status == 200:
        return
    said = (await answer.content.read(500)).decode(errors="replace")
    with suppress(ValueError, KeyError, TypeError):
        said = json.loads(said)["error"]["message"]
    kind = EngineBusy if answer.status in (429, 503) else EngineError
    raise kind(f"{place.who} at {place.url} answered {answer.status}: {said}")


def _total(place: Place) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=place.timeout, connect=2.0)
