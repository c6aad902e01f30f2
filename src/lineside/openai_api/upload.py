"""Forms with a file: the file goes to the disk as it comes, so that two hours of sound take no memory."""

import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import IO

from aiohttp import BodyPartReader, web
from msgspec import Struct

from lineside.openai_api.errors import OpenAiError

FILE_BYTES = 512 << 20  # two hours of 16-bit sound at 16 kHz are 230 MB, at 44.1 kHz with two channels 1.3 GB
FIELD_BYTES = 64 << 10  # of one of the other fields
FIELDS = 32  # of one form
PIECE = 256 << 10  # bytes read from the connection at a time


class UploadedForm(Struct, frozen=True):
    """The fields of a form, each with all its values, and its file."""

    fields: dict[str, list[str]]
    file: IO[bytes] | None  # at its beginning; gone with the block
    name: str = ""  # that the client gave it; nothing is opened by it

    def one(self, name: str, otherwise: str = "") -> str:
        """The value of a field."""
        return self.fields.get(name, [otherwise])[-1]


@asynccontextmanager
async def uploaded_form(request: web.Request) -> AsyncGenerator[UploadedForm, None]:
    """Read a multipart form; the file `file` to a temporary one. Raises `OpenAiError`."""
    if not request.content_type.startswith("multipart/"):
        raise OpenAiError(400, "send multipart/form-data with the sound in its field 'file'", "file")
    fields: dict[str, list[str]] = {}
    name, found = "", False
    with tempfile.TemporaryFile() as kept:
        try:
            async for part in await request.multipart():
                if not isinstance(part, BodyPartReader):
                    raise OpenAiError(400, "the form has a part with parts of its own")
                if part.name == "file":
                    name, found = part.filename or "", True
                    await _keep(part, kept)
                    continue
                if sum(map(len, fields.values())) >= FIELDS:
                    raise OpenAiError(400, f"the form has more than {FIELDS} fields")
                value = bytearray()
                while piece := await part.read_chunk(PIECE):
                    value += piece
                    if len(value) > FIELD_BYTES:
                        raise OpenAiError(400, f"the field has more than {FIELD_BYTES} bytes", part.name)
                fields.setdefault((part.name or "").removesuffix("[]"), []).append(value.decode(errors="replace"))
        except (ValueError, AssertionError, EOFError) as damaged:  # all of them seen from damaged forms
            raise OpenAiError(400, "the body is no multipart/form-data that can be read", "file") from damaged
        kept.seek(0)
        yield UploadedForm(fields, kept if found else None, name)


async def _keep(part: BodyPartReader, kept: IO[bytes]) -> None:
    size = 0
    while piece := await part.read_chunk(PIECE):
        size += len(piece)
        if size > FILE_BYTES:
            raise OpenAiError(413, f"the file has more than {FILE_BYTES >> 20} MiB", "file")
        kept.write(piece)
