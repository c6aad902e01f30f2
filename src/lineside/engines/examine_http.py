"""What OpenAI-shaped servers do beneath their clients: templates, connections, sound files. For `lineside doctor`."""

import aiohttp
import msgspec

from lineside.audio.wav import describe_wavs
from lineside.engines.chat_dialect import LIMITS, ChatDialect
from lineside.engines.openai_http import (
    ANSWER_BYTES,
    Endpoint,
    get,
    posted,
)
from lineside.engines.protocols import Fact, Message
from lineside.engines.transcription_dialect import TranscriptionDialect
from lineside.errors import EngineError, EngineRefused

# As many histories are: a greeting first, two turns of one role.
UNEVEN = (
    Message("system", "Be brief."),
    Message("assistant", "Hello."),
    Message("user", "Hi."),
    Message("user", "Are you there?"),
)
SOUND_BYTES = 8 * ANSWER_BYTES
SENTENCES = "We open at nine. We close at five. Have a good day."


async def chat_facts(http: aiohttp.ClientSession, endpoint: Endpoint, model: str, dialect: ChatDialect) -> list[Fact]:
    """How a server takes a conversation, and what it was found to refuse."""
    uneven = dialect.request(model, UNEVEN, 8, 0.0)
    try:
        await _posted(http, endpoint, "/v1/chat/completions", uneven)
        roles = Fact("template", "takes roles in any order")
    except EngineRefused as no:
        does = "user and assistant go out in turn, a user first"
        roles = Fact("template", f"strict: {no.said[:80]}", does)
    system = (
        Fact("system message", "refused", "its words begin the first message of the caller")
        if dialect.system == "first_user"
        else Fact("system message", "taken")
    )
    refused = sorted(dialect.refused | ({LIMITS[0]} if dialect.limit != LIMITS[0] else set()))
    instead = f"{dialect.limit} goes out instead" if dialect.limit not in ("", LIMITS[0]) else ""
    left = f"{', '.join(sorted(dialect.refused))} left out" if dialect.refused else ""
    fields = Fact("fields", f"refuses {', '.join(refused)}", "; ".join(filter(None, (instead, left))))
    return [roles, system, fields if refused else Fact("fields", "refuses none"), await connection_fact(endpoint)]


def transcription_facts(dialect: TranscriptionDialect) -> list[Fact]:
    """What a recogniser was found to want."""
    usual = TranscriptionDialect()
    facts = [Fact("format", dialect.response_format, "" if dialect == usual else "asked for from the first on")]
    if dialect.refused:
        facts.append(Fact("fields", f"refuses {', '.join(sorted(dialect.refused))}", "left out"))
    return facts


async def speech_facts(http: aiohttp.ClientSession, endpoint: Endpoint, model: str, voice: str) -> list[Fact]:
    """What kind of files a voice sends for three sentences."""
    asked = {"model": model, "input": SENTENCES, "voice": voice, "response_format": "wav"}
    body = await _posted(http, endpoint, "/v1/audio/speech", asked)
    files = describe_wavs(body)
    if not files:
        kind = "MP3" if body[:3] == b"ID3" or body[:2] in (b"\xff\xfb", b"\xff\xf3") else "no WAV"
        return [Fact("file", f"{kind}, though WAV was asked for", "not spoken: set the server to WAV", ok=False)]
    facts = [Fact("file", f"WAV, {files[0]}")]
    if len(files) > 1:
        facts.append(Fact("files in a row", f"{len(files)} for three sentences", "all of them are played"))
    return [*facts, await connection_fact(endpoint)]


async def connection_fact(endpoint: Endpoint, path: str = "/v1/models") -> Fact:
    """Whether a second request goes over the connection of the first: a new one costs a caller its handshake."""
    reused = [0]

    async def note(*_: object) -> None:
        reused[0] += 1

    trace = aiohttp.TraceConfig()
    trace.on_connection_reuseconn.append(note)
    async with aiohttp.ClientSession(trace_configs=[trace], trust_env=True) as http:
        for _ in range(3):
            await get(http, endpoint, path)
    if reused[0]:
        return Fact("connections", "kept open")
    return Fact("connections", "closed after each request", "each costs a handshake; let the server keep them alive")


async def _posted(http: aiohttp.ClientSession, endpoint: Endpoint, path: str, asked: object) -> bytes:
    patient = msgspec.structs.replace(endpoint, timeout=60.0)
    async with posted(http, patient, path, asked) as answer:
        body = bytearray()
        async for piece in answer.content.iter_any():
            body += piece
            if len(body) > SOUND_BYTES:
                raise EngineError(f"{endpoint.shown} answered with more than {SOUND_BYTES} bytes")
        return bytes(body)
