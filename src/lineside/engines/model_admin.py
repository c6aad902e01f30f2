"""Models of an engine server as lineside's own has them: listed, loaded and unloaded over HTTP.

`GET /v1/models`, `POST /v1/models/load`, `POST /v1/models/unload`. Other OpenAI-shaped servers have only the list.
"""

from collections.abc import Sequence

import aiohttp
import msgspec

from lineside.engines import openai_http
from lineside.engines.protocols import BackendModel, Message
from lineside.errors import UNREADABLE, EngineBusy, EngineError, ModelMissing

LOADING = 120.0  # seconds; the biggest model of the catalogue takes ten from a cold disk
UNLOADING = 65.0  # seconds; the server itself waits 60 for requests under way


class _Model(msgspec.Struct):
    id: str
    role: str = ""
    loaded: bool = True  # a server that does not say answers with what it lists
    in_use: int = 0
    bytes: int | None = None
    memory_bytes: int | None = None
    voices: list[str] = []


class _Models(msgspec.Struct):
    data: list[_Model] = []


_models = msgspec.json.Decoder(_Models)


async def listed(
    http: aiohttp.ClientSession, endpoint: openai_http.Endpoint, role: str = ""
) -> tuple[BackendModel, ...]:
    """`GET /v1/models`: those of a role, and those that do not say theirs."""
    raw = await openai_http.get(http, endpoint, "/v1/models")
    try:
        models = _models.decode(raw).data
    except UNREADABLE as cause:
        raise EngineError(f"{endpoint.shown} gave an unexpected response: {cause}") from cause
    return tuple(
        BackendModel(m.id, m.loaded, m.bytes, m.memory_bytes, in_use=m.in_use)
        for m in models
        if not role or m.role in ("", role)
    )


async def require(http: aiohttp.ClientSession, endpoint: openai_http.Endpoint, model: str) -> None:
    """Raise `ModelMissing` where a server of ours lists its models and not this one: its file is not there."""
    models = await listed(http, endpoint)
    if models and model not in {one.name for one in models}:
        raise ModelMissing(f"not downloaded: lineside models pull {model}", model=model)


async def load(http: aiohttp.ClientSession, endpoint: openai_http.Endpoint, model: str) -> None:
    """`POST /v1/models/load`."""
    await _tell(http, endpoint, "models/load", {"model": model}, LOADING)


async def unload(http: aiohttp.ClientSession, endpoint: openai_http.Endpoint, model: str, *, wait: bool) -> None:
    """`POST /v1/models/unload`."""
    await _tell(http, endpoint, "models/unload", {"model": model, "wait": wait}, UNLOADING)


async def warm(
    http: aiohttp.ClientSession, endpoint: openai_http.Endpoint, model: str, opening: Sequence[Message], *, keep: bool
) -> None:
    """`POST /v1/warm`: let a language model read what a conversation begins with."""
    wish = {"model": model, "messages": msgspec.to_builtins(opening), "keep": keep}
    await _tell(http, endpoint, "warm", wish, endpoint.timeout)


class _Odds(msgspec.Struct):
    log_odds: float | None  # required: another server's answer is none


async def may_end(
    http: aiohttp.ClientSession, endpoint: openai_http.Endpoint, model: str, messages: Sequence[Message]
) -> float | None:
    """`POST /v1/may_end`: log odds that the last message may end where it does. The asker has its own deadline."""
    wish = {"model": model, "messages": msgspec.to_builtins(messages)}
    raw = await _tell(http, endpoint, "may_end", wish, endpoint.timeout)
    try:
        return msgspec.json.decode(raw, type=_Odds).log_odds
    except UNREADABLE as cause:
        raise EngineError(f"{endpoint.shown} gave an unexpected response: {cause}") from cause


async def _tell(
    http: aiohttp.ClientSession, endpoint: openai_http.Endpoint, what: str, request: object, seconds: float
) -> bytes:
    patient = msgspec.structs.replace(endpoint, timeout=seconds)
    url = endpoint.address(f"/v1/{what}")
    async with (
        openai_http.engine_errors(patient),
        await openai_http.sent(
            http,
            "POST",
            url,
            request,
            headers=endpoint.headers(),
            timeout=openai_http.request_timeout(patient),
        ) as answer,
    ):
        if answer.status == 409 and what == "models/unload":
            try:
                await openai_http.raise_for_status(patient, answer)
            except EngineError as cause:
                raise EngineBusy(str(cause)) from None
        await openai_http.raise_for_status(patient, answer)
        return await answer.read()
