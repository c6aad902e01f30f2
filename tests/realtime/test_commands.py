"""The client's events, without a socket: every one has one answer or one error, and nothing ends a session."""

import base64
import json
import random
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from lineside.audio.frame import Utterance
from lineside.engines.protocols import ToolCall
from lineside.protocol import AgentWords, BargeIn, Transcript, TurnEnded, TurnStarted
from lineside.realtime.commands import ClientCommands
from lineside.realtime.session import RealtimeSession
from lineside.realtime.session_config import new_session
from lineside.realtime.sound import InputAudio
from tests.realtime.events import checked
from tests.realtime.random_events import random_event


class ScriptedCall:
    """A session and the call behind it, which answers at once with nothing."""

    def __init__(self, kind: str = "realtime") -> None:
        self.events: list[dict[str, Any]] = []
        self.ordered: list[Any] = []
        self.session = RealtimeSession(new_session("sess_1", "gpt-realtime", 2_000_000_000, kind), self._told)
        self.session.attach(self)
        self.heard = 0
        self.later: list[Any] = []
        self.sound = InputAudio(self._hear, lambda seconds, do: self.later.append(do))
        self.commands = ClientCommands(self.session, self.sound)
        self._turn = self._reply = 0

    def _told(self, kind: str, fields: dict[str, Any]) -> None:
        event: dict[str, Any] = json.loads(msgspec.json.encode({"type": kind} | fields))
        checked(event)
        self.events.append(event)

    def _hear(self, pcm: bytes) -> None:
        self.heard += len(pcm)

    def rules_changed(self) -> None:
        self.ordered.append("rules")

    def respond(self, number: int) -> None:
        self._reply += 1
        self.session.reply_began(self._reply, self._turn, number)

    def respond_aside(self, number: int) -> None:
        self.ordered.append(number)

    def typed(self, text: str) -> None:
        self.ordered.append(text)

    def cancel(self, aside: int | None = None) -> None:
        if aside is None:
            self.session.on_event(BargeIn(at=0.0, turn=self._turn, reply=self._reply, heard=""))

    def commit(self, said: Utterance | None = None) -> None:
        self._turn += 1
        self.session.on_event(TurnEnded(at=0.0, turn=self._turn))
        self.session.on_event(Transcript(at=0.0, turn=self._turn, reply=0, text="words", latency_ms=1.0))

    def clear(self) -> None:
        self.ordered.append("clear")

    def send(self, message: str | bytes | dict[str, Any]) -> list[dict[str, Any]]:
        """What an event is answered with."""
        before = len(self.events)
        self.commands.take(json.dumps(message) if isinstance(message, dict) else message)
        return self.events[before:]

    def error(self, message: str | bytes | dict[str, Any]) -> dict[str, Any]:
        (event,) = self.send(message)
        assert event["type"] == "error"
        return dict(event["error"])

    def say(self, *words: str, each: float = 0.3) -> str:
        """An answer with these words, which sound all; its item's id."""
        self.send({"type": "response.create"})
        for at, word in enumerate(words, 1):
            self.session.sound(bytes(round(each * 48_000)))
            ends = round(at * each, 3)
            self.session.on_event(AgentWords(at=0.0, turn=self._turn, reply=self._reply, text=f"{word} ", ends=ends))
        self.session.reply_over(self._reply, self._turn, "")
        return str(self.events[-1]["response"]["output"][0]["id"])


def silent(seconds: float) -> str:
    return base64.b64encode(bytes(round(seconds * 48_000))).decode()


ITEM = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello"}]}


def test_an_update_is_taken_whole_or_not_at_all() -> None:
    """A refused one changes nothing; one at depth changes only that; null and nothing clear; all is echoed."""
    call = ScriptedCall()
    before = json.dumps(call.session.config)
    wrong = {"type": "realtime", "instructions": "Sing.", "audio": {"output": {"speed": 9.0}}}
    assert call.error({"type": "session.update", "session": wrong})["param"] == "session.audio.output.speed"
    assert json.dumps(call.session.config) == before
    detection = {"type": "semantic_vad", "eagerness": "high"}
    deep = {"type": "realtime", "instructions": "", "audio": {"input": {"turn_detection": detection}}, "temperature": 1}
    (event,) = call.send({"type": "session.update", "session": deep})
    told = event["session"]
    assert told["instructions"] == ""
    assert told["audio"]["input"]["turn_detection"] == {
        "type": "semantic_vad",
        "eagerness": "high",
        "create_response": True,
        "interrupt_response": True,
    }
    assert told["audio"]["input"]["format"] == {"type": "audio/pcm", "rate": 24_000}
    assert call.session.rules.profile == "fast"
    off = {"type": "realtime", "audio": {"input": {"turn_detection": None, "format": {"type": "audio/pcmu"}}}}
    (event,) = call.send({"type": "session.update", "session": off})
    assert event["session"]["audio"]["input"]["turn_detection"] is None
    assert event["session"]["audio"]["input"]["format"] == {"type": "audio/pcmu"}
    assert "temperature" not in event["session"]


def test_null_means_nothing_where_a_field_cannot_be_null() -> None:
    """LiveKit writes `instructions: null` into `response.create`."""
    call = ScriptedCall()
    update = {"type": "realtime", "instructions": None, "audio": {"input": {"transcription": None}}}
    assert call.send({"type": "session.update", "session": update})[0]["session"]["instructions"]
    asked = {"instructions": None, "metadata": {"client_event_id": "c"}, "audio": {"output": None}}
    created, _ = call.send({"type": "response.create", "response": asked})
    assert created["response"]["metadata"] == {"client_event_id": "c"}


def test_items_have_their_order_and_each_id_once() -> None:
    """At the end, after another, or first; a taken id is refused; a deleted item is gone."""
    call = ScriptedCall()

    def create(item_id: str, after: str | None = None) -> dict[str, Any]:
        item = ITEM | {"id": item_id}
        return call.send({"type": "conversation.item.create", "item": item, "previous_item_id": after})[-1]

    assert create("b")["previous_item_id"] is None
    assert create("a", "root")["previous_item_id"] is None
    assert create("c")["previous_item_id"] == "b"
    assert create("ab", "a")["previous_item_id"] == "a"
    assert [item.id for item in call.session.conversation.items] == ["a", "ab", "b", "c"]
    assert create("b")["error"]["code"] == "item_create_duplicate_item_id"
    call.send({"type": "conversation.item.delete", "item_id": "ab"})
    assert [item.id for item in call.session.conversation.items] == ["a", "b", "c"]


def test_two_responses_at_once_are_refused_but_beside_the_conversation() -> None:
    """One is active; another one out of band runs beside it, and leaves no item."""
    call = ScriptedCall()
    call.send({"type": "response.create"})
    assert call.error({"type": "response.create"})["code"] == "conversation_already_has_active_response"
    aside = {"conversation": "none", "output_modalities": ["text"], "input": [ITEM], "metadata": {"topic": "t"}}
    created, _ = call.send({"type": "response.create", "response": aside})
    assert created["response"]["conversation_id"] is None
    assert created["response"]["metadata"] == {"topic": "t"}
    number = call.ordered[-1]
    prompt = call.session.prompt(0, "", number)
    assert [message.content for message in prompt.messages[1:]] == ["Hello"]
    before = len(call.events)
    call.session.aside(number, ToolCall("", "look", "{}"))
    call.session.aside_over(number, "")
    kinds = [event["type"] for event in call.events[before:]]
    assert not [kind for kind in kinds if kind.startswith("conversation.")]
    assert call.events[-1]["response"]["output"][0]["name"] == "look"
    assert call.session.conversation.items == []


def test_g711_comes_and_goes_at_its_own_rate() -> None:
    """A second of mu-law is 8000 bytes, and a second for the ear; what is said leaves as A-law."""
    call = ScriptedCall()
    shapes = {"input": {"format": {"type": "audio/pcmu"}}, "output": {"format": {"type": "audio/pcma"}}}
    call.send({"type": "session.update", "session": {"type": "realtime", "audio": shapes}})
    for _ in range(10):
        call.send({"type": "input_audio_buffer.append", "audio": base64.b64encode(b"\xff" * 800).decode()})
    assert abs(call.heard / 48_000 - 1.0) < 0.01
    call.say("Hello")
    deltas = [event["delta"] for event in call.events if event["type"] == "response.output_audio.delta"]
    assert abs(len(base64.b64decode("".join(deltas))) / 8000 - 0.3) < 0.01


def test_a_response_has_a_format_that_a_session_could_have() -> None:
    """Without a rate it is the usual one of its type; a rate that none has is refused, by its place."""
    call = ScriptedCall()
    shape = {"type": "audio/pcm"}
    call.send({"type": "response.create", "response": {"audio": {"output": {"format": shape}}}})
    began = next(event for event in call.events if event["type"] == "response.created")
    assert began["response"]["audio"]["output"]["format"] == {"type": "audio/pcm", "rate": 24_000}
    assert call.session.response is not None
    assert call.session.response.output_audio.converted(bytes(960)) == bytes(960)


def test_a_burst_of_minutes_is_heard_in_slices() -> None:
    """Fifteen megabytes in one message are taken at once and heard a quarter of a second at a time."""
    call = ScriptedCall()
    assert call.send({"type": "input_audio_buffer.append", "audio": silent(300.0)}) == []
    assert call.heard == 0
    for _ in range(4):
        call.later.pop(0)()
    assert call.heard == 48_000
    call.send({"type": "input_audio_buffer.clear"})
    call.later.pop(0)()
    assert (call.heard, call.later) == (48_000, [])


def test_a_transcription_session_writes_down_and_never_answers() -> None:
    """Its object has a name of its own, no output, and no responses."""
    call = ScriptedCall("transcription")
    assert call.session.config["object"] == "realtime.transcription_session"
    assert not call.session.rules.answers
    update = {"type": "transcription", "audio": {"input": {"turn_detection": None, "transcription": {"model": "x"}}}}
    assert call.send({"type": "session.update", "session": update})[0]["type"] == "session.updated"
    call.send({"type": "input_audio_buffer.append", "audio": silent(0.5)})
    events = call.send({"type": "input_audio_buffer.commit"})
    assert events[-1]["transcript"] == "words"
    assert call.error({"type": "response.create"})["code"] == "invalid_event"


def test_a_caller_who_says_nothing_is_prompted_after_the_idle_timeout() -> None:
    """An empty turn is committed and a response begins; not while somebody speaks."""
    call = ScriptedCall()
    detection = {"type": "server_vad", "idle_timeout_ms": 6000}
    call.send(
        {"type": "session.update", "session": {"type": "realtime", "audio": {"input": {"turn_detection": detection}}}}
    )
    assert call.commands.idle_timeout == 6.0
    before = len(call.events)
    call.commands.nobody_speaks()
    kinds = [event["type"] for event in call.events[before:]]
    assert kinds[0] == "input_audio_buffer.timeout_triggered"
    assert kinds[-2:] == ["response.created", "rate_limits.updated"]
    assert call.commands.idle_timeout is None
    call.send({"type": "response.cancel"})
    call.session.on_event(TurnStarted(at=1.0, turn=9))
    assert call.commands.idle_timeout is None


WORDS = st.lists(st.sampled_from(["one", "two,", "three", "4 5", "six."]), min_size=1, max_size=12)


@settings(max_examples=40)
@given(words=WORDS, cuts=st.lists(st.integers(0, 5000), min_size=1, max_size=4))
def test_after_any_truncation_an_item_is_a_prefix_of_what_was_said(words: list[str], cuts: list[int]) -> None:
    """And exactly the words whose sound had ended by the smallest of the limits; the model sees just those."""
    call = ScriptedCall()
    item_id = call.say(*words)
    whole = " ".join(words)
    whole_ms = round(len(words) * 300)
    smallest = whole_ms
    for cut in cuts:
        ends = min(cut, whole_ms)
        call.send({"type": "conversation.item.truncate", "item_id": item_id, "content_index": 0, "audio_end_ms": ends})
        smallest = min(smallest, ends)
        (told,) = call.send({"type": "conversation.item.retrieve", "item_id": item_id})
        text = told["item"]["content"][0]["transcript"]
        assert whole.startswith(text)
        assert text == " ".join(words[: smallest // 300])
    shown = [message.content for message in call.session.messages("") if message.role == "assistant"]
    assert shown == ([text] if text else [])


def test_any_events_in_any_order_end_no_session() -> None:
    """Two thousand events, half of them wrong: each has an answer that OpenAI's types know, none raises."""
    fuzz(ScriptedCall(), 2000, seed=1)


def fuzz(call: ScriptedCall, many: int, seed: int) -> None:
    """Send so many random events."""
    dice = random.Random(seed)  # noqa: S311 - of a test
    for number in range(many):
        event = random_event(dice, [item.id for item in call.session.conversation.items[-10:]])
        told = call.send(event | {"event_id": f"c{number}"})
        errors = [each for each in told if each["type"] == "error"]
        assert len(errors) <= 1
        assert not errors or errors[0]["error"]["event_id"] == f"c{number}"
        if call.session.response is not None and dice.random() < 0.3:
            call.session.reply_over(call._reply, call._turn, "")
        del call.events[:-5]
    assert len(call.session.asides) <= 8
    assert len(call.session.conversation.items) <= 2000
