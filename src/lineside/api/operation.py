"""What one operation of the control API is, and how a typed function becomes one."""

from collections.abc import Awaitable, Callable, Mapping
from inspect import getdoc
from typing import Any, Literal, get_type_hints

from msgspec import Struct
from msgspec.structs import fields as struct_fields

from lineside.api.api_services import ApiServices

Method = Literal["GET", "POST", "PUT", "DELETE"]
Stream = Literal["", "ndjson", "sse", "csv", "flac", "wav"]
PATH_NAME = "name"  # a handler's parameter for what the path names
ALWAYS = (401, 403, 503)  # no key, a stranger's page, closing time

MEDIA = {
    "": "application/json",
    "ndjson": "application/x-ndjson",
    "sse": "text/event-stream",
    "csv": "text/csv",
    "flac": "audio/flac",
    "wav": "audio/wav",
}

CURL = {
    "ndjson": ["-N"],
    "sse": ["-N"],
    "flac": ["-o", "call.flac"],
    "wav": ["-o", "said.wav"],
}  # what it wants to be told

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
    429: "Too many at once, or within a minute: the message says when to ask again.",
    502: "The engine or the host agent failed: the message says how.",
    503: "Not now: the gateway closes, too many watch, or there is no host agent.",
    504: "The engine did not answer in time.",
}


class ApiRequest(Struct, frozen=True):
    """A request that was found right."""

    named: str = ""  # what the path names
    body: Any = None
    query: Any = None


class Operation(Struct, frozen=True):
    """One operation. Everything that is said of it anywhere is made from this."""

    method: Method
    path: str
    group: str  # that it is shown in
    summary: str
    answer: Any  # the type of the answer, or of each piece of a stream
    handler: Callable[..., Awaitable[Any]]  # returns an `answer`, an AsyncGenerator of bytes that streams it, or a file
    takes: Any = None  # the type of the body
    query: Any = None  # the type of what stands behind the question mark
    errors: tuple[int, ...] = ()  # statuses besides 200, `ALWAYS`, and those that every body and query may get
    streams: Stream = ""
    named: Mapping[str, str] = {}  # the name in the path → an example of it
    example: Any = None  # a body

    async def run(self, api: ApiServices, asked: ApiRequest) -> Any:
        """Do it. Raises `ApiError`."""
        given: dict[str, Any] = {}
        if self.named:
            given[PATH_NAME] = asked.named
        if self.takes is not None:
            given["body"] = asked.body
        if self.query is not None:
            given["query"] = asked.query
        return await self.handler(api, **given)

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
        return tuple(sorted({200, *ALWAYS, *wrong, *large, *self.errors}))

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


Handler = Callable[..., Awaitable[Any]]


def operation(
    method: Method,
    path: str,
    *,
    group: str,
    errors: tuple[int, ...] = (),
    streams: Stream = "",
    pieces: Any = None,
    named: str = "",
    example: Any = None,
) -> Callable[[Handler], Operation]:
    """Make an operation of a function: its types say what comes in and goes out, its docstring what it does.

    The function takes the services, then what it needs by these names: `name` (what the path names), `body`, `query`.

    Args:
        method: of HTTP.
        path: with at most one name in braces.
        group: under which the documents show it.
        errors: statuses besides 200 that only this operation answers with.
        streams: the form of a streamed answer; then `pieces` is the type of each piece, if it has one.
        pieces: see `streams`.
        named: an example of the name in the path.
        example: a body to try it with.
    """
    _, brace, after = path.partition("{")

    def declared(handler: Handler) -> Operation:
        hints = get_type_hints(handler, include_extras=True)
        return Operation(
            method=method,
            path=path,
            group=group,
            summary=" ".join((getdoc(handler) or "").partition("\n\n")[0].split()),
            answer=pieces if streams else hints["return"],
            handler=handler,
            takes=hints.get("body"),
            query=hints.get("query"),
            errors=errors,
            streams=streams,
            named={after.partition("}")[0]: named} if brace else {},
            example=example,
        )

    return declared
