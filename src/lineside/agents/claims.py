"""What a language model may not say aloud: that something was done which was not, and what the file forbids. Pure."""

import re
from collections.abc import Callable, Mapping

from lineside.agents.declared import Limits, Tool

NOT_YET = "I haven't done anything of that yet."  # said in place of a claim; the rest of the answer is dropped


def may_say(piece: str, tools: Mapping[str, Tool], limits: Limits, succeeded: Callable[[str], bool]) -> bool:
    """Whether a piece of a model's answer may go to the voice.

    Args:
        piece: a sentence or a clause.
        tools: what the agent can call; each `claims` words that only its success makes true.
        limits: has the words that are never said.
        succeeded: whether a call of this tool was a success.
    """
    if any(re.search(pattern, piece, re.IGNORECASE) for pattern in limits.never_say):
        return False
    return not any(
        re.search(pattern, piece, re.IGNORECASE) and not succeeded(name)
        for name, tool in tools.items()
        for pattern in tool.claims
    )
