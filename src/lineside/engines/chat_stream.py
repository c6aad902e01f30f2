"""The pieces of a streamed chat completion, read liberally: what carries nothing is passed over. Pure.

Servers send `data: null` while they think, chunks without choices for usage or content filters, `"choices": null` at
the end, comments to keep proxies awake, content as a list of parts, and now and then one whole answer where a stream
was asked for. None of it may cost an answer.
"""

import codecs
from typing import Any

import msgspec
from msgspec import Struct

DONE = b"[DONE]"
STREAM_BYTES = 4 << 20  # of one streamed answer, comments and white space included; an answer has some 50 kB
LINE_BYTES = 1 << 18  # of one event


class StreamPiece(Struct, frozen=True):
    """What one event carries."""

    thought: str = ""
    text: str = ""
    error: str = ""  # the server's own words: it broke off
    calls: tuple[Any, ...] = ()  # fragments of tool calls
    finished: str = ""  # why the answer is over, if it is


NOTHING = StreamPiece()


class EventReader:
    """From bytes, cut anywhere, to the data of server-sent events (HTML standard, section 9.2)."""

    def __init__(self) -> None:
        self._size, self._rest = 0, b""

    def feed(self, block: bytes) -> list[bytes]:
        """The data that is complete now. Raises `OverflowError` for a line or a stream without an end."""
        self._size += len(block)
        if self._size > STREAM_BYTES:
            raise OverflowError(f"more than {STREAM_BYTES} bytes for one answer")
        if not self._rest and not block.strip():
            return []  # white space that keeps a connection awake
        *lines, self._rest = (self._rest + block).split(b"\n")
        if len(self._rest) > LINE_BYTES:
            raise OverflowError(f"a line of more than {LINE_BYTES} bytes")
        return [data for line in lines if (data := _data(line))]

    def end(self) -> list[bytes]:
        """The last line, where no newline followed it."""
        return [data] if (data := _data(self._rest)) else []


def _data(line: bytes) -> bytes:
    """What a line carries: the data of an event, or a bare JSON object, as some servers report an error."""
    line = line.strip().removeprefix(codecs.BOM_UTF8)
    if line.startswith(b"data:"):
        return line[5:].strip()
    return line if line.startswith(b"{") else b""


def read_event(data: bytes) -> StreamPiece:
    """One event's data, after `data:`. Raises `ValueError` for what is not JSON at all."""
    try:
        decoded = _decoded(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        decoded = _decoded(data.decode(errors="ignore").encode())  # half a character, cut by a proxy
    return _piece(decoded)


def read_whole(body: bytes) -> StreamPiece:
    """An answer that came as one `application/json` instead of a stream. Raises `ValueError` if it is no JSON."""
    return _piece(_decoded(body))


def _decoded(data: bytes) -> Any:
    try:
        return msgspec.json.decode(data)
    except RecursionError:
        raise ValueError("nested without end") from None


def _piece(decoded: Any) -> StreamPiece:
    if not isinstance(decoded, dict):
        return NOTHING
    if decoded.get("error"):
        return StreamPiece(error=error_words(decoded["error"]))
    if decoded.get("object") == "error":  # vLLM's older shape: the error is the whole event
        return StreamPiece(error=error_words(decoded))
    thoughts, texts, calls, finished = [], [], list[Any](), ""
    for choice in _list(decoded.get("choices")):
        if not isinstance(choice, dict):
            continue
        if isinstance(choice.get("finish_reason"), str):
            finished = choice["finish_reason"]
        delta = choice.get("delta") or choice.get("message") or {}
        if not isinstance(delta, dict):
            continue
        thoughts += [_words(delta.get("reasoning_content") or delta.get("reasoning"))]
        thought, text = _parts(delta.get("content"))
        thoughts.append(thought)
        texts.append(text)
        if isinstance(choice.get("text"), str):
            texts.append(choice["text"])
        calls += _list(delta.get("tool_calls"))
        if isinstance(delta.get("function_call"), dict):  # before there were several
            calls.append({"index": 0, "function": delta["function_call"]})
    return StreamPiece("".join(thoughts), "".join(texts), calls=tuple(calls), finished=finished)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _words(value: Any) -> str:
    """Text, or the text of parts of any depth up to three."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return _words(value.get("text") or value.get("content") or "")
    return "".join(one if isinstance(one, str) else _words(one) for one in _list(value)[:1000])


def _parts(content: Any) -> tuple[str, str]:
    """Thought and text of a content that may be a list of typed parts, as Mistral's reasoning models send it."""
    if isinstance(content, str):
        return "", content
    thought, text = "", ""
    for part in _list(content):
        if isinstance(part, dict) and part.get("type") in {"thinking", "reasoning"}:
            thought += _words(part.get("thinking") or part.get("reasoning") or part.get("text"))
        elif isinstance(part, dict) and part.get("type") in {None, "text", "output_text"}:
            text += _words(part)
    return thought, text


def error_words(said: Any) -> str:
    """The sentence in an error: OpenAI's `error.message`, Ollama's `error`, FastAPI's `detail`, ElevenLabs' both.

    Only that: FastAPI's complaints about a field also quote what was sent, and that is what callers say.
    """
    if isinstance(said, dict):
        for name in ("message", "msg", "error", "detail", "status"):
            if said.get(name):
                return error_words(said[name])
        return "no reason"
    if isinstance(said, list):
        return "; ".join(error_words(one) for one in said[:3])
    return str(said)
