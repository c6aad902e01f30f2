"""What one server wants for one model: learned from what it refused, once, and remembered. Pure.

OpenAI-shaped servers agree on the address and differ on the rest: reasoning models refuse `max_tokens` and any
temperature but 1, templates refuse a system message, strict servers refuse every field that they do not know. The first
request is the ordinary one. A refusal that names its cause changes the dialect, and the request goes out again in it.
"""

import re
from collections.abc import Sequence
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from lineside.engines.protocols import Message, ToolSpec

TRIES = 6  # of one request, each after something was learned; then the refusal stands
REFUSING = frozenset({400, 404, 405, 409, 413, 415, 422, 500, 501})  # statuses whose words may tell what is refused
LIMITS = ("max_tokens", "max_completion_tokens")  # names for the longest answer, tried in order

_REFUSED = re.compile(
    r"unsupported|not\s+supported|(?:does|do)(?:n'?t|\s+not)\s+support|unrecogni[sz]ed|unknown|unexpected|not\s+permitted"
    r"|not\s+allowed|not\s+accepted|invalid|deprecated|extra[\s_](?:fields?|inputs?|forbidden)|only\s+the\s+default"
    r"|not\s+available|cannot\s+be\s+used|must\s+be\s+(?:omitted|removed)|no\s+longer",
    re.IGNORECASE,
)
_NO_SYSTEM = re.compile(
    r"system(?:\s+or\s+developer)?['\"`]?\s+(?:role|message|prompt|instruction)s?\b[^.]{0,60}\b(?:not|un)\s*"
    r"(?:be\s+)?(?:supported|allowed|accepted|enabled|permitted)"
    r"|(?:not\s+support|unsupported|not\s+allowed|unknown|invalid)[^.]{0,40}\bsystem\b"
    r"|role['\"`:\s]+system\b[^.]{0,40}(?:not|invalid|unsupported)"
    r"|only\s+user,?\s+(?:and\s+)?(?:assistant|model)[^.]{0,30}\broles\s+are\s+supported"
    r"|developer\s+instruction\s+is\s+not\s+enabled",
    re.IGNORECASE,
)
_ALTERNATE = re.compile(
    r"roles?\s+must\s+alternate|must\s+alternate|alternat\w+\s+(?:between\s+)?user"
    r"|(?:first|start|begin)\w*[^.]{0,40}\b(?:user\s+(?:role|message|turn)|(?:role|message)[^.]{0,20}\buser)",
    re.IGNORECASE,
)

_NO_TOOLS = re.compile(
    r"tool[ _]choice\W{0,2}\s+requires|enable-auto-tool-choice|tools?\s+param\w*\s+requires|--jinja"
    r"|(?:not|n't)\s+support\s+(?:tools?|functions?)\b|tools?\b[^.]{0,40}\bnot\s+(?:be\s+)?(?:supported|enabled|available)",
    re.IGNORECASE,
)
TOOLS = "tools"


class ChatDialect(Struct, frozen=True):
    """How a conversation is put to a server."""

    limit: str = LIMITS[0]  # the name for the longest answer; empty: the server takes none
    refused: frozenset[str] = frozenset()  # fields that are left out
    system: Literal["own", "first_user"] = "own"  # a message of its own, or the beginning of the caller's first one
    quiet: tuple[tuple[str, Any], ...] = ()  # fields that ask for little thinking; left out where refused

    def request(
        self,
        model: str,
        messages: Sequence[Message],
        max_tokens: int,
        temperature: float,
        tools: Sequence[ToolSpec] = (),
    ) -> dict[str, Any]:
        """The body of `POST /v1/chat/completions`."""
        asked: dict[str, Any] = {
            "model": model,
            "messages": [
                _sent(message) for message in (without_system(messages) if self.system == "first_user" else messages)
            ],
            "temperature": temperature,
            "stream": True,
            **dict(self.quiet),
        }
        if tools:
            asked[TOOLS] = tools_sent(tools)
        if self.limit:
            asked[self.limit] = max_tokens
        return {name: value for name, value in asked.items() if name not in self.refused}

    def learned(self, status: int, said: str, param: str, sent: Sequence[str]) -> "ChatDialect | None":
        """The dialect after a refusal, or None where its words name nothing that could be done otherwise.

        Args:
            status: HTTP status.
            said: The server's own words, whole.
            param: The field that the server names, if it does so apart from its words.
            sent: The fields of the refused request.
        """
        if status not in REFUSING:
            return None
        if self.limit and (self.limit == param or refuses(said, self.limit)):
            later = LIMITS[LIMITS.index(self.limit) + 1 :]
            named = next((name for name in later if mentions(said, name)), later[0] if later else "")
            return replace(self, limit=named)
        if TOOLS in sent and _NO_TOOLS.search(said):
            return replace(self, refused=self.refused | {TOOLS})
        spare = [name for name in sent if name not in {"model", "messages", "stream", self.limit}]
        named_field = next(
            (name for name in spare if name == param.split(".", maxsplit=1)[0] or refuses(said, name)), ""
        )
        if named_field:
            return replace(self, refused=self.refused | {named_field})
        if self.system == "own" and (_NO_SYSTEM.search(said) or _ALTERNATE.search(said)):
            return replace(self, system="first_user")
        return None


def mentions(said: str, field: str) -> bool:
    """Whether the words name this field."""
    return bool(re.search(rf"(?<!\w){re.escape(field)}(?!\w)", said))


def refuses(said: str, field: str) -> bool:
    """Whether the words refuse this field."""
    return mentions(said, field) and bool(_REFUSED.search(said))


def alternating(messages: Sequence[Message]) -> list[Message]:
    """The same conversation as every chat template takes it: system, then user and assistant in turn, a user first.

    Templates of Mistral, Gemma, Llama 2 and others raise an error on anything else.
    """
    given: list[Message] = []
    system = [message.content for message in messages if message.role == "system" and message.content.strip()]
    if system:
        given.append(Message("system", "\n\n".join(system)))
    for message in messages:
        if message.role == "tool":
            given.append(message)
            continue
        if message.role == "system" or not (message.content.strip() or message.calls):
            continue
        if message.role == "assistant" and (not given or given[-1].role == "system"):
            given.append(Message("user", SILENT))
        if given and given[-1].role == message.role and not message.calls and not given[-1].calls:
            given[-1] = Message(message.role, f"{given[-1].content}\n{message.content}")
        else:
            given.append(message)
    return given


def _sent(message: Message) -> dict[str, Any]:
    """One message, as OpenAI's reference has it."""
    sent: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.calls:
        sent["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.calls
        ]
    if message.role == "tool":
        sent["tool_call_id"] = message.answers
    return sent


def tools_sent(tools: Sequence[ToolSpec]) -> list[dict[str, Any]]:
    """Tools, as OpenAI's reference and Ollama's have them."""
    return [
        {
            "type": "function",
            "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters},
        }
        for tool in tools
    ]


SILENT = "..."  # a caller who has said nothing yet


def without_system(messages: Sequence[Message]) -> list[Message]:
    """The same conversation for a template without a system role: its words begin the first user message."""
    system = "\n\n".join(message.content for message in messages if message.role == "system")
    rest = [message for message in messages if message.role != "system"]
    if not system:
        return rest
    if rest and rest[0].role == "user":
        return [Message("user", f"{system}\n\n{rest[0].content}"), *rest[1:]]
    return [Message("user", system), *rest]


class Dialects:
    """The dialects of one engine's server, by model. Bounded by the models that calls may name."""

    MOST = 64  # models; the first one learned is forgotten beyond that

    def __init__(self, quiet: tuple[tuple[str, Any], ...] = ()) -> None:
        """`quiet`: the fields that ask a thinking model for little thinking."""
        self._quiet = quiet
        self._known: dict[str, ChatDialect] = {}

    def of(self, model: str, *, thinks: bool = False) -> ChatDialect:
        """What is known; the ordinary dialect for a model that was never refused."""
        known = self._known.get(model)
        if known is not None:
            return known
        return ChatDialect(quiet=self._quiet if thinks else ())

    def learn(self, model: str, dialect: ChatDialect) -> None:
        """Remember what a server wants."""
        if self._known.get(model) is dialect:
            return
        while len(self._known) >= self.MOST and model not in self._known:
            del self._known[next(iter(self._known))]
        self._known[model] = dialect

    def ask_less_thinking(self, model: str, known: ChatDialect) -> bool:
        """Ask this model for little thinking from now on; False where that was asked already or cannot be."""
        if known.quiet or not self._quiet:
            return False
        self.learn(model, replace(known, quiet=self._quiet))
        return True
