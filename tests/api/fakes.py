"""A catalogue of small models under the names of real models, and a folder in which all of them are."""

from pathlib import Path
from typing import Any

from lineside.models.catalogue import Model
from tests.models.fixtures import SMALL, file_of

PUBLISHER = "https://models.example/owner/tiny/small.json"
WHISPER, TINY, QWEN, OTHER = "faster-whisper-base", "faster-whisper-tiny.en", "qwen2.5-coder-0.5b", "other"


def small_model(name: str, role: Any, engine: Any) -> Model:
    return Model(name, role, "MIT", "a tiny one", (file_of(SMALL, PUBLISHER, name="small.json"),), True, engine)


SMALL_MODELS = (
    small_model(WHISPER, "stt", "faster-whisper"),
    small_model(TINY, "stt", "faster-whisper"),
    small_model(QWEN, "llm", "embedded"),
    small_model(OTHER, "tts", "piper"),  # an engine that the control does not have
    small_model("silero-vad", "vad", ""),
)


def fill(root: Path) -> Path:
    """Put all of them there."""
    for model in SMALL_MODELS:
        (root / model.name).mkdir(parents=True, exist_ok=True)
        (root / model.name / "small.json").write_bytes(SMALL)
    return root
