"""Which model a process runs, as far as its command line says. Reads Linux's /proc."""

from itertools import pairwise
from pathlib import Path

# whisper-server, llama-server, Ollama's runner, vLLM (--model, -m); our own engine server (--stt, --llm, --tts)
MODEL_FLAGS = ("--model", "--stt", "--llm", "--tts")
MODEL_ENDINGS = (".bin", ".gguf", ".onnx", ".safetensors")
MAX_COMMAND_LINE_BYTES = 1 << 16  # bytes of a command line that are looked at


def name_of(pid: int, root: Path) -> str:
    """The name of the program; empty if it has ended or is not ours to see."""
    try:
        return (root / "proc" / str(pid) / "comm").read_text("utf-8", "replace").strip()
    except OSError:
        return ""


def model_of(pid: int, root: Path) -> str:
    """The model that the process was told to run; empty where that is not to be seen."""
    try:
        with (root / "proc" / str(pid) / "cmdline").open("rb") as line:
            return model_in(line.read(MAX_COMMAND_LINE_BYTES).decode("utf-8", "replace").split("\0"))
    except OSError:
        return ""


def model_in(argv: list[str]) -> str:
    """The models that a command line names, joined by commas: of a file, its name without the ending."""
    models = []
    for flag, value in pairwise([*argv, ""]):
        word, equals, rest = flag.partition("=")
        # "-m" is a model only with a file behind it: to Python it is a module.
        if word in MODEL_FLAGS or (flag == "-m" and value.endswith(MODEL_ENDINGS)):
            models.append(_stem(rest if equals else value))
    return ", ".join(model for model in models if model)


def _stem(model: str) -> str:
    """Ollama names a file by its SHA-256, which says nothing to anybody: twelve digits of it are kept."""
    last = model.rstrip("/").rpartition("/")[2]
    for ending in MODEL_ENDINGS:
        last = last.removesuffix(ending)
    return last[: len("sha256-") + 12] if last.startswith("sha256-") else last
