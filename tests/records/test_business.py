"""What was done for a caller is kept: what a tool was asked and what came of it, also when the process died between."""

import asyncio
from pathlib import Path

from lineside.records.archive import Archive
from lineside.records.business_entries import BusinessEntry, BusinessLog, ToolCallKept
from lineside.records.entries import CallBegan, WholeCall
from lineside.settings import Settings
from lineside.task_events import SlotFilled, TaskMoved, ToolCalled, ToolState

CALL = "call-1"


def settings(folder: Path) -> Settings:
    return Settings(_env_file=None, data_dir=folder)  # type: ignore[call-arg]


def began(keeper: str) -> CallBegan:
    return CallBegan(
        call=CALL, keeper=keeper, began=1.0, line="browser", codec="pcm", rate=16000, caller="", mode="conversation",
        agent="Test", stt="", llm="", llm_model="", tts="", tts_voice="", recording="none",
    )  # fmt: skip


def tool(state: ToolState, gives: dict[str, str] | None = None) -> ToolCalled:
    return ToolCalled(
        at=3.0, turn=2, reply=2, number=1, tool="book_visit", effect="writes", state=state, key="k",
        arguments={"day": "2026-12-04"}, gives=gives or {},
    )  # fmt: skip


def entries(*events: ToolCalled | SlotFilled | TaskMoved) -> list[BusinessEntry]:
    found: list[BusinessEntry] = []
    log = BusinessLog(CALL, found.append)
    for event in events:
        log.on_event(event)
    return found


def test_a_tool_call_is_kept_with_its_outcome_and_that_the_caller_heard_it(tmp_path: Path) -> None:
    """Three events, one row; slots and tasks beside it."""
    told = (
        TaskMoved(at=1.0, turn=1, reply=1, task="visit", state="begun"),
        SlotFilled(at=2.0, turn=1, reply=1, slot="day", value="2026-12-04", sure=True, by="speech"),
        tool("running"),
        tool("ok", {"reference": "B47"}),
        tool("told"),
    )

    async def story() -> WholeCall | None:
        async with Archive(settings(tmp_path)).opened() as archive:
            archive.keep(began("me"))
            for entry in entries(*told):
                archive.keep(entry)
            await archive.settled()
            return await archive.whole(CALL)

    whole = asyncio.run(story())
    assert whole is not None
    (kept,) = whole.tool_calls
    found = (kept.state, kept.gives, kept.heard, kept.arguments)
    assert found == (
        "ok",
        {"reference": "B47"},
        True,
        {"day": "2026-12-04"},
    )
    assert [(each.slot, each.value) for each in whole.slots] == [("day", "2026-12-04")]
    assert [(each.task, each.state) for each in whole.tasks] == [("visit", "begun")]


def on_disk(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in [*folder.glob("spool/*/*.jsonl"), *folder.glob("records.db*")])


def test_an_intent_is_on_the_disk_before_the_tool_runs(tmp_path: Path) -> None:
    """Whoever asks whether it is there waits until it is."""

    async def story() -> tuple[bool, bytes]:
        async with Archive(settings(tmp_path)).opened() as archive:
            archive.keep(began("me"))
            archive.keep(entries(tool("running"))[0])
            there = await archive.on_disk()
            return there, await asyncio.to_thread(on_disk, tmp_path)

    there, found = asyncio.run(story())
    assert there
    assert b"book_visit" in found


def test_a_process_that_dies_between_intent_and_outcome_leaves_it_unknown(tmp_path: Path) -> None:
    """The next start says so, and calls the tool no second time: nothing but the record knows of it."""
    from lineside.records.entries import encode
    from lineside.records.spool import new_spool

    (tmp_path / "spool").mkdir(mode=0o700)
    dead = new_spool(tmp_path / "spool")
    (intent,) = entries(tool("running"))
    assert isinstance(intent, ToolCallKept)
    dead.append([encode(began(dead.folder.name)), encode(intent)])
    dead.leave()

    async def story() -> WholeCall | None:
        async with Archive(settings(tmp_path)).opened() as archive:
            for _ in range(1200):
                whole = await archive.whole(CALL)
                if whole is not None and whole.call.reason:
                    return whole
                await asyncio.sleep(0.05)
            return None

    whole = asyncio.run(story())
    assert whole is not None
    assert whole.call.reason == "gateway_died"
    assert [(each.tool, each.state) for each in whole.tool_calls] == [("book_visit", "unknown")]
