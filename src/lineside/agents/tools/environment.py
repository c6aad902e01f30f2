"""Secrets and addresses of tools: named in the agent's file, taken from the environment. Pure."""

import re
from collections.abc import Mapping

_ENVIRONMENT = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")


class NotSet(LookupError):
    """A name of the environment that a tool needs has no value."""


def filled_from(text: str, environment: Mapping[str, str]) -> str:
    """`${NAME}` replaced by the environment's value. Raises `NotSet`."""
    return _ENVIRONMENT.sub(lambda found: value_of(found[1], environment), text)


def value_of(name: str, environment: Mapping[str, str]) -> str:
    """The environment's value. Raises `NotSet`."""
    if not environment.get(name):
        raise NotSet(f"{name} is not set")
    return environment[name]
