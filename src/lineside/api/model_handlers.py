"""Operations on engines and models."""

from collections.abc import AsyncGenerator

from lineside.api.api_services import ApiServices
from lineside.api.engine_schemas import EnginesStatus
from lineside.api.operation import operation
from lineside.api.schemas import Deleted, ModelChoice, ModelsStatus, ModelStatus, SayText, UnloadModel
from lineside.models.progress import DownloadProgress

ENGINES, MODELS = "Engines", "Models"
QWEN = "qwen2.5-coder-0.5b"


@operation("GET", "/api/engines", group=ENGINES)
async def list_engines(api: ApiServices) -> EnginesStatus:
    """List the engines that a call may name, and whether they answer."""
    return await api.engines.now()


@operation(
    "POST",
    "/api/voices/say",
    group=ENGINES,
    errors=(404, 409, 429, 502, 504),
    streams="wav",
    example={"text": "Good morning."},
)
async def say(api: ApiServices, body: SayText) -> AsyncGenerator[bytes, None]:
    """Have a voice say something, as a WAV file. No other voice stands in for it."""
    return _whole(await api.voice_samples.say(body))


async def _whole(sound: bytes) -> AsyncGenerator[bytes, None]:
    yield sound


@operation("GET", "/api/models", group=MODELS)
async def list_models(api: ApiServices) -> ModelsStatus:
    """List all models: on disk, in memory, being downloaded."""
    return await api.inventory.now()


@operation("POST", "/api/models/load", group=MODELS, errors=(404, 409, 502, 504), example={"model": QWEN})
async def load_model(api: ApiServices, body: ModelChoice) -> ModelStatus:
    """Load a model into memory; nothing happens if it is loaded."""
    return await api.models.load(body)


@operation(
    "POST", "/api/models/unload", group=MODELS, errors=(404, 409, 502, 504), example={"model": QWEN, "wait": True}
)
async def unload_model(api: ApiServices, body: UnloadModel) -> ModelStatus:
    """Unload a model from memory; the next request that names the model loads it again."""
    return await api.models.unload(body)


@operation(
    "POST",
    "/api/models/download",
    group=MODELS,
    errors=(404, 409),
    streams="ndjson",
    pieces=DownloadProgress,
    example={"model": QWEN},
)
async def download_model(api: ApiServices, body: ModelChoice) -> AsyncGenerator[bytes, None]:
    """Download a model's files. Repeated requests follow the running download; leaving does not stop it."""
    return await api.models.download(body)


@operation("POST", "/api/models/download/cancel", group=MODELS, errors=(404, 409), example={"model": QWEN})
async def cancel_download(api: ApiServices, body: ModelChoice) -> DownloadProgress:
    """Cancel a download. What has come is kept; the next download continues from there."""
    return await api.models.cancel(body)


@operation("DELETE", "/api/models/{name}", group=MODELS, errors=(404, 409), named="faster-whisper-tiny.en")
async def delete_model(api: ApiServices, name: str) -> Deleted:
    """Delete the files of a model of the catalogue."""
    return await api.models.delete(name)
