"""Which models a server would unload soon though calls use them. Pure."""

import re

USED_WITHIN = 3600.0  # seconds; a model that no call has used for so long may go, but for the usual one
SHORTEST = 45.0  # seconds; an operator who has models kept for less wants their memory for something else
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = r"(\d+(?:\.\d+)?)(ms|s|m|h)"


class WarmModels:
    """The models of one server, by when they were used and when they were last asked for. Times in seconds."""

    def __init__(self, usual: str, kept: float | None) -> None:
        """`kept`: how long the server keeps a model that nobody asks for; None: for ever, or nobody knows."""
        self._usual, self._kept = usual, kept
        self._used: dict[str, float] = {}
        self._asked: dict[str, float] = {}

    def used(self, model: str, now: float) -> None:
        """A call has an answer of it."""
        self._used[model] = self._asked[model] = now

    def asked(self, model: str, now: float) -> None:
        """It was loaded, or touched."""
        self._used.setdefault(model, now)
        self._asked[model] = now

    def forget(self, model: str) -> None:
        """An operator unloads it."""
        self._used.pop(model, None)
        self._asked.pop(model, None)

    def loaded(self, model: str, now: float) -> bool:
        """Whether the server has it, as far as that can be known without asking."""
        return model in self._asked and (self._kept is None or now - self._asked[model] < self._kept)

    def due(self, now: float) -> list[str]:
        """Those to be touched now."""
        if self._kept is None or self._kept < SHORTEST:
            return []
        wanted = [m for m, used in self._used.items() if m == self._usual or now - used < USED_WITHIN]
        return [model for model in wanted if now - self._asked[model] >= self._kept / 2]


def keep_alive(setting: str) -> float | str:
    """`OLLAMA_KEEP_ALIVE` as the API takes it: seconds are a number there, and "-1" in quotes is refused."""
    return float(setting) if re.fullmatch(r"-?\d+(?:\.\d+)?", setting) else setting


def kept_seconds(alive: str | float) -> float | None:
    """Ollama's `keep_alive` in seconds: a number, or Go's "5m", "1h30m" (pkg.go.dev/time#ParseDuration).

    None for ever, which any negative one means, and for what is neither.
    """
    if isinstance(alive, int | float):
        return None if alive < 0 else float(alive)
    if not re.fullmatch(rf"(?:{_PART})+", alive):
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in re.findall(_PART, alive))
