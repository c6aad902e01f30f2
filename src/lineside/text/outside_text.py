"""The one door of outside text to a language model: nothing in it steers the model's chat template. Pure.

Servers tokenise prompts with special tokens on: `<|im_end|>` in a caller's words or in a tool's answer would end the
turn and begin another one, of whatever role follows.
"""

import re
import unicodedata

ROUNDS = 8  # of removal: what is left of one token may make another; after that the signs themselves go

_TOKENS = re.compile(
    r"<\|[^|<>]{0,60}\|>|<\uff5c[^<>]{0,60}\uff5c>"  # ChatML, Llama 3, Phi, gpt-oss; DeepSeek
    r"|</?(?:s|bos|eos|unk|pad|mask|think|thinking|tools?|tool_calls?|tool_response|function_calls?|function_results?"
    r"|start_of_turn|end_of_turn|system|assistant|user)>"
    r"|</?(?:function|parameter|invoke)(?:=[^<>]{0,60})?>"
    r"|<</?SYS>>|\[/?(?:INST|TOOL_CALLS|TOOL_RESULTS|AVAILABLE_TOOLS|SYSTEM_PROMPT)\]",
    re.IGNORECASE,
)
_CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e01ef]"
)
_SIGNS = re.compile(r"<\||\|>|<\uff5c|\uff5c>|<<|>>")


def outside_text(text: str, most: int | None = None) -> str:
    """The text without special tokens and invisible characters, in composed characters; `most` characters of it."""
    text = _CONTROLS.sub("", unicodedata.normalize("NFC", text))
    for _ in range(ROUNDS):
        cleaned = _TOKENS.sub(" ", text)
        if cleaned == text:
            break
        text = cleaned
    else:
        text = _SIGNS.sub(" ", _TOKENS.sub(" ", text))
    return text[:most]
