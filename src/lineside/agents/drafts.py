"""Agents that were written and not saved: an operator calls them before their callers do."""

import secrets
from collections import OrderedDict

from lineside.agents.agent import Agent
from lineside.errors import TransportError

MOST = 20  # drafts; the oldest is forgotten


class AgentDrafts:
    """The drafts of this process, by an id that nobody guesses."""

    def __init__(self) -> None:
        self._drafts: OrderedDict[str, Agent] = OrderedDict()

    def add(self, agent: Agent) -> str:
        """Keep a draft; the id by which a call names it."""
        draft = secrets.token_urlsafe(12)
        self.keep(draft, agent)
        return draft

    def keep(self, draft: str, agent: Agent) -> None:
        """Keep a draft that has an id already, as a worker does."""
        self._drafts[draft] = agent
        while len(self._drafts) > MOST:
            self._drafts.popitem(last=False)

    def agent(self, draft: str) -> Agent:
        """The draft of that id. Raises `TransportError`."""
        if draft not in self._drafts:
            raise TransportError("unknown_draft", "draft: it is not known any more; start the test call again")
        return self._drafts[draft]
