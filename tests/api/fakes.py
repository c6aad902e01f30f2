"""A catalogue of toys under the names of real models, and a folder in which all of them are."""

from pathlib import Path
from typing import Any

from lineside.models.catalogue import Model
from tests.models.fixtures import SMALL, file_of

PUBLISHER = "https://models.example/owner/toy/small.json"
WHISPER, TINY, QWEN, OTHER = "faster-whisper-base", "faster-whisper-tiny.en", "qwen2.5-coder-0.5b", "other"


def toy(name: str, role: Any, engine: Any) -> Model:
    return Model(name, role, "MIT", "a toy", (file_of(SMALL, PUBLISHER, name="small.json"),), True, engine)


TOYS = (
    toy(WHISPER, "stt", "faster-whisper"),
    toy(TINY, "stt", "faster-whisper"),
    toy(QWEN, "llm", "embedded"),
    toy(OTHER, "tts", "piper"),  # an engine that the house does not have
    toy("silero-vad", "vad", ""),
)


def fill(root: Path) -> Path:
    """Put all of them there."""
    for model in TOYS:
        (root / model.name).mkdir(parents=True, exist_ok=True)
        (root / model.name / "small.json").write_bytes(SMALL)
    return root
