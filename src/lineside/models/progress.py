"""How far a download has come, as it is told to programs: one JSON object a line."""

import time
from typing import IO, Annotated, Literal

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from lineside.models.download import DownloadStep

MAX_MESSAGE_CHARS = 2000  # characters of a message; what is beyond is cut off
LINE_INTERVAL = 0.2  # seconds between two lines of the same file
PART = 100  # of the file; another hundredth is told at once, so what is told is never further behind than that


class DownloadProgress(Struct, frozen=True):
    """How far a download has come. The last one of a download is `done`, `failed` or `cancelled`."""

    model: str
    file: Annotated[str, Meta(description="the file that is coming now; empty between files")] = ""
    done: Annotated[int, Meta(ge=0, description="bytes of this file that are here")] = 0
    total: Annotated[int, Meta(ge=0, description="bytes of this file; 0 while unknown")] = 0
    source: Annotated[str, Meta(description="where it comes from")] = ""
    state: Literal["running", "done", "failed", "cancelled"] = "running"
    message: Annotated[str, Meta(description="why it waits, failed, or went to the next source")] = ""

    @property
    def last(self) -> bool:
        """Whether nothing comes after it."""
        return self.state != "running"


class ProgressReporter:
    """Tells the steps of one model after the other as lines of JSON."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out
        self._now = DownloadProgress("")
        self._told_at = 0.0

    def begin(self, model: str) -> None:
        """This model now."""
        self._report(DownloadProgress(model))

    def step(self, step: DownloadStep) -> None:
        """Tell it, unless the line before is too young."""
        now = DownloadProgress(step.model, step.file, step.done, step.total, step.source, message=short(step.trouble))
        news = (now.file, now.message, now.done == now.total) != (self._now.file, self._now.message, False)
        came = now.done - self._now.done >= now.total / PART
        if news or came or time.monotonic() - self._told_at >= LINE_INTERVAL:
            self._report(now)

    def end(self, state: Literal["done", "failed", "cancelled"], message: str = "") -> None:
        """The last line of this model."""
        self._report(replace(self._now, state=state, message=short(message)))

    def _report(self, progress: DownloadProgress) -> None:
        if progress == self._now:
            return
        self._now, self._told_at = progress, time.monotonic()
        self._out.write(msgspec.json.encode(progress) + b"\n")
        self._out.flush()


def short(message: str) -> str:
    """The message, within `MAX_MESSAGE_CHARS`."""
    return message if len(message) <= MAX_MESSAGE_CHARS else f"{message[: MAX_MESSAGE_CHARS - 1]}…"
