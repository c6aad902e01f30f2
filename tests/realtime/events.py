"""OpenAI's published types, which read every event of a session."""

from typing import Any, get_args

from openai.types.realtime.realtime_server_event import RealtimeServerEvent
from pydantic import BaseModel


def _known() -> dict[str, type[BaseModel]]:
    union = RealtimeServerEvent
    while not all(isinstance(kind, type) for kind in get_args(union)):
        union = get_args(union)[0]
    return {name: kind for kind in get_args(union) for name in get_args(kind.model_fields["type"].annotation)}


KNOWN = _known()


def checked(event: dict[str, Any]) -> None:
    """Raises where OpenAI's types do not know the event, or a field of it is missing or of another kind."""
    kind = KNOWN[event["type"]]
    kind.model_validate(event)
