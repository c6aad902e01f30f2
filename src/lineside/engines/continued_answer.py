"""The rest of an answer, from another model than the one that began it. Pure."""

ALIKE, AT_LEAST = 0.75, 20  # of what was said, and characters: then it was begun again in slightly other words


class ContinuedAnswer:
    """The rest of an answer, from one who may begin it again: a beginning that was said already is left out. Pure."""

    def __init__(self, said: str) -> None:
        self._said, self._gap = "".join(said.split()), "" if said[-1:].isspace() else " "
        self._at = 0  # characters of it, spaces apart, that have been repeated
        self._held = ""  # what came so far, while it may turn out to be new
        self._repeats = bool(self._said)

    def feed(self, text: str) -> str:
        """What of this is new."""
        if not self._repeats:
            return text
        self._held += text
        for index, char in enumerate(text):
            if char.isspace():
                continue
            whole = self._at == len(self._said)
            if whole or char != self._said[self._at]:
                self._repeats = False
                again = whole or self._at >= max(AT_LEAST, ALIKE * len(self._said))
                return self._gap + text[index:] if again else self._held
            self._at += 1
        return ""
