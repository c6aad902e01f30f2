"""What all parts of one call share: values and services. Nothing here leads back to the session."""

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from lineside.agents.agent import Agent
from lineside.agents.knowledge.agent_knowledge import Knows, NothingKnown
from lineside.agents.tools.offered import agent_of_call
from lineside.audio.echo_detector import EchoDetector
from lineside.audio.echo_gate import EchoGate
from lineside.audio.vad import VoiceDetector
from lineside.call.call_tools import NO_TOOLS, CallTools
from lineside.call.chat_history import ChatHistory
from lineside.call.client_tools import ClientTools
from lineside.call.clock import CallClock, CallerFarEnd, LineClock
from lineside.call.dialog import TaskDialog
from lineside.call.dialog_events import DialogEvents
from lineside.call.engine_load import EngineLoad
from lineside.call.inbox import Inbox
from lineside.call.observers import Observer, Observers
from lineside.call.playout import FarEnd
from lineside.call.playout_marks import PlayoutMarks
from lineside.call.program import CallProgram, ProgramHistory
from lineside.call.supervision import Supervision
from lineside.call.tasks import CallTasks
from lineside.engines.protocols import CallsTools, LanguageModel, LlmRequest, SpeechToText, TextToSpeech
from lineside.engines.registry import Engines
from lineside.engines.transcript_gate import GatedSTT
from lineside.errors import EngineError
from lineside.protocol import AnsweredBy, EndReason, FirstMessage
from lineside.settings import Settings
from lineside.transports.base import Transport
from lineside.transports.call_facts import CallFacts
from lineside.transports.resumption import LAG
from lineside.turns.open_turn import Heard, SegmenterRules
from lineside.turns.speech_segmenter import SpeechSegmenter


class CallContext(Struct, frozen=True):
    """What all parts of one call share."""

    settings: Settings
    agent: Agent
    knowledge: Knows
    stt: SpeechToText
    llm: LanguageModel
    tts: TextToSpeech
    phrases: TextToSpeech  # knows the phrases for bad moments by heart
    usual: Mapping[str, AnsweredBy]  # role → who answers as long as no engine fails
    can_transfer: bool  # the line can put the caller through to a person
    request: LlmRequest
    voice: str  # the TTS voice; empty for the engine's own choice
    answers: bool  # False: transcribe only
    supervision: Supervision  # what operators do in it
    greeting: str  # empty: the caller speaks first
    greeting_ends: EndReason | None  # the call is over when it was heard
    own_prompt: bool  # the caller's program brought the prompt that answers
    transport: Transport
    facts: CallFacts
    segmenter: SpeechSegmenter
    far_end: FarEnd | None  # hears all that is played
    marks: PlayoutMarks
    history: ChatHistory
    dialog: TaskDialog
    dialog_events: DialogEvents
    client_tools: ClientTools
    load: EngineLoad
    observers: Observers
    clock: CallClock
    line: LineClock
    inbox: Inbox
    tasks: CallTasks
    program: CallProgram | None = None  # is told of replies, and may lead the call

    @property
    def led(self) -> bool:
        """Whether a program leads the call."""
        return self.program is not None and self.program.leads

    @property
    def answering(self) -> bool:
        """Whether the agent answers now: the call does not only transcribe, and no operator has taken it over."""
        return self.answers and not self.supervision.taken_over

    async def model_calls_tools(self) -> bool:
        """Whether the language model calls the agent's tools in this call, now."""
        agent = self.agent
        if agent.tool_calls != "native" or not agent.tools or not isinstance(self.llm, CallsTools):
            return False
        try:
            return await self.llm.calls_tools(self.request.model)
        except EngineError:
            return False  # it will hardly answer either


def call_context(
    transport: Transport,
    hello: FirstMessage,
    *,
    facts: CallFacts,
    settings: Settings,
    agent: Agent,
    knowledge: Knows,
    engines: Engines,
    vad: VoiceDetector,
    on_late_speech: Callable[[Heard], None],
    load: EngineLoad,
    observers: Sequence[Observer],
    now: Callable[[], float],
    inbox: Inbox,
    tools: CallTools,
    can_transfer: bool = False,
    program: CallProgram | None = None,
) -> CallContext:
    """Put one call together. `on_late_speech` hears what the VAD finds after the frame was handled."""
    echo = EchoDetector() if settings.echo_gate else None
    gated = vad if echo is None else EchoGate(vad, echo)
    segmenter = SpeechSegmenter(hello.codec, hello.rate, gated, _segmenter_rules(settings), on_late_speech)
    answers = hello.mode == "conversation"
    greeting = _greeting(agent, hello, facts, tools) if answers else ""
    agent = agent_of_call(agent, hello).on_line(can_transfer=can_transfer)
    tasks, clock = CallTasks(), CallClock(segmenter, now)
    heard_by = Observers(transport, (load, *observers))
    dialog_events = DialogEvents(heard_by.on_event, lambda: clock.at)
    desk_clock = agent.desk_clock() if hello.system_prompt is None else None
    tools = tools if hello.tools else NO_TOOLS
    client_tools = _client_tools(hello, tools, transport, dialog_events)
    dialog = TaskDialog(agent, replace(tools, runs=client_tools), tasks, now, dialog_events)
    for observer in observers:
        observer.watch_secrets(lambda: dialog.keys is not None and dialog.keys.secret)
    led, before = program is not None and program.leads, desk_clock.before if desk_clock else None
    opening = (*agent.opening(hello.system_prompt), *agent.call_facts_messages(facts))
    return CallContext(
        settings=settings,
        agent=agent,
        knowledge=knowledge if hello.system_prompt is None else NothingKnown(),
        stt=GatedSTT(engines.stt, agent.language),
        llm=engines.llm,
        tts=engines.tts,
        phrases=engines.phrases,
        usual=engines.usual or {role: AnsweredBy(name) for role, name in engines.names.items()},
        can_transfer=can_transfer,
        request=LlmRequest(model=hello.llm_model, max_tokens=settings.llm_max_tokens),
        voice=hello.tts_voice,
        answers=answers,
        supervision=Supervision(),
        greeting=greeting,
        greeting_ends="called_too_often" if tools.refusal else None,
        own_prompt=answers and hello.system_prompt is not None and not led,
        transport=transport,
        facts=facts,
        segmenter=segmenter,
        far_end=None if echo is None else CallerFarEnd(echo, segmenter, now),
        marks=PlayoutMarks(transport.mark),
        history=ProgramHistory(program) if program and led else ChatHistory(opening, before),
        dialog=dialog,
        dialog_events=dialog_events,
        client_tools=client_tools,
        load=load,
        observers=heard_by,
        clock=clock,
        line=LineClock(now, settings.resume_s + LAG if settings.resume_s else 0.0),
        inbox=inbox,
        tasks=tasks,
        program=program,
    )


def _greeting(agent: Agent, hello: FirstMessage, facts: CallFacts, tools: CallTools) -> str:
    """What the caller hears first; empty: they speak first."""
    opens_with = agent.not_reached if facts.returned else agent.greeting
    greeting = tools.refusal or (opens_with if hello.greeting is None else hello.greeting)
    return greeting if greeting.strip() else ""


def _client_tools(hello: FirstMessage, tools: CallTools, transport: Transport, events: DialogEvents) -> ClientTools:
    """The tools that the caller's program runs, and behind them all others."""
    names = [tool.name for tool in hello.client_tools if hello.tools]
    return ClientTools(names, tools.runs, transport.on_event, events.where)


def _segmenter_rules(settings: Settings) -> SegmenterRules:
    return SegmenterRules(
        min_speech=settings.vad_min_speech_ms / 1000,
        silence=settings.vad_silence_timeout_ms / 1000,
        turn_max=settings.turn_max_s,
    )
