"""The floor: whose turn it is, decided from events alone."""

from hypothesis import given
from hypothesis import strategies as st

from lineside.turns.floor import Floor, FloorRules
from lineside.turns.floor_events import (
    AgentPrompt,
    CheckInterruption,
    Decision,
    DismissInterruption,
    DropPrepared,
    EndpointWait,
    FloorEvent,
    GiveWay,
    InterruptionChecked,
    Listen,
    Pause,
    PauseReply,
    Prepare,
    ReplyOver,
    Resume,
    Silence,
    SoundDismissed,
    SoundStarted,
    Speak,
    SpeechLong,
    TurnFull,
    TypedTurn,
    VoiceActivity,
)

RULES = FloorRules(timeout=1.0, short_pause=0.3, attempts=2)


def told(events: list[FloorEvent], rules: FloorRules = RULES) -> list[Decision | None]:
    floor = Floor(rules)
    return [floor.feed(event) for event in events]


def test_a_turn_is_prepared_at_a_short_pause_and_spoken_at_the_timeout() -> None:
    """Speech, a short pause, a long one: listen, prepare, speak."""
    assert told(
        [VoiceActivity(1.0, 0.8), Silence(1.2, 1.0), Silence(1.4, 1.0), Silence(1.9, 1.0), Silence(2.0, 1.0)]
    ) == [
        Listen(1, 0.8),
        None,
        Prepare(1),
        None,
        Speak(1, 1.0, 2.0),
    ]


def test_a_caller_who_goes_on_drops_what_was_prepared() -> None:
    """Prepared, but the caller was only breathing: dropped, and prepared again at the next pause."""
    decisions = told(
        [VoiceActivity(1.0, 0.8), Silence(1.4, 1.0), VoiceActivity(1.6, 1.5), Silence(2.4, 2.0), Silence(3.0, 2.0)]
    )
    assert decisions == [Listen(1, 0.8), Prepare(1), DropPrepared(1), Prepare(1), Speak(1, 2.0, 3.0)]


def test_preparations_for_one_turn_are_bounded() -> None:
    """After two wasted attempts the end of turn is waited for."""
    pauses: list[FloorEvent] = [VoiceActivity(1.0, 0.8)]
    for start in (2.0, 3.0, 4.0):
        pauses += [Silence(start + 0.4, start), VoiceActivity(start + 0.6, start + 0.5)]
    assert told(pauses).count(Prepare(1)) == 2


def test_without_speculation_nothing_is_prepared() -> None:
    """Speculation off: only the end of turn makes a reply."""
    rules = FloorRules(timeout=1.0, short_pause=0.3, speculate=False)
    assert told([VoiceActivity(1.0, 0.8), Silence(1.9, 1.0), Silence(2.0, 1.0)], rules)[1:] == [
        Pause(1),
        Speak(1, 1.0, 2.0),
    ]


# ── talking over the agent ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_caller_who_talks_over_the_agent_gets_the_floor() -> None:
    """The first sound holds the reply; who goes on is judged, then gets the floor, once, and the turn is a new one."""
    events: list[FloorEvent] = [
        AgentPrompt(0.0),
        SoundStarted(0.8),
        VoiceActivity(1.0, 0.8),
        SpeechLong(1.3),
        SpeechLong(1.8),
        VoiceActivity(2.9, 2.8),
    ]
    assert told(events)[1:] == [PauseReply(0), None, CheckInterruption(1, over=False), GiveWay(1, 0.8), None]


def test_a_long_sound_is_judged_while_it_goes_on() -> None:
    """Its first words claim the floor: nobody waits for the rest."""
    events: list[FloorEvent] = [
        AgentPrompt(0.0),
        VoiceActivity(1.0, 0.8),
        SpeechLong(1.3),
        InterruptionChecked(1.5, 1, True),
        SpeechLong(1.8),
    ]
    assert told(events)[2:] == [CheckInterruption(1, over=False), GiveWay(1, 0.8), None]


def test_a_long_nod_leaves_the_floor_to_the_agent() -> None:
    """What there is of it by now claims nothing: the sound stays held, and the whole of it is judged once more."""
    events: list[FloorEvent] = [
        AgentPrompt(0.0),
        VoiceActivity(1.0, 0.8),
        SpeechLong(1.3),
        InterruptionChecked(1.5, 1, False),
        Silence(1.7, 1.5),
    ]
    assert told([*events, InterruptionChecked(1.9, 2, False)])[2:] == [
        *(CheckInterruption(1, over=False), None),
        *(CheckInterruption(2, over=True), DismissInterruption(0)),
    ]


def test_who_stops_before_the_first_judgement_is_still_judged_by_it() -> None:
    """Half of the sound may claim the floor too, and is known sooner than the whole."""
    events: list[FloorEvent] = [
        AgentPrompt(0.0),
        VoiceActivity(1.0, 0.8),
        SpeechLong(1.3),
        Silence(1.6, 1.4),
        InterruptionChecked(1.7, 1, True),
    ]
    assert told(events)[2:] == [CheckInterruption(1, over=False), None, GiveWay(1, 0.8)]


def test_what_half_of_a_sound_does_not_claim_the_whole_of_it_may() -> None:
    """One question at a time: the second one is asked when the first is answered."""
    events: list[FloorEvent] = [
        AgentPrompt(0.0),
        VoiceActivity(1.0, 0.8),
        SpeechLong(1.3),
        Silence(1.6, 1.4),
        InterruptionChecked(1.7, 1, False),
    ]
    assert told([*events, Silence(1.72, 1.4), InterruptionChecked(1.9, 2, True)])[2:] == [
        *(CheckInterruption(1, over=False), None, None),
        *(CheckInterruption(2, over=True), GiveWay(1, 0.8)),
    ]


def test_who_goes_on_after_a_word_that_claims_the_floor_has_it() -> None:
    """And after a nod the rest is judged for itself, with the nod."""
    events: list[FloorEvent] = [AgentPrompt(0.0), VoiceActivity(1.0, 0.8), Silence(1.2, 1.0), VoiceActivity(1.3, 1.25)]
    assert told([*events, InterruptionChecked(1.4, 1, True)])[2:] == [
        CheckInterruption(1, over=True),
        None,
        GiveWay(1, 0.8),
    ]
    assert told([*events, InterruptionChecked(1.4, 1, False), Silence(1.8, 1.6)])[2:] == [
        *(CheckInterruption(1, over=True), None, None),
        CheckInterruption(2, over=True),
    ]


def test_a_click_holds_the_reply_and_lets_it_go_again() -> None:
    """Too short for a turn: the reply goes on as soon as it is over."""
    assert told([AgentPrompt(0.0), SoundStarted(0.8), SoundDismissed(0.9), SoundStarted(2.0)])[1:] == [
        PauseReply(0),
        Resume(0),
        PauseReply(0),
    ]


def test_a_short_sound_over_the_agent_is_judged_by_its_words() -> None:
    """A real word claims the floor; its turn then ends as any other."""
    events: list[FloorEvent] = [
        AgentPrompt(0.0),
        SoundStarted(0.8),
        VoiceActivity(1.0, 0.8),
        Silence(1.17, 1.0),
        Silence(1.2, 1.0),
    ]
    assert told([*events, InterruptionChecked(1.3, 1, True), Silence(2.0, 1.0)], RULES)[1:] == [
        *(PauseReply(0), None, CheckInterruption(1, over=True), None),
        *(GiveWay(1, 0.8), Speak(1, 1.0, 2.0)),
    ]


def test_a_backchannel_leaves_the_floor_to_the_agent() -> None:
    """ "Mm-hm" is dismissed, and whatever is said later is judged for itself."""
    events: list[FloorEvent] = [
        AgentPrompt(0.0),
        SoundStarted(0.8),
        VoiceActivity(1.0, 0.8),
        Silence(1.2, 1.0),
        InterruptionChecked(1.3, 1, False),
    ]
    later: list[FloorEvent] = [
        SoundStarted(3.0),
        VoiceActivity(3.2, 3.0),
        InterruptionChecked(3.3, 1, True),
        Silence(3.4, 3.2),
        InterruptionChecked(3.5, 2, True),
    ]
    decisions = [DismissInterruption(0), PauseReply(0), None, None, CheckInterruption(2, over=True), GiveWay(1, 3.0)]
    assert told([*events, *later])[4:] == decisions


def test_the_reply_is_not_held_for_long_while_nobody_knows() -> None:
    """The words take their time: the reply goes on, and gives way when they come."""
    events: list[FloorEvent] = [
        AgentPrompt(0.0),
        SoundStarted(0.8),
        VoiceActivity(1.0, 0.8),
        Silence(1.2, 1.0),
        Silence(1.5, 1.0),
    ]
    assert told([*events, InterruptionChecked(2.0, 1, True)])[3:] == [
        CheckInterruption(1, over=True),
        Resume(0),
        GiveWay(1, 0.8),
    ]


def test_a_goodbye_is_said_to_its_end_whoever_talks_over_it() -> None:
    """Protected speech is neither held nor judged; what was said over it is a turn afterwards."""
    events: list[FloorEvent] = [
        AgentPrompt(0.0, protected=True),
        SoundStarted(0.8),
        VoiceActivity(1.0, 0.8),
        SpeechLong(1.3),
        Silence(1.9, 1.5),
    ]
    assert told([*events, ReplyOver(2.0, 0), Silence(2.5, 1.5)])[1:] == [
        *(None, None, None, None, Listen(1, 0.8), Speak(1, 1.5, 2.5)),
    ]


def test_a_sound_at_the_end_of_a_reply_is_a_turn_of_its_own() -> None:
    """The reply is over before the sound is judged: nobody is interrupted any more, so it is heard as it is."""
    events: list[FloorEvent] = [
        AgentPrompt(0.0),
        SoundStarted(0.8),
        VoiceActivity(1.0, 0.8),
        Silence(1.2, 1.0),
        Silence(1.5, 1.0),
    ]
    assert told([*events, ReplyOver(1.6, 0), InterruptionChecked(1.7, 1, False), Silence(2.0, 1.0)])[5:] == [
        *(Listen(1, 0.8), None, Speak(1, 1.0, 2.0)),
    ]


def test_after_the_reply_is_over_voice_only_begins_a_turn() -> None:
    """Nobody is interrupted when nobody speaks."""
    assert told([AgentPrompt(0.0), ReplyOver(0.9, 0), VoiceActivity(1.0, 0.8)])[2] == Listen(1, 0.8)


def test_the_end_of_an_old_reply_does_not_take_the_floor_from_a_new_one() -> None:
    """A late ReplyOver of turn 0 leaves turn 1 answering."""
    assert told(
        [AgentPrompt(0.0), TypedTurn(0.5), ReplyOver(0.6, 0), VoiceActivity(1.0, 0.8), SpeechLong(1.3), SpeechLong(1.8)]
    )[5] == GiveWay(2, 0.8)


def test_typed_words_are_a_turn_at_once() -> None:
    """No pause is waited for when the words came as text."""
    assert told([TypedTurn(0.5)]) == [Speak(1, 0.5, 0.5)]


def test_a_caller_who_never_pauses_is_answered_when_the_turn_is_full() -> None:
    """A turn has a longest length."""
    assert told([VoiceActivity(1.0, 0.8), TurnFull(27.0, 26.9)])[1] == Speak(1, 26.9, 27.0)


def test_the_agent_says_nothing_unasked_while_the_caller_speaks() -> None:
    """The rest of a broken-off reply waits for nobody's interruption."""
    assert told([VoiceActivity(1.0, 0.8), AgentPrompt(1.1)])[1] is None


def test_what_is_known_of_a_pause_ends_the_turn_sooner_or_later_than_the_timer() -> None:
    """A whole sentence is answered at once; an unfinished one is waited for; news may come in the pause."""
    opened: list[FloorEvent] = [VoiceActivity(1.0, 0.8), Silence(1.4, 1.0)]
    assert told([*opened, EndpointWait(1.45, 0.5), Silence(1.48, 1.0), Silence(1.52, 1.0)])[1:] == [
        *(Prepare(1), None, None, Speak(1, 1.0, 1.52)),
    ]
    assert told([*opened, EndpointWait(1.4, 0.6), EndpointWait(1.5, 1.6), Silence(2.5, 1.0), Silence(2.6, 1.0)])[
        4:
    ] == [
        *(None, Speak(1, 1.0, 2.6)),
    ]


def test_what_was_known_of_one_pause_counts_for_no_other() -> None:
    """The caller went on: late news of the pause before is not news of the next one."""
    events: list[FloorEvent] = [
        VoiceActivity(1.0, 0.8),
        Silence(1.4, 1.0),
        EndpointWait(1.4, 0.5),
        VoiceActivity(1.45, 1.42),
        EndpointWait(1.5, 0.3),
    ]
    decisions = told([*events, Silence(2.35, 2.0), Silence(2.9, 2.0), Silence(3.0, 2.0)])
    assert decisions[3:] == [DropPrepared(1), None, Prepare(1), None, Speak(1, 2.0, 3.0)]


@st.composite
def call_events(draw: st.DrawFn) -> list[FloorEvent]:
    at, since = 0.0, 0.0
    events: list[FloorEvent] = []
    for kind in draw(st.lists(st.sampled_from("vvvlsfjJqqqqqqtuoFw"), max_size=60)):
        at += draw(st.sampled_from([0.032, 0.2, 0.7, 1.5]))
        match kind:
            case "v":
                since = at
                events.append(VoiceActivity(at, at - 0.1))
            case "q":
                events.append(Silence(at, since))
            case "t":
                events.append(TypedTurn(at))
            case "u":
                events.append(AgentPrompt(at, draw(st.booleans())))
            case "F":
                events.append(TurnFull(at, since))
            case "w":
                events.append(EndpointWait(at, draw(st.sampled_from([0.1, 0.6, 3.0]))))
            case "s":
                events.append(SoundStarted(at))
            case "f":
                events.append(SoundDismissed(at))
            case "l":
                events.append(SpeechLong(at))
            case "j" | "J":
                events.append(InterruptionChecked(at, draw(st.integers(1, 4)), kind == "J"))
            case _:
                events.append(ReplyOver(at, draw(st.integers(0, 8))))
    return events


@given(call_events())
def test_every_turn_is_answered_once_and_nothing_is_dropped_that_was_not_prepared(events: list[FloorEvent]) -> None:
    """Whatever happens in whatever order: one Speak a turn, Drop only after Prepare, GiveWay only from the agent.

    Sound is held only while the agent has the floor, and goes on only if it was held.
    """
    floor, spoken_turns, prepared, answering, held = Floor(RULES), [], False, False, False
    for event in events:
        decision = floor.feed(event)
        if isinstance(event, ReplyOver):
            answering = floor._answering is not None
            held = held and answering
        match decision:
            case Speak(turn=turn):
                if turn and not isinstance(event, AgentPrompt):
                    assert turn not in spoken_turns
                    spoken_turns.append(turn)
                prepared, answering, held = False, True, False
            case PauseReply():
                assert answering
                assert not held
                held = True
            case Resume():
                assert held
                held = False
            case DismissInterruption() | CheckInterruption():
                assert answering
                held = held and isinstance(decision, CheckInterruption)
            case GiveWay():
                assert answering
                answering = held = False
            case Prepare():
                assert not prepared
                assert not answering
                prepared = True
            case DropPrepared():
                assert prepared
                prepared = False
            case Listen():
                assert not answering


# ── words typed while the caller speaks ────────────────────────────────────────────────────────────────────────────


def test_a_caller_who_speaks_on_over_the_answer_to_typed_words_gets_the_floor() -> None:
    """Their spoken turn was open before the typed one: the answer gives way, and the spoken turn keeps its number."""
    events: list[FloorEvent] = [VoiceActivity(1.0, 0.8), TypedTurn(1.2), VoiceActivity(1.5, 1.4)]
    assert told(events) == [Listen(1, 0.8), Speak(2, 1.2, 1.2), GiveWay(1, 1.4)]


def test_nobody_has_the_floor_before_the_first_word_and_after_the_last() -> None:
    """A caller who speaks, and a reply that is heard, each have it in between."""
    floor = Floor(RULES)
    seen = [floor.idle]
    events: list[FloorEvent] = [VoiceActivity(1.0, 0.8), Silence(2.0, 1.0), ReplyOver(3.0, 1)]
    for event in events:
        floor.feed(event)
        seen.append(floor.idle)
    assert seen == [True, False, False, True]
