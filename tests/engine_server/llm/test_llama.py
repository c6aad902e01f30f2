"""Which slot answers which conversation, and what lies in the cache. No model is needed."""

import os
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from lineside.engine_server.llm.prompt_cache import MAX_PROMPTS, PromptCache
from lineside.engine_server.llm.slots import Slots, shared

PROMPT = "You answer the telephone of a small broadband company. " * 10


def test_a_conversation_returns_to_the_slot_that_knows_it() -> None:
    """Two calls take turns; each finds what it said before, not the other's."""
    slots = Slots(2)
    first, second = PROMPT + "Hello, my router is broken. " * 5, PROMPT + "What does the fast plan cost? " * 5
    one, _ = slots.take(first)
    two, _ = slots.take(second)
    assert one != two
    slots.give(one, first)
    slots.give(two, second)
    assert slots.take(first + "Its light is red.")[0] == one
    assert slots.take(second + "And the slow one?")[0] == two


def test_a_new_call_takes_the_slot_that_was_idle_longest() -> None:
    """With the prompt in the cache all slots are equally good, so the one whose call is longest silent is given up."""
    slots = Slots(3)
    for number in range(3):
        taken, _ = slots.take(PROMPT, len(PROMPT))
        assert taken == number
        slots.give(taken, f"{PROMPT}{number}" * 2)
    again, _ = slots.take(PROMPT + "another call", len(PROMPT))
    assert again == 0


def test_the_cache_is_used_only_where_it_knows_more() -> None:
    """A slot that never read anything takes the prompt from the cache; one that holds the conversation does not."""
    slots = Slots(1)
    assert slots.take(PROMPT + "Hello", len(PROMPT)) == (0, True)
    slots.give(0, PROMPT + "Hello" * 50)
    assert slots.take(PROMPT + "Hello" * 50 + "again", len(PROMPT)) == (0, False)


def test_a_busy_slot_is_left_alone() -> None:
    """The best slot is answering: the next best is taken."""
    slots = Slots(2)
    slots.give(slots.take(PROMPT)[0], PROMPT)
    assert {slots.take(PROMPT)[0], slots.take(PROMPT)[0]} == {0, 1}


@settings(deadline=None)  # other work on the machine is no fault
@given(st.text(max_size=60), st.text(max_size=20), st.text(max_size=20))
def test_shared_counts_the_common_beginning(common: str, one: str, other: str) -> None:
    """The characters counted are the same, and the next ones differ."""
    one, other = common + one, common + other
    count = shared(one, other)
    assert count >= len(common)
    assert one[:count] == other[:count]
    assert one[count : count + 1] != other[count : count + 1] or one == other


def written(folder: Path, name: str = "new.part") -> Path:
    path = folder / name
    path.write_bytes(b"keys and values")
    return path


def test_a_prompt_is_found_again_after_a_restart(tmp_path: Path) -> None:
    """What was put into the cache is there for the next process, if its model is the same."""
    PromptCache(tmp_path, "model 1").put(PROMPT, written(tmp_path))
    assert PromptCache(tmp_path, "model 1").has(PROMPT)
    assert not PromptCache(tmp_path, "model 2").has(PROMPT)


def test_the_nearest_prompt_is_the_one_that_shares_most(tmp_path: Path) -> None:
    """Of two prompts, the one that the conversation begins with."""
    cache = PromptCache(tmp_path, "model")
    for prompt in ("You sell shoes. Be kind.", "You sell boats. Be kind."):
        cache.put(prompt, written(tmp_path))
    assert cache.nearest("You sell boats. Be kind. Hello") == ("You sell boats. Be kind.", 24)
    assert PromptCache(tmp_path / "nowhere", "model").nearest("Hello") == ("", 0)


def test_the_cache_holds_only_so_many(tmp_path: Path) -> None:
    """Twenty prompts leave the files of the last few."""
    cache = PromptCache(tmp_path, "model")
    for number in range(20):
        cache.put(f"prompt {number}", written(tmp_path))
    assert len(list(tmp_path.iterdir())) == MAX_PROMPTS
    assert cache.has("prompt 19")
    assert not cache.has("prompt 0")


def test_a_prompt_that_is_used_stays(tmp_path: Path) -> None:
    """The prompt of most calls is looked for at each start; others come and go beside it."""
    cache = PromptCache(tmp_path, "model")
    cache.put(PROMPT, written(tmp_path))
    for number in range(20):
        os.utime(tmp_path / cache.name(PROMPT), (number, number))  # long ago
        assert cache.has(PROMPT)
        cache.put(f"prompt {number}", written(tmp_path))
    assert cache.has(PROMPT)


def test_a_useless_prompt_is_thrown_away(tmp_path: Path) -> None:
    """Dropped, it is neither found nor on the disk."""
    cache = PromptCache(tmp_path, "model")
    cache.put(PROMPT, written(tmp_path))
    cache.drop(PROMPT)
    assert not cache.has(PROMPT)
    assert list(tmp_path.iterdir()) == []
