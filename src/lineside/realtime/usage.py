"""Tokens of a response, as OpenAI counts them: estimated, for not every engine counts. Pure."""

from collections.abc import Sequence
from typing import Any

from lineside.engines.protocols import Message

LETTERS_A_TOKEN = 4  # of English
SPOKEN_A_SECOND = 20  # tokens of an answer's sound, as OpenAI bills it


def response_usage(messages: Sequence[Message], written: str, spoken: float) -> dict[str, Any]:
    """What one response took.

    Args:
        messages: what the model was shown.
        written: what it wrote, arguments of calls too.
        spoken: seconds of sound that were sent.
    """
    read = max(1, sum(len(message.content) for message in messages) // LETTERS_A_TOKEN)
    text, audio = max(1, len(written) // LETTERS_A_TOKEN), round(spoken * SPOKEN_A_SECOND)
    cached = {"text_tokens": 0, "audio_tokens": 0, "image_tokens": 0}
    return {
        "total_tokens": read + text + audio,
        "input_tokens": read,
        "output_tokens": text + audio,
        "input_token_details": {
            "text_tokens": read,
            "audio_tokens": 0,
            "image_tokens": 0,
            "cached_tokens": 0,
            "cached_tokens_details": cached,
        },
        "output_token_details": {"text_tokens": text, "audio_tokens": audio},
    }
