// Written by scripts/page_types.py from protocol.py and the shapes of the control API. Do not edit.

/** The first message: who calls, in which codec, and who shall answer. Only `codec` has no default. */
export interface FirstMessage {
  codec: 'g711_alaw' | 'g711_ulaw' | 'pcm';
  sample_rate?: number;
  mode?: 'conversation' | 'transcribe_only';
  stt_engine?: string;
  llm_engine?: string;
  llm_model?: string;
  tts_engine?: string;
  tts_voice?: string;
  system_prompt?: string | null;
  turn_profile?: '' | 'balanced' | 'digits' | 'fast' | 'patient' | 'silence';
  greeting?: string | null;
  tools?: boolean;
  client_tools?: ClientTool[];
  test?: boolean;
  caller?: string;
  record?: boolean | null;
  draft?: string;
}

/** A tool that the caller's program runs. Without `about`: the agent's file declares it, with `client = true`. */
export interface ClientTool {
  name: string;
  about?: string;
  effect?: 'reads' | 'writes';
  takes?: Record<string, ClientToolArgument>;
  gives?: Record<string, 'amount' | 'date' | 'digits' | 'number' | 'spelled' | 'text' | 'time'>;
  fails?: Record<string, string>;
  within?: number;
  says?: string[];
  confirm?: string;
  claims?: string[];
  most?: number;
}

/** An argument of a tool that a program offers. */
export interface ClientToolArgument {
  about?: string;
  kind?:
    | 'amount'
    | 'choice'
    | 'date'
    | 'digits'
    | 'email'
    | 'name'
    | 'number'
    | 'phone'
    | 'spelled'
    | 'text'
    | 'time'
    | 'yes_no';
  asks?: string;
  options?: Record<string, string[]>;
  length?: number | null;
  from?: 'caller' | 'model';
}

/** Typed instead of spoken: a turn of its own. */
export interface TypedText {
  type: 'text';
  text: string;
}

/** Keys pressed: a turn of their own. */
export interface Dtmf {
  type: 'dtmf';
  digits: string;
}

/** The caller goes. */
export interface HangUp {
  type: 'hangup';
}

/** The call is up; sound may flow. */
export interface Ready {
  type: 'ready';
  call_id: string;
  codec: 'g711_alaw' | 'g711_ulaw' | 'pcm';
  sample_rate: number;
  engines: Record<string, string>;
  answering: Record<string, AnsweredBy>;
  resume_token: string;
  resume_s: number;
}

/** The engine that really answered, and with which model or voice. */
export interface AnsweredBy {
  engine: string;
  model: string;
  instead_of: string;
  why: '' | 'busy' | 'failed' | 'no key' | 'not downloaded' | 'not running' | 'too slow';
}

/** The call goes on over this connection. What had not been received comes again, right after this. */
export interface Resumed {
  type: 'resumed';
  call_id: string;
  resume_token: string;
  next: number;
  received: number;
}

/** The caller's connection broke; the call waits. Their program is told only once it is back. */
export interface Reconnecting {
  type: 'reconnecting';
  at: number;
}

/** The caller is back. */
export interface Reconnected {
  type: 'reconnected';
  away_ms: number;
  unheard_ms: number;
  at: number;
}

/** The caller has begun; `at` is where. */
export interface TurnStarted {
  type: 'turn_started';
  at: number;
  turn: number;
  reply: number;
}

/** The caller's turn is over; `at` is its last sample of speech. Why it counts as over stands here too. */
export interface TurnEnded {
  type: 'turn_ended';
  by: 'evidence' | 'limit' | 'silence';
  score: number | null;
  silence_ms: number | null;
  at: number;
  turn: number;
  reply: number;
}

/** What was heard so far; it may still change. */
export interface PartialTranscript {
  type: 'partial_transcript';
  text: string;
  at: number;
  turn: number;
  reply: number;
}

/** What the caller said. */
export interface Transcript {
  type: 'transcript';
  text: string;
  latency_ms: number;
  at: number;
  turn: number;
  reply: number;
}

/** A token of reasoning: shown, never spoken. */
export interface ReasoningToken {
  type: 'reasoning_token';
  token: string;
  at: number;
  turn: number;
  reply: number;
}

/** A token of the answer. */
export interface LlmToken {
  type: 'llm_token';
  token: string;
  at: number;
  turn: number;
  reply: number;
}

/** The answer is thought to its end. */
export interface ReplyText {
  type: 'reply_text';
  text: string;
  at: number;
  turn: number;
  reply: number;
}

/** The agent could not answer the caller's question; kept for who improves the agent. */
export interface Unanswered {
  type: 'unanswered';
  why: 'asked_for_person' | 'engine_failed' | 'not_known';
  at: number;
  turn: number;
  reply: number;
}

/** The caller is to be put through to a person: they asked for one, or the agent has promised it. */
export interface TransferRequested {
  type: 'transfer_requested';
  by: 'agent' | 'caller' | 'operator';
  at: number;
  turn: number;
  reply: number;
}

/** The caller was put through, or could not be and goes on talking to the agent. */
export interface TransferDone {
  type: 'transfer_done';
  to: string;
  result: 'busy' | 'failed' | 'invalid' | 'no_answer' | 'rejected' | 'transferred';
  at: number;
  turn: number;
  reply: number;
}

/** The first sound of the reply goes out now. */
export interface AudioStarted {
  type: 'audio_started';
  latency_ms: number;
  filler: boolean;
  at: number;
  turn: number;
  reply: number;
}

/** Words of the answer, as they are written, are in the sound that goes out now; markdown and spaces included. */
export interface AgentWords {
  type: 'agent_words';
  text: string;
  ends: number;
  filler: boolean;
  at: number;
  turn: number;
  reply: number;
}

/** The last sound of the reply has been heard. */
export interface AudioDone {
  type: 'audio_done';
  at: number;
  turn: number;
  reply: number;
}

/** The caller talked over the reply, which stopped at the `clear` before this. */
export interface BargeIn {
  type: 'barge_in';
  heard: string;
  at: number;
  turn: number;
  reply: number;
}

/** Forget all audio that has not been played yet. What follows may go on from the very sample where it stopped. */
export interface Clear {
  type: 'clear';
  at: number;
  turn: number;
  reply: number;
}

/** A sound over the reply was no interruption; the reply goes on where it was held. */
export interface FalseInterruption {
  type: 'false_interruption';
  text: string;
  at: number;
  turn: number;
  reply: number;
}

/** Where the time of this reply went, in milliseconds; null where a stage had no part in it. */
export interface ReplyMetrics {
  type: 'reply_metrics';
  endpoint_ms: number | null;
  asr_ms: number | null;
  llm_first_ms: number | null;
  llm_ms: number | null;
  tts_first_ms: number | null;
  tts_ms: number | null;
  e2e_ms: number | null;
  asr_from_ms: number | null;
  llm_from_ms: number | null;
  tts_from_ms: number | null;
  wasted: number;
  wasted_ms: number | null;
  wasted_from_ms: number | null;
  engines: Record<string, AnsweredBy>;
  at: number;
  turn: number;
  reply: number;
}

/** A tool of the agent's: it runs, what came of it, and that the caller has heard so. Secrets are masked. */
export interface ToolCalled {
  type: 'tool';
  at: number;
  turn: number;
  reply: number;
  number: number;
  tool: string;
  effect: 'reads' | 'writes';
  state: 'failed' | 'ok' | 'refused' | 'running' | 'timeout' | 'told' | 'unknown';
  arguments: Record<string, string>;
  gives: Record<string, string>;
  why: string;
  key: string;
  ms: number | null;
}

/** A tool of the caller's program is to run now; it answers with `tool_result`. Told to that program alone. */
export interface ClientToolCall {
  type: 'tool_call';
  at: number;
  turn: number;
  reply: number;
  id: string;
  tool: string;
  arguments: Record<string, string>;
  within_s: number;
}

/** A slot has a value now, or another one. Secret values are masked. */
export interface SlotFilled {
  type: 'slot';
  at: number;
  turn: number;
  reply: number;
  slot: string;
  value: string;
  sure: boolean;
  by: 'keys' | 'skipped' | 'speech';
}

/** A task begins, goes on after an interruption, or is over. */
export interface TaskMoved {
  type: 'task';
  at: number;
  turn: number;
  reply: number;
  task: string;
  state: 'begun' | 'over' | 'resumed';
}

/** An operator listens to the call, speaks in it as the agent, or takes it over; kept for who audits calls. */
export interface OperatorActed {
  type: 'operator_acted';
  what: 'hands_back' | 'leaves' | 'listens' | 'says' | 'takes_over';
  at: number;
}

/** It is known who or what has taken a call of lineside's own; told again where a person comes after a machine. */
export interface CallTaken {
  type: 'call_taken';
  by: 'human' | 'ivr' | 'screening' | 'unknown' | 'voicemail';
  beep: boolean;
  at: number;
}

/** Something went wrong; after a fatal one the call ends. */
export interface CallError {
  type: 'error';
  code:
    | 'bad_first_message'
    | 'bad_message'
    | 'caller_not_reading'
    | 'engine_error'
    | 'frame_too_large'
    | 'internal_error'
    | 'line_deaf'
    | 'line_lost'
    | 'line_mute'
    | 'line_silent'
    | 'no_first_message'
    | 'odd_length'
    | 'resume_refused'
    | 'too_fast'
    | 'too_many_messages'
    | 'too_many_turns'
    | 'tools_not_called'
    | 'unknown_choice'
    | 'unknown_draft'
    | 'unknown_engine';
  message: string;
  fatal: boolean;
  at: number;
}

/** The call is over. */
export interface Ended {
  type: 'ended';
  reason:
    | 'agent_said_goodbye'
    | 'asked_for_person'
    | 'bad_message'
    | 'busy'
    | 'called_too_often'
    | 'caller_hung_up'
    | 'caller_not_reading'
    | 'caller_repeats'
    | 'caller_silent'
    | 'cancelled'
    | 'drained'
    | 'ended_by_operator'
    | 'engines_failed'
    | 'frame_too_large'
    | 'idle'
    | 'internal_error'
    | 'line_lost'
    | 'no_answer'
    | 'no_audio'
    | 'not_reached'
    | 'odd_length'
    | 'rejected'
    | 'server_stopping'
    | 'too_fast'
    | 'too_long'
    | 'too_many_messages'
    | 'too_many_turns'
    | 'transferred'
    | 'voicemail'
    | 'voicemail_left';
  at: number;
}

/** All engines, by role. */
export interface EnginesStatus {
  stt: RoleEngines;
  llm: RoleEngines;
  tts: RoleEngines;
}

/** The engines of one role. */
export interface RoleEngines {
  default: string;
  engines: EngineStatus[];
  unavailable: UnavailableEngine[];
}

/** An engine that a call may name. */
export interface EngineStatus {
  name: string;
  choices: string[];
  default_choice: string;
  embedded: boolean;
  up: boolean | null;
  why: string;
  model: string;
  state:
    | 'available'
    | 'busy'
    | 'failed'
    | 'no key'
    | 'not configured'
    | 'not downloaded'
    | 'not installed'
    | 'not running'
    | 'too slow'
    | 'unchecked';
  answers: AnsweredBy | null;
  download: string;
  fallback: Fallback | null;
}

/** The last time that another engine answered for this one. */
export interface Fallback {
  by: AnsweredBy;
  seconds_ago: number;
}

/** An engine that a call may not name, because it lacks a key, a setting or a program. */
export interface UnavailableEngine {
  name: string;
  state:
    | 'available'
    | 'busy'
    | 'failed'
    | 'no key'
    | 'not configured'
    | 'not downloaded'
    | 'not installed'
    | 'not running'
    | 'too slow'
    | 'unchecked';
  why: string;
}

/** What a voice shall say, to be listened to. */
export interface SayText {
  text: string;
  engine?: string;
  voice?: string;
}

/** All models. */
export interface ModelsStatus {
  models: ModelStatus[];
  notes: string[];
}

/** A model, on the disk and in memory. */
export interface ModelStatus {
  name: string;
  role: 'embeddings' | 'llm' | 'stt' | 'tts' | 'turn' | 'vad';
  engine: string;
  description: string;
  licence: string;
  source: string;
  bytes: number | null;
  memory_bytes: number | null;
  state: 'damaged' | 'missing' | 'partial' | 'ready' | 'remote' | 'unchecked';
  loaded: boolean;
  in_use: number;
  default: boolean;
  downloading: DownloadProgress | null;
}

/** How far a download has come. The last one of a download is `done`, `failed` or `cancelled`. */
export interface DownloadProgress {
  model: string;
  file: string;
  done: number;
  total: number;
  source: string;
  state: 'cancelled' | 'done' | 'failed' | 'running';
  message: string;
}

/** A model, and where it is wanted. */
export interface ModelChoice {
  model: string;
  engine?: string;
}

/** A model that shall leave the memory. */
export interface UnloadModel {
  model: string;
  engine?: string;
  wait?: boolean;
}

/** Files of a model that are gone. */
export interface Deleted {
  deleted: string;
  freed_bytes: number;
}

/** The services of the host: programs that the host agent starts, watches and ends. */
export interface ServicesStatus {
  services: Service[];
}

/** A service as it stands. */
export interface Service {
  name: string;
  state: 'failed' | 'ready' | 'resting' | 'starting' | 'stopped';
  url: string;
  model: string;
  models: string[];
  pid: number | null;
  starts: number;
  seconds: number;
  memory_bytes: number | null;
  why: string;
}

/** How a service shall be started. */
export interface StartService {
  model?: string;
}

/** The newest lines of a service's output. */
export interface Log {
  lines: string[];
}

/** One reading of CPU, memory and GPUs. */
export interface Machine {
  at: number;
  cpu: Cpu;
  ram: Ram;
  gpus: Gpu[];
  note: string;
}

/** The processor cores that are ours, and how busy all of them were since the reading before. */
export interface Cpu {
  cores: number;
  percent: number;
}

/** Main memory; used is what could not be had without taking it from somebody. */
export interface Ram {
  total_bytes: number;
  used_bytes: number;
}

/** Memory, load and processes of one GPU. */
export interface Gpu {
  index: number;
  vendor: 'amd' | 'nvidia';
  name: string;
  total_bytes: number;
  used_bytes: number;
  percent: number | null;
  processes: GpuProcess[];
  shared_bytes: number;
}

/** A process that holds memory of a graphics card. */
export interface GpuProcess {
  pid: number;
  name: string;
  model: string;
  bytes: number;
}

/** The last hour, over all workers: a point for every stretch of `every` seconds, all lines of one length. */
export interface Trends {
  every: number;
  prometheus: string;
  grafana: string;
  trouble: string;
  limit: number;
  at: number[];
  calls: number[];
  memory_bytes: number[];
  cores: number[];
  turns_a_minute: number[];
  refused_a_minute: number[];
  errors_a_minute: number[];
  gaps_a_minute: number[];
  replies: number[];
  loop_lag_p99_ms: (number | null)[];
  e2e_p50_ms: (number | null)[];
  e2e_p95_ms: (number | null)[];
  endpoint_p50_ms: (number | null)[];
  asr_p50_ms: (number | null)[];
  llm_first_p50_ms: (number | null)[];
  tts_first_p50_ms: (number | null)[];
}

/** Every trouble that stands, the oldest first. The same are told to webhooks, as the event `alert`. */
export interface StandingAlerts {
  alerts: StandingAlert[];
}

/** One trouble that stands. */
export interface StandingAlert {
  what: string;
  since: number;
}

/** What became of every loaded model. */
export interface AllUnloaded {
  unloaded: Unloaded[];
  kept: StillLoaded[];
}

/** A model that left the memory. */
export interface Unloaded {
  engine: string;
  model: string;
}

/** A model that did not, and why. */
export interface StillLoaded {
  engine: string;
  model: string;
  why: string;
}

/** Whom to call, and what for. */
export interface PlaceCall {
  to: string;
  consent?: string;
  timezone?: string;
  idempotency_key?: string;
  reference?: string;
  line?: string;
  caller_id?: string;
  context?: Record<string, string>;
  greeting?: string | null;
  ring_seconds?: number | null;
  on_voicemail?: 'continue' | 'hang_up' | 'leave_message';
  voicemail_message?: string;
  screening_line?: string;
}

/** One call of lineside's own, from its request to its outcome. */
export interface OutboundCall {
  id: string;
  to: string;
  line: string;
  state: 'dialling' | 'over' | 'ringing' | 'talking';
  placed: number;
  seconds: number;
  outcome:
    | 'answered_human'
    | 'answered_unknown'
    | 'busy'
    | 'cancelled'
    | 'failed'
    | 'invalid'
    | 'ivr'
    | 'no_answer'
    | 'rejected'
    | 'screened'
    | 'voicemail'
    | 'voicemail_left'
    | null;
  detail: string;
  answered_as: 'human' | 'ivr' | 'screening' | 'unknown' | 'voicemail' | null;
  reason:
    | 'agent_said_goodbye'
    | 'asked_for_person'
    | 'bad_message'
    | 'busy'
    | 'called_too_often'
    | 'caller_hung_up'
    | 'caller_not_reading'
    | 'caller_repeats'
    | 'caller_silent'
    | 'cancelled'
    | 'drained'
    | 'ended_by_operator'
    | 'engines_failed'
    | 'frame_too_large'
    | 'idle'
    | 'internal_error'
    | 'line_lost'
    | 'no_answer'
    | 'no_audio'
    | 'not_reached'
    | 'odd_length'
    | 'rejected'
    | 'server_stopping'
    | 'too_fast'
    | 'too_long'
    | 'too_many_messages'
    | 'too_many_turns'
    | 'transferred'
    | 'voicemail'
    | 'voicemail_left'
    | null;
  reference: string;
}

/** Calls that lineside made or makes, the newest first. */
export interface OutboundCalls {
  calls: OutboundCall[];
}

/** A number that is not to be called any more. */
export interface DoNotCall {
  number: string;
}

/** It is on the list, and on the disk. */
export interface DoNotCallAdded {
  number: string;
  added: boolean;
}

/** The calls under way. */
export interface CallsStatus {
  calls: ActiveCall[];
}

/** A call that is up. */
export interface ActiveCall {
  id: string;
  line: string;
  codec: string;
  state: 'connecting' | 'dialling' | 'listening' | 'speaking' | 'thinking';
  seconds: number;
  turns: number;
  engines: Record<string, string>;
  last_e2e_ms: number | null;
  direction: 'inbound' | 'outbound';
  caller: string;
  called: string;
  asked_for_person: boolean;
  unanswered: number;
  fallbacks: number;
  taken_over: boolean;
  answered: Record<string, AnsweredBy>;
  listeners: number;
  answered_as: 'human' | 'ivr' | 'screening' | 'unknown' | 'voicemail' | null;
}

/** A call that is being ended. */
export interface CallEnded {
  ended: string;
}

/** Words that are spoken to the caller as the agent's. */
export interface SayInCall {
  text: string;
}

/** What an operator has done in a call. */
export interface CallSupervised {
  call: string;
  did: 'hands_back' | 'leaves' | 'listens' | 'says' | 'takes_over';
}

/** The line that a test call comes over. */
export interface TestLine {
  line: string;
}

/** What a test call brings. */
export interface TestTicket {
  ticket: string;
}

/** Some of the calls, the newest first. */
export interface CallPage {
  calls: KeptCall[];
  next: string;
  total: number;
}

/** A call as the list shows it. */
export interface KeptCall {
  id: string;
  began: number;
  seconds: number | null;
  reason: string;
  line: string;
  codec: string;
  rate: number;
  caller: string;
  mode: string;
  agent: string;
  stt: string;
  llm: string;
  llm_model: string;
  tts: string;
  tts_voice: string;
  turns: number;
  recording: 'given_up' | 'kept' | 'none' | 'running';
  recording_bytes: number;
  agent_version: string;
  asked_for_person: boolean;
  outcome: string;
  tags: string[];
  note: string;
  unanswered: number;
  fallbacks: number;
  direction: string;
  called: string;
  diverted_from: string;
  carrier_call_id: string;
  transferred_to: string;
  first_words: string;
  slowest_ms: number | null;
  answered: Record<string, AnsweredBy>;
}

/** All that is kept of one call, except its sound. */
export interface WholeCall {
  call: KeptCall;
  turns: KeptTurn[];
  decisions: KeptDecision[];
  tool_calls: KeptToolCall[];
  slots: KeptSlot[];
  tasks: KeptTask[];
}

/** One reply and what it was about. Times are seconds of caller audio, which the recording counts in too. */
export interface KeptTurn {
  turn: number;
  reply: number;
  speech_began_at: number | null;
  speech_ended_at: number | null;
  heard_at: number | null;
  heard: string;
  said: string;
  reached: string;
  audio_at: number | null;
  done_at: number | null;
  cut: boolean;
  wasted: number;
  stages: Record<string, number>;
  engines: Record<string, AnsweredBy>;
  filler: string;
  unanswered: string;
}

/** A decision, and why. */
export interface KeptDecision {
  at: number;
  turn: number;
  what: string;
  detector: string;
  score: number | null;
  silence_ms: number | null;
  reason: string;
}

/** A tool call, and what came of it. */
export interface KeptToolCall {
  number: number;
  at: number;
  turn: number;
  reply: number;
  tool: string;
  effect: string;
  state: 'failed' | 'ok' | 'refused' | 'running' | 'timeout' | 'unknown';
  arguments: Record<string, string>;
  gives: Record<string, string>;
  why: string;
  key: string;
  ms: number | null;
  heard: boolean;
}

/** A slot and its last value. */
export interface KeptSlot {
  slot: string;
  at: number;
  turn: number;
  value: string;
  sure: boolean;
  filled_by: string;
}

/** A task began, went on, or was over. */
export interface KeptTask {
  at: number;
  turn: number;
  task: string;
  state: string;
}

/** How loud each voice is over a recording, for a picture of it. */
export interface Waveform {
  seconds: number;
  caller: number[];
  agent: number[];
}

/** The questions that agents could not answer, the most frequent first. */
export interface UnansweredQuestions {
  questions: UnansweredQuestion[];
  turns: number;
}

/** A question that the agent could not answer, and everybody who asked it in much the same words. */
export interface UnansweredQuestion {
  question: string;
  why: 'asked_for_person' | 'engine_failed' | 'not_known';
  agent: string;
  times: number;
  last: number;
  asked: AskedAt[];
}

/** Where a question was asked. */
export interface AskedAt {
  call: string;
  reply: number;
  began: number;
  at: number | null;
  heard: string;
  said: string;
}

/** What an operator writes about a call; what is left out stays as it is. */
export interface AnnotateCall {
  outcome?: string | null;
  tags?: string[] | null;
  note?: string | null;
}

/** What an operator wrote about a call. */
export interface CallNotes {
  outcome: string;
  tags: string[];
  note: string;
}

/** What was deleted. */
export interface DeletedCalls {
  calls: string[];
  under_way: string[];
  wiped: boolean;
}

/** What an agent is told. Text is plain; the prompt's facts are what the model may answer from. */
export interface Agent {
  name: string;
  prompt: string;
  greeting: string;
  facts: string[];
  answers: VerbatimAnswer[];
  documents: string[];
  unknown: string;
  examples: Example[];
  transfer: string;
  no_transfer: string;
  on_transfer: 'go_on' | 'hang_up';
  not_reached: string;
  who_calls: string;
  whisper: string;
  reprompt: string;
  goodbye: string;
  farewell: string;
  slots: Record<string, Slot>;
  tools: Record<string, Tool>;
  tasks: Record<string, Task>;
  tool_calls: 'by_rule' | 'native';
  limits: Limits;
  language: string;
  locale: string;
  timezone: string;
  call_facts: string[];
  hours: Record<string, string>;
}

/** An answer that is spoken as it stands, without the language model, where a question is plainly about it. */
export interface VerbatimAnswer {
  about: string;
  says: string;
  asks: string[];
}

/** A question and the answer it should get. */
export interface Example {
  asks: string;
  says: string;
}

/** One thing that is asked of the caller. */
export interface Slot {
  kind:
    | 'amount'
    | 'choice'
    | 'date'
    | 'digits'
    | 'email'
    | 'name'
    | 'number'
    | 'phone'
    | 'spelled'
    | 'text'
    | 'time'
    | 'yes_no';
  asks: string;
  again: string[];
  length: number | null;
  pattern: string;
  options: Record<string, string[]>;
  check: '' | 'luhn' | 'mod97';
  least: number | null;
  most: number | null;
  confirm: 'always' | 'never' | 'unsure';
  secret: boolean;
  tries: number;
  otherwise: 'end' | 'person' | 'skip';
  profile: '' | 'balanced' | 'digits' | 'fast' | 'patient';
}

/** Something outside that an agent may use: over HTTP, in Python, of an MCP server, of the caller's program. */
export interface Tool {
  about: string;
  http: string;
  python: string;
  mcp: string | string[];
  client: boolean;
  remote: string;
  schema: string;
  effect: 'reads' | 'writes' | null;
  headers: Record<string, string>;
  environment: string[];
  private: boolean;
  takes: Record<string, Takes>;
  gives: Record<string, 'amount' | 'date' | 'digits' | 'number' | 'spelled' | 'text' | 'time'>;
  fails: Record<string, string>;
  within: number;
  early: boolean;
  says: string[];
  confirm: string;
  claims: string[];
  most: number;
  most_an_hour: number | null;
  most_a_day: number | null;
  most_a_day_by_caller: number | null;
}

/** An argument of a tool. Its value is that of the slot of this name, or an earlier tool's result. */
export interface Takes {
  about: string;
  from: 'caller' | 'model';
}

/** A job for callers: what they say when they want it, what is needed for it, what does it. */
export interface Task {
  when: string[];
  needs: string[];
  does: string;
  says: string;
  steps: TaskStep[];
  if: Record<string, Failure>;
  then: string;
  about: string;
}

/** A part of a task: slots to fill, then a tool, then words. */
export interface TaskStep {
  needs: string[];
  does: string;
  says: string;
  if: Condition | null;
  end: boolean;
}

/** Something about one slot or result. Exactly one of `is`, `one_of` and `missing` is given. */
export interface Condition {
  of: string;
  is: string | null;
  one_of: string[];
  missing: boolean;
}

/** What follows when a task's tool fails in a way that has a name. */
export interface Failure {
  says: string;
  again: string;
  person: boolean;
}

/** How much one call may do, and how often one caller may call. */
export interface Limits {
  tools_a_call: number;
  rounds_a_turn: number;
  calls_by_caller_an_hour: number | null;
  calls_by_caller_a_day: number | null;
  too_often: string;
  never_say: string[];
}

/** The versions of the agent that are kept. */
export interface AgentVersions {
  current: string;
  versions: AgentVersion[];
}

/** An agent as it was at some time. */
export interface AgentVersion {
  id: string;
  at: number;
  source: 'file' | 'page';
  agent: Agent;
}

/** An agent that was written and not saved. */
export interface AgentDraft {
  draft: string;
}

/** An agent as the text of its file. */
export interface AgentText {
  text: string;
}

/** What is in the text of an agent's file. */
export interface CheckedAgent {
  agent: Agent | null;
  remarks: Remark[];
}

/** Something found in a file. */
export interface Remark {
  line: number;
  what: string;
  kind: 'advice' | 'mistake';
}

/** Every setting; the values of secrets are masked. */
export interface SettingsStatus {
  settings: Setting[];
}

/** One setting as it stands, and who set it. A secret's value is masked. */
export interface Setting {
  name: string;
  value: string;
  source: '.env' | 'command line' | 'default' | 'environment';
  secret: boolean;
  about: string;
}

/** The rehearsal under way or the last one, and what can be rehearsed. */
export interface RehearsalStatus {
  state: 'cancelled' | 'done' | 'failed' | 'idle' | 'running';
  why: string;
  file: string;
  scenarios: ScenarioName[];
  total: number;
  runs: number;
  began: number;
  agent: string;
  saved: boolean;
  results: RehearsedScenario[];
}

/** A caller that can be rehearsed. */
export interface ScenarioName {
  name: string;
  tags: string[];
}

/** A scenario and what came of its calls. */
export interface RehearsedScenario {
  name: string;
  passed: number;
  runs: number;
  faults: RehearsalFault[];
  conversation: RehearsedLine[];
  seconds: number;
}

/** Something that should have come of a call, and did not. */
export interface RehearsalFault {
  kind: string;
  what: string;
}

/** Something that was said in a rehearsed call. */
export interface RehearsedLine {
  who: 'agent' | 'caller';
  text: string;
}

/** What shall be rehearsed. */
export interface StartRehearsal {
  agent?: Agent | null;
  only?: string[];
  runs?: number;
}

/** The webhooks of this gateway since it started. */
export interface WebhookStatus {
  url: string;
  events: string[];
  waiting: number;
  delivered: number;
  failed: number;
  dropped: number;
  recent: WebhookDelivery[];
}

/** A delivery that is over. */
export interface WebhookDelivery {
  id: string;
  event: 'alert' | 'call_ended' | 'call_outcome' | 'call_started' | 'test' | 'transfer_requested';
  at: number;
  tries: number;
  outcome: 'delivered' | 'dropped' | 'failed';
  why: string;
}

/** How far a gateway is that takes no more calls. */
export interface DrainStatus {
  draining: boolean;
  calls: number;
  seconds_left: number | null;
}

/** How long calls that are up may last. */
export interface BeginDrain {
  within_s?: number | null;
}

/** All gateways that share a database. */
export interface GatewaysStatus {
  gateways: KnownGateway[];
  heard_seconds_ago: number | null;
}

/** A gateway, as the database knows it. */
export interface KnownGateway {
  name: string;
  version: string;
  calls: number;
  max_calls: number;
  draining: boolean;
  alive: boolean;
  seconds_ago: number;
  this: boolean;
}

export type ServerMessage =
  | Ready
  | Resumed
  | Reconnecting
  | Reconnected
  | TurnStarted
  | TurnEnded
  | PartialTranscript
  | Transcript
  | ReasoningToken
  | LlmToken
  | ReplyText
  | Unanswered
  | TransferRequested
  | TransferDone
  | AudioStarted
  | AgentWords
  | AudioDone
  | BargeIn
  | Clear
  | FalseInterruption
  | ReplyMetrics
  | ToolCalled
  | ClientToolCall
  | SlotFilled
  | TaskMoved
  | OperatorActed
  | CallTaken
  | CallError
  | Ended;
