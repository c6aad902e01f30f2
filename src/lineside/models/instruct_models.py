"""Language models that were taught to follow instructions, from their publisher only: the package index has none.

Sizes and hashes are those that several public records agree on; none of these files was ever fetched from where this
was written. The best first.
"""

from lineside.models.entries import HUB, Model, ModelFile


def _qwen(name: str, repository: str, file: str, size: int, sha256: str, about: str) -> Model:
    address = f"{HUB}/Qwen/{repository}/resolve/main/{file}"
    return Model(
        name=name,
        role="llm",
        engine="embedded",
        licence="Apache-2.0",
        description=about,
        files=(ModelFile(file, size, sha256, (address,)),),
    )


INSTRUCT = (
    _qwen(
        "qwen3-4b",
        "Qwen3-4B-GGUF",
        "Qwen3-4B-Q4_K_M.gguf",
        2497280256,
        "7485fe6f11af29433bc51cab58009521f205840f5b4ae3a32fa7f92e8534fdf5",
        "Qwen3 4B, 4-bit, asked not to think: for big machines; calls tools",
    ),
    _qwen(
        "qwen3-1.7b",
        "Qwen3-1.7B-GGUF",
        "Qwen3-1.7B-Q8_0.gguf",
        1834426016,
        "061b54daade076b5d3362dac252678d17da8c68f07560be70818cace6590cb1a",
        "Qwen3 1.7B, 8-bit, asked not to think; calls tools",
    ),
    _qwen(
        "qwen2.5-1.5b",
        "Qwen2.5-1.5B-Instruct-GGUF",
        "qwen2.5-1.5b-instruct-q4_k_m.gguf",
        1117320736,
        "6a1a2eb6d15622bf3c96857206351ba97e1af16c30d7a74ee38970e434e9407e",
        "Qwen2.5 1.5B Instruct, 4-bit",
    ),
    _qwen(
        "qwen3-0.6b",
        "Qwen3-0.6B-GGUF",
        "Qwen3-0.6B-Q8_0.gguf",
        639446688,
        "9465e63a22add5354d9bb4b99e90117043c7124007664907259bd16d043bb031",
        "Qwen3 0.6B, 8-bit, asked not to think: for small machines",
    ),
)
