"""lineside as an agent of τ²-bench, in text mode (sierra-research/tau2-bench; its package is not on PyPI).

In an environment of its own, which has τ²-bench's sources, `aiohttp` and `msgspec`, register `lineside_agent` under
a name and run a domain with it:

    from tau2.registry import registry
    from bench.tau.agent import lineside_agent
    registry.register_agent_factory(lineside_agent, "lineside")

    LINESIDE_URL=http://127.0.0.1:3001 LINESIDE_LLM=ollama:qwen3:8b tau2 run --domain retail --agent lineside …

What is measured is the whole agent: its rules for read-backs and its ledger stand between the model and the tools, so a
tool that writes is confirmed by lineside too, whatever the domain's policy asks of the model.
"""

import os
from collections.abc import Sequence
from typing import Any

from bench.tau.conversation import Answer, Said, TextConversation, ToolWanted

GONE = "###STOP###"  # τ²-bench's sign that a conversation is over


def lineside_agent(tools: Sequence[Any], domain_policy: str, **given: Any) -> Any:
    """An agent for τ²-bench. `given`: what else its registry hands to a factory; nothing of it is used."""
    from tau2.agent.base_agent import HalfDuplexAgent  # type: ignore[import-not-found]
    from tau2.data_model.message import (  # type: ignore[import-not-found]
        AssistantMessage,
        MultiToolMessage,
        ToolCall,
        UserMessage,
    )

    class LinesideAgent(HalfDuplexAgent):  # type: ignore[misc] # τ²-bench is not installed here
        """One conversation with lineside; its state is the call."""

        def get_init_state(self, message_history: Any = None) -> TextConversation:
            """Call. A history from before cannot be told to a call."""
            if message_history:
                raise ValueError("lineside begins conversations itself; run tasks without a message history")
            return conversation(tools, domain_policy)

        def generate_next_message(self, message: Any, state: TextConversation) -> Any:
            """What lineside says to the user, or the tool that it calls."""
            if isinstance(message, UserMessage):
                return _message(state.say(message.content or "")), state
            results = message.tool_messages if isinstance(message, MultiToolMessage) else [message]
            answers = [state.give(one.id, one.content or "", failed=bool(one.error)) for one in results]
            return _message(answers[-1]), state

        def stop(self, message: Any = None, state: TextConversation | None = None) -> None:
            """Hang up."""
            if state is not None:
                state.close()

    def _message(answer: Answer) -> Any:
        match answer:
            case ToolWanted(id=key, name=name, arguments=arguments):
                call = ToolCall(id=key, name=name, arguments=arguments, requestor="assistant")
                return AssistantMessage(role="assistant", content=None, tool_calls=[call])
            case Said(text=text, over=over):
                return AssistantMessage(role="assistant", content=f"{text} {GONE}" if over else text)

    return LinesideAgent(tools=list(tools), domain_policy=domain_policy)


def conversation(tools: Sequence[Any], policy: str) -> TextConversation:
    """Call the lineside that the environment names, with a domain's tools and policy."""
    engine, _, model = os.environ.get("LINESIDE_LLM", "").partition(":")
    first = {"system_prompt": policy[:20_000], "llm_engine": engine, "llm_model": model, "test": True}
    url = os.environ.get("LINESIDE_URL", "http://127.0.0.1:3001")
    return TextConversation(url, first, [described(tool) for tool in tools], key=os.environ.get("LINESIDE_API_KEY", ""))


def described(tool: Any) -> dict[str, Any]:
    """A tool of τ²-bench as OpenAI's API has it, and whether it writes: what does not say that it reads does."""
    function = tool.openai_schema["function"]
    kind = str(getattr(tool, "tool_type", "") or getattr(getattr(tool, "_func", None), "__tool_type__", "")).lower()
    reads = "read" in kind or "think" in kind or "generic" in kind
    return {**function, "writes": not reads}
