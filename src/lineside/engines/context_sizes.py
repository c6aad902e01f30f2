"""How many tokens of context a model is loaded with, for servers that cut longer prompts and say nothing. Pure."""

from collections.abc import Sequence

from lineside.engines.protocols import Fact, Message

STEPS = (4096, 8192, 16_384, 32_768, 65_536, 131_072)  # tokens; each change makes a server load the model again
USUAL = 8192  # before anything has been asked
CHARACTERS_PER_TOKEN = 3  # fewer than any tokeniser gives on average, so a prompt has room
SHORT = 0.5  # of the tokens that a prompt must have at least; a server that read fewer has cut it
SHORT_TOKEN = 3  # characters; the tokens of ordinary words have four and more
CONVERSATION = 6000  # characters that a conversation may grow by without another context


class ContextSizes:
    """By model. A size only grows, in few steps, so that no call makes a server load its model again in the middle."""

    def __init__(self) -> None:
        self._sizes: dict[str, int] = {}
        self._looked: set[str] = set()  # models whose first prompt was looked at
        self._short: set[str] = set()  # models that had not read all of it

    def of(self, model: str) -> int:
        """What the model is loaded with."""
        return self._sizes.setdefault(model, USUAL)

    def needed(self, model: str, messages: Sequence[Message], max_tokens: int) -> int:
        """What the model is to be loaded with for these messages and an answer of so many tokens."""
        characters = sum(len(message.content) for message in messages)
        if characters // CHARACTERS_PER_TOKEN + max_tokens > self._sizes.get(model, 0):
            needed = (characters + CONVERSATION) // CHARACTERS_PER_TOKEN + max_tokens
            self._sizes[model] = next((size for size in STEPS if size >= needed), STEPS[-1])
        return self._sizes[model]

    def cut(self, model: str, messages: Sequence[Message], read: int | None) -> bool:
        """Whether a server has not read the whole prompt: the agent's instructions are what is cut first.

        Only the first prompt tells: later ones are partly in the server's cache, and not counted. `read`: tokens.
        """
        if read is None or model in self._looked:
            return False
        self._looked.add(model)
        short = read * SHORT_TOKEN < sum(len(message.content) for message in messages) * SHORT
        if short:
            self._short.add(model)
        return short

    def facts(self, model: str, *, may_think: bool) -> list[Fact]:
        """What was found out about a model, for `lineside doctor`."""
        cut = Fact(
            "context", "it has not read the whole prompt", "shorten the agent, or choose another model", ok=False
        )
        read = Fact("context", f"loaded with {self.of(model)} tokens", "num_ctx goes out for what is asked")
        refuses = Fact("thinking", "refuses to be told whether to think", "think is left out")
        return [cut if model in self._short else read, *([] if may_think else [refuses])]
