"""The conversation of a Realtime session: items in their order, and what a language model is shown of them. Pure."""

from collections.abc import Iterable, Sequence

from lineside.engines.protocols import Message, ToolCall
from lineside.realtime.errors import RealtimeError
from lineside.realtime.items import Item
from lineside.text.outside_text import outside_text

KEPT = 12_000  # characters that a model is shown; of more, the older half is left out at once: prompts keep a prefix
ITEMS = 2000  # of one conversation, and …
CHARACTERS = 2_000_000  # … of all of them as they are added; with more the oldest go
NO_RESULT = "no result yet"
RACE = 1.0  # seconds by which a client may think that more was played than was sent


class Conversation:
    """The items of one session."""

    def __init__(self, conversation_id: str) -> None:
        self.id = conversation_id
        self.items: list[Item] = []
        self._known: dict[str, tuple[Item, int]] = {}  # by their ids, with their size
        self._characters = 0

    def find(self, item_id: str) -> Item | None:
        """The item of that name."""
        found = self._known.get(item_id)
        return None if found is None else found[0]

    def of_turn(self, turn: int) -> Item | None:
        """The words of that turn of the caller's."""
        return next((item for item in reversed(self.items) if item.turn == turn), None)

    def before(self, item: Item) -> str | None:
        """The id of the item before this one."""
        at = self._place(item)
        return self.items[at - 1].id if at else None

    def add(self, item: Item, after: str | None = None) -> str | None:
        """Put it at the end, or after another ("root": first); answers the id before it. Raises `RealtimeError`."""
        if self.find(item.id) is not None:
            taken = f"Error adding item: an item with id '{item.id}' already exists."
            raise RealtimeError("item_create_duplicate_item_id", taken, "item.id")
        at = len(self.items)
        if after == "root":
            at = 0
        elif after is not None:
            found = self.find(after)
            if found is None:
                wrong = f"Error adding item: the previous item with id '{after}' does not exist."
                raise RealtimeError("item_create_invalid_previous_item_id", wrong, "previous_item_id")
            at = self._place(found) + 1
        if item.kind == "function_call_output" and self.call(item.call_id) is None:
            wrong = f"No tool call with call_id '{item.call_id}' is in the conversation."
            raise RealtimeError("invalid_tool_call_id", wrong, "item.call_id")
        self.items.insert(at, item)
        self._known[item.id] = item, size_of(item)
        self._characters += size_of(item)
        previous = self.items[at - 1].id if at else None
        while len(self.items) > ITEMS or (self._characters > CHARACTERS and len(self.items) > 1):
            self._remove(self.items[0])
        return previous

    def delete(self, item_id: str) -> None:
        """Take it out. Raises `RealtimeError`."""
        self._remove(self.known(item_id, "deleting", "item_delete_invalid_item_id"))

    def known(self, item_id: str, doing: str, code: str) -> Item:
        """The item of that name. Raises `RealtimeError`."""
        if (item := self.find(item_id)) is None:
            wrong = f"Error {doing} item: the item with id '{item_id}' does not exist."
            raise RealtimeError(code, wrong, "item_id")
        return item

    def truncate(self, item_id: str, audio_end_ms: int) -> Item:
        """Only so much of an answer's sound was heard, as far as it can have been by the ledger (`Item.limit`).

        Raises `RealtimeError`.
        """
        item = self.known(item_id, "truncating", "item_truncate_invalid_item_id")
        if not item.audible:
            wrong = "Only model output audio messages can be truncated."
            raise RealtimeError("unsupported_content_type", wrong, "item_id")
        told = audio_end_ms / 1000
        if told > item.seconds + RACE and item.heard_to is None:
            wrong = f"Audio content of {item.seconds * 1000:.0f}ms is already shorter than {audio_end_ms}ms"
            raise RealtimeError(None, wrong, "audio_end_ms")
        item.limit(told)
        return item

    def call(self, call_id: str) -> Item | None:
        """The call of a function of that id."""
        calls = (item for item in reversed(self.items) if item.kind == "function_call" and item.call_id == call_id)
        return next(calls, None)

    def _remove(self, item: Item) -> None:
        del self.items[self._place(item)]
        self._characters -= self._known.pop(item.id)[1]

    def _place(self, item: Item) -> int:
        """Most that is looked for is young."""
        return next(at for at in range(len(self.items) - 1, -1, -1) if self.items[at] is item)

    def messages(self, instructions: str, asking: str = "", turn: int = 0) -> tuple[Message, ...]:
        """What a model is shown; `asking` is what the caller has just said, where that is not in an item yet."""
        items = _younger(self.items)
        said = messages_of(items)
        known = self.of_turn(turn) if turn else None
        if asking and (known is None or known.waiting):
            said.append(Message("user", outside_text(asking).strip()))
        begins = [Message("system", instructions)] if instructions.strip() else []
        return (*begins, *said)


def size_of(item: Item) -> int:
    """Characters of an item."""
    return len(item.text) + len(item.arguments) + len(item.output)


def messages_of(items: Sequence[Item]) -> list[Message]:
    """Items as messages; results stand right after their calls, as servers of models want them."""
    outputs = {item.call_id: item for item in items if item.kind == "function_call_output"}
    found: list[Message] = []
    calls: list[Item] = []
    for item in (*items, None):
        if item is not None and item.kind == "function_call":
            calls.append(item)
            continue
        if item is not None and item.kind == "function_call_output":
            continue
        if calls:
            found = _with_calls(found, calls, outputs)
            calls = []
        if item is not None and item.text:
            text = item.text if item.role == "system" else outside_text(item.text).strip()
            found.append(Message(item.role, text))
    return found


def _with_calls(found: list[Message], calls: Sequence[Item], outputs: dict[str, Item]) -> list[Message]:
    last = found[-1] if found else None
    words = last.content if last is not None and last.role == "assistant" and not last.calls else ""
    kept = found[:-1] if words else found
    made = tuple(ToolCall(call.call_id, call.name, call.arguments) for call in calls)
    return [*kept, Message("assistant", words, made), *_results(calls, outputs)]


def _results(calls: Iterable[Item], outputs: dict[str, Item]) -> list[Message]:
    results = []
    for call in calls:
        came = outputs.get(call.call_id)
        text = outside_text(came.output) if came is not None else NO_RESULT
        results.append(Message("tool", text, answers=call.call_id, tool=call.name))
    return results


def _younger(items: list[Item]) -> list[Item]:
    """All of it, or the latest half of what may be shown."""
    sizes = [size_of(item) for item in items]
    if sum(sizes) <= KEPT:
        return items
    room, at = KEPT // 2, len(items)
    while at and (room := room - sizes[at - 1]) > 0:
        at -= 1
    return items[min(at, len(items) - 1) :]
