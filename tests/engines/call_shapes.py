"""Calls of tools as servers are known to stream them, and what each of them means."""

from typing import Any

from tests.engines.zoo import chunk

ARGUMENTS = '{"order_number": "12345"}'


def call(*, at: Any = 0, name: Any = "find_order", arguments: Any = ARGUMENTS, **more: Any) -> dict[str, Any]:
    """One fragment of a call; what is None is left out."""
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    return ({"index": at} if at is not None else {}) | {"function": function} | more


def calls(*fragments: dict[str, Any]) -> dict[str, Any]:
    return chunk(tool_calls=list(fragments))


def ended(why: str = "tool_calls") -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {}, "finish_reason": why}]}


PIECES = [calls(call(at=0, name=None, arguments=part)) for part in ('{"order', '_number": ', '"12345"}')]
OPENAI = [calls(call(id="call_1", type="function", arguments="")), *PIECES, ended()]
NUMBER, ANOTHER = {"order_number": "12345"}, {"order_number": "54321"}
ONE = [("find_order", NUMBER)]
TWO = [*ONE, ("find_order", ANOTHER)]
IN_TEXT = '{"name": "find_order", "arguments": {"order_number": "12345"}}'
OTHER = '{"order_number": "54321"}'
SHAPES: list[tuple[str, list[Any], list[tuple[str, Any]]]] = [
    ("openai", OPENAI, ONE),
    ("words first", [chunk("Let me "), chunk("look."), *OPENAI], ONE),
    ("vllm, whole in one delta", [calls(call(id="chatcmpl-tool-1", type="function")), ended()], ONE),
    ("finish reason stop", [calls(call(id="a")), ended("stop")], ONE),
    (
        "no index",
        [
            calls(call(at=None, id="a", arguments='{"order_num')),
            calls(call(at=None, name=None, arguments='ber": "12345"}')),
            ended(),
        ],
        ONE,
    ),
    (
        "no index, ids repeated in each piece",
        [
            calls(call(at=None, id="a", arguments='{"order_num')),
            calls(call(at=None, id="a", arguments='ber": "12345"}')),
            ended(),
        ],
        ONE,
    ),
    (
        "the name in every piece",
        [calls(call(id="a", arguments='{"order_num')), calls(call(arguments='ber": "12345"}')), ended()],
        ONE,
    ),
    ("no id", [calls(call()), ended()], ONE),
    ("arguments as an object", [calls(call(arguments=NUMBER)), ended()], ONE),
    ("no arguments", [calls(call(arguments="")), ended()], [("find_order", {})]),
    (
        "arguments null",
        [calls(call() | {"function": {"name": "find_order", "arguments": None}}), ended()],
        [("find_order", {})],
    ),
    ("content null beside", [{"choices": [{"delta": {"content": None, "tool_calls": [call()]}}]}, ended()], ONE),
    ("two calls", [calls(call(at=0, id="a"), call(at=1, id="b", arguments=OTHER)), ended()], TWO),
    (
        "two calls interleaved",
        [
            calls(call(at=0, id="a", arguments='{"order_number": ')),
            calls(call(at=1, id="b", arguments=OTHER)),
            calls(call(at=0, name=None, arguments='"12345"}')),
            ended(),
        ],
        TWO,
    ),
    (
        "gemini: two calls, one index, two ids",
        [calls(call(id="a")), calls(call(id="b", arguments=OTHER)), ended()],
        TWO,
    ),
    ("two whole calls, one index, no ids", [calls(call()), calls(call(arguments=OTHER)), ended()], TWO),
    (
        "two whole calls, one id, no index",
        [calls(call(at=None, id="x")), calls(call(at=None, id="x", arguments=OTHER)), ended()],
        TWO,
    ),
    ("two objects, one index", [calls(call(arguments=NUMBER)), calls(call(arguments=ANOTHER)), ended()], TWO),
    (
        "function_call of old",
        [
            chunk(function_call={"name": "find_order", "arguments": '{"order_num'}),
            chunk(function_call={"arguments": 'ber": "12345"}'}),
            ended("function_call"),
        ],
        ONE,
    ),
    ("no finish reason", [calls(call())], ONE),
    (
        "one json instead of a stream",
        [
            {
                "choices": [
                    {"message": {"content": None, "tool_calls": [call(at=None, id="a")]}, "finish_reason": "tool_calls"}
                ]
            }
        ],
        ONE,
    ),
    (
        "hermes tags in the text",
        [chunk("<tool"), chunk("_call>\n"), chunk(IN_TEXT + "\n</tool_call>"), ended("stop")],
        ONE,
    ),
    ("words, then tags", [chunk("Let me look. <tool_call>"), chunk(IN_TEXT + "</tool_call>"), ended("stop")], ONE),
    (
        "coder: bare json",
        [chunk('{"na'), chunk('me": "find_order", "arguments": {"order_number": "12345"}}'), ended("stop")],
        ONE,
    ),
    ("fenced json", [chunk("```json\n"), chunk(IN_TEXT + "\n```"), ended("stop")], ONE),
    (
        "llama 3: parameters after a python tag",
        [
            chunk("<|python_tag|>"),
            chunk('{"name": "find_order", "parameters": {"order_number": "12345"}}'),
            ended("stop"),
        ],
        ONE,
    ),
    ("mistral: a list", [chunk("[TOOL_CALLS] "), chunk(f"[{IN_TEXT}]"), ended("stop")], ONE),
    (
        "qwen coder: xml",
        [
            chunk('<tool_call>\n<function=find_order>\n<parameter=order_number>\n"12345"\n'),
            chunk("</parameter>\n</function>\n</tool_call>"),
            ended("stop"),
        ],
        ONE,
    ),
    ("llama: function tag", [chunk('<function=find_order>{"order_number": "12345"}</function>'), ended("stop")], ONE),
    ("as text and apart: once", [chunk(IN_TEXT), *OPENAI], ONE),
    (
        "broken json is told the model",
        [calls(call(arguments='{"order_number": 12')), ended()],
        [("find_order", '{"order_number": 12')],
    ),
]


def said_by_ollama(*messages: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"message": {"role": "assistant", "content": "", **message}, "done": False} for message in messages]


OLLAMA = [
    ("one", said_by_ollama({"tool_calls": [call(at=None, arguments=NUMBER)]}), ONE),
    (
        "words first",
        said_by_ollama({"content": "Let me look."}, {"tool_calls": [call(at=None, id="x", arguments=NUMBER)]}),
        ONE,
    ),
    (
        "index within",
        said_by_ollama(
            {"tool_calls": [{"function": {"index": 0, "name": "find_order", "arguments": NUMBER}}]},
            {"tool_calls": [{"function": {"index": 1, "name": "find_order", "arguments": ANOTHER}}]},
        ),
        TWO,
    ),
    (
        "always index 0",
        said_by_ollama({"tool_calls": [call(arguments=NUMBER)]}, {"tool_calls": [call(arguments=ANOTHER)]}),
        TWO,
    ),
    (
        "two in one",
        said_by_ollama({"tool_calls": [call(at=None, arguments=NUMBER), call(at=None, arguments=ANOTHER)]}),
        TWO,
    ),
    (
        "as text",
        said_by_ollama({"content": '{"name": "find_order", '}, {"content": '"arguments": {"order_number": "12345"}}'}),
        ONE,
    ),
]
