"""Who really answered one reply, role by role. Pure."""

from collections.abc import Iterable, Mapping

from lineside.protocol import AnsweredBy

ROLES = {"asr": "stt", "llm": "llm", "tts": "tts"}  # of the stages of a reply


class Answerers:
    """Hears who answers; one that stood in for another is not forgotten for the next sentence's sake."""

    def __init__(self, usual: Mapping[str, AnsweredBy]) -> None:
        """`usual` answers a role of which nothing else is heard."""
        self._usual = usual
        self._known: dict[str, AnsweredBy] = {}

    def hear(self, role: str, by: AnsweredBy | None) -> None:
        """This one answered; None: nobody knows who did."""
        known = self._known.get(role)
        if by is not None and (by.why or known is None or not known.why):
            self._known[role] = by

    def of(self, role: str) -> AnsweredBy | None:
        """Who answered this role, if anybody knows."""
        return self._known.get(role) or self._usual.get(role)

    def of_stages(self, asked: Iterable[str]) -> dict[str, AnsweredBy]:
        """Role → who answered, of these stages and of what was heard besides."""
        roles = [ROLES[stage] for stage in asked]
        return {role: by for role in roles if (by := self.of(role)) is not None} | self._known
