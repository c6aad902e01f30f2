"""The language model's answer on its way to the caller."""

from collections.abc import AsyncGenerator, Sequence

import pytest

from lineside.agents.agent import CALL, Agent, Example
from lineside.agents.claims import NOT_YET
from lineside.call.answer import written_answer
from lineside.call.chat_history import ChatHistory
from lineside.call.written_text import AnswerPart, AnswerPiece, WholeText, WrittenText
from lineside.engines.protocols import EngineInfo, LlmRequest, Message, Thought, Token
from lineside.errors import EngineError
from tests.virtual_time import run

GREETING = "Hello, this is Harbour Broadband. How can I help you?"


class CopyingLLM:
    """Says the greeting for as long as it sees it."""

    info = EngineInfo()

    def __init__(self, answer: str = "We open at nine.") -> None:
        self.asked: list[Sequence[Message]] = []
        self._answer = answer

    async def reply(self, messages: Sequence[Message], ask: LlmRequest) -> AsyncGenerator[Token | Thought, None]:
        self.asked.append(messages)
        copies = any(message.content == GREETING for message in messages)
        for word in (GREETING if copies else self._answer).split(" "):
            yield Token(f"{word} ")


def history() -> ChatHistory:
    greeted = ChatHistory((Message("system", "You answer."),))
    greeted.agent(GREETING)
    return greeted


def answer(llm: CopyingLLM, messages: tuple[Message, ...]) -> list[AnswerPart]:
    async def story() -> list[AnswerPart]:
        return [part async for part in written_answer(llm, messages, LlmRequest())]

    return run(story())


def test_an_answer_that_is_the_greeting_again_is_asked_for_once_more_without_it() -> None:
    """The caller hears nothing of it, and nothing of it is shown."""
    llm = CopyingLLM()
    parts = answer(llm, history().messages(asking="When do you open?"))
    assert WholeText("We open at nine.") in parts
    assert "".join(part.text for part in parts if isinstance(part, Token)).strip() == "We open at nine."
    assert [message.content for message in llm.asked[1]] == ["You answer.", "When do you open?"]


def test_a_call_without_a_greeting_is_asked_once() -> None:
    """Nothing is held back for it."""
    llm = CopyingLLM()
    answer(llm, ChatHistory(()).messages(asking="When do you open?"))
    assert len(llm.asked) == 1


def test_a_model_that_says_nothing_else_has_failed() -> None:
    """Asked without the greeting it answers nothing: the caller hears an apology, by the error."""
    with pytest.raises(EngineError, match="answered nothing"):
        answer(CopyingLLM(answer=""), history().messages(asking="When do you open?"))


def test_every_history_begins_with_the_caller() -> None:
    """Strict chat templates take nothing else; a caller calls before they are greeted."""
    messages = history().messages(asking="When do you open?")
    assert [message.role for message in messages] == ["system", "user", "assistant", "user"]
    assert messages[1] == CALL


def test_a_greeting_that_was_heard_whole_stands_before_the_examples() -> None:
    """After them, a small model takes it for the answer to everything; cut off, it stands where it was said."""
    agent = Agent(name="T", prompt="P", greeting=GREETING, examples=(Example("Who?", "We."),))
    heard, cut = ChatHistory(agent.opening()), ChatHistory(agent.opening())
    heard.agent(GREETING)
    cut.agent("Hello, this is")
    assert heard.messages(asking="When?") == (*agent.opening(), Message("user", "When?"))
    assert [message.content for message in heard.messages(asking="When?")][1:4] == ["Hello?", GREETING, "Who?"]
    assert [message.content for message in cut.messages(asking="When?")][1:] == [
        *("Who?", "We.", "Hello?", "Hello, this is", "When?")
    ]
    assert [message.content for message in ChatHistory(agent.opening()).messages(asking="When?")][1:] == [
        *("Who?", "We.", "When?")
    ]


def test_identifiers_in_a_models_words_are_never_spoken_nor_remembered() -> None:
    """A sentence that is nothing else is left out; what stands around one is said."""
    answered = answer(
        CopyingLLM("Your visit is booked, id 3f2b8c1e-9d4a-4f6b-8a1c-2e5d7f9b0c3a. cus_9s6XKzkNRiz8i3. Goodbye."),
        (Message("user", "Is it?"),),
    )
    said = [part.text for part in answered if isinstance(part, AnswerPiece | WholeText)]
    assert said[-1] == said[-1].strip()
    assert not any("3f2b" in text or "cus_" in text for text in said)
    assert [text for text in said if "Goodbye" in text]
    assert any(text.startswith("Your visit is booked") for text in said)


@pytest.mark.parametrize("tools", [False, True])
def test_a_sentence_that_may_not_be_said_ends_the_answer_or_is_left_out(tools: bool) -> None:
    """What was said before stays, word by word, and something true follows."""
    written = WrittenText("en", "", (), lambda piece: "moved" not in piece, calls_tools=tools)
    text = "One moment, please. I looked. I have moved it. See you."
    parts = [part for word in text.split() for part in written.feed(Token(f"{word} "), 0.0)]
    assert written.stopped is not tools
    parts += written.end() if tools else []
    pieces = [part.text for part in parts if isinstance(part, AnswerPiece)]
    assert " ".join(pieces) == f"One moment, please. I looked. {NOT_YET}"
    assert [part for part in parts if isinstance(part, WholeText)] == [WholeText(" ".join(pieces))]
