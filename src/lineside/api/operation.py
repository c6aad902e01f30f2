"""What one operation of the control API is, and who does the work."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import fields as struct_fields

from lineside.api.background import BackgroundTasks
from lineside.api.dependencies import ApiDependencies
from lineside.api.downloads import DownloadOperations
from lineside.api.engines import EngineList, EngineOperations
from lineside.api.machine import MachineOperations
from lineside.api.model_inventory import ModelInventory
from lineside.api.models import ModelOperations
from lineside.api.services import ServiceOperations

ALWAYS = (401, 403, 503)  # no key, a stranger's page, closing time

MEDIA = {
    "": "application/json",
    "ndjson": "application/x-ndjson",
    "sse": "text/event-stream",
    "csv": "text/csv",
    "flac": "audio/flac",
}

CURL = {"ndjson": ["-N"], "sse": ["-N"], "flac": ["-o", "call.flac"]}  # what it wants to be told

STATUS = {
    200: "Done.",
    206: "The range that was asked for.",
    400: "The request is wrong: the message names the field and what is allowed.",
    401: "API_KEYS is set, and none of its keys was given.",
    403: "Pages of this origin may not ask.",
    404: "There is nothing of this name: the message lists the names there are.",
    409: "It contradicts what goes on: the message says why, and what to do.",
    416: "There is no such range.",
    413: "The body is larger than a mebibyte.",
    502: "The engine or the host agent failed: the message says how.",
    503: "Not now: the gateway closes, too many watch, or there is no host agent.",
    504: "The engine did not answer in time.",
}


class ApiServices:
    """Who does the work."""

    def __init__(self, room: ApiDependencies, crew: BackgroundTasks) -> None:
        self.room, self.crew = room, crew
        self.roster = EngineList(room.registry)
        self.engines = EngineOperations(self.roster, room.registry.defaults, crew)
        self.downloads = DownloadOperations(room, crew)
        self.stock = ModelInventory(room, self.roster, crew, self.downloads)
        self.models = ModelOperations(room, self.stock, self.downloads)
        self.readings = MachineOperations(room, crew)
        self.services = ServiceOperations(room)


class ApiRequest(Struct, frozen=True):
    """A request that was found right."""

    named: str = ""  # what the path names
    body: Any = None
    query: Any = None


class Operation(Struct, frozen=True):
    """One operation. Everything that is said of it anywhere is made from this."""

    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    about: str  # the group it is shown in
    summary: str
    answer: Any  # the type of the answer, or of each piece of a stream
    does: Callable[
        [ApiServices, ApiRequest], Awaitable[Any]
    ]  # returns an `answer`, an AsyncGenerator of bytes that streams it, or a file
    takes: Any = None  # the type of the body
    query: Any = None  # the type of what stands behind the question mark
    refuses: tuple[int, ...] = ()  # statuses besides 200, `ALWAYS`, and those that every body and query may get
    streams: Literal["", "ndjson", "sse", "csv", "flac"] = ""
    named: Mapping[str, str] = {}  # the name in the path → an example of it
    example: Any = None  # a body

    @property
    def name(self) -> str:
        """Short and unique: `post_models_load`."""
        words = [part.strip("{}") for part in self.path.removeprefix("/api").split("/") if part]
        return "_".join([self.method.lower(), *words])

    @property
    def statuses(self) -> tuple[int, ...]:
        """Every status that it may answer with."""
        wrong = (400,) if self.takes is not None or self.query is not None else ()
        large = (413,) if self.takes is not None else ()
        return tuple(sorted({200, *ALWAYS, *wrong, *large, *self.refuses}))

    @property
    def may_be_bare(self) -> bool:
        """Whether the body may be left out: nothing in it is needed."""
        return self.takes is not None and not any(field.required for field in struct_fields(self.takes))

    @property
    def media(self) -> str:
        """The type of its answer."""
        return MEDIA[self.streams]

    @property
    def curl(self) -> str:
        """How to try it from a terminal."""
        path = self.path
        for name, example in self.named.items():
            path = path.replace(f"{{{name}}}", example)
        words = ["curl", *CURL.get(self.streams, []), *([] if self.method == "GET" else ["-X", self.method])]
        if self.example is not None:
            words += ["-H 'Content-Type: application/json'", f"-d '{_json(self.example)}'"]
        return " ".join([*words, f"http://localhost:3001{path}"])


def _json(value: Any) -> str:
    import json

    return json.dumps(value)
