"""Every operation of the control API, in the order of its documents.

The routes, the checks of what comes in, `/openapi.json`, `/docs` and `docs/api.md` are made from this list.
"""

from lineside.api import call_handlers, history, host_handlers, model_handlers, test_call_handlers
from lineside.api.operation import Operation

OPERATIONS: tuple[Operation, ...] = (
    model_handlers.list_engines,
    model_handlers.say,
    model_handlers.list_models,
    model_handlers.load_model,
    model_handlers.unload_model,
    model_handlers.download_model,
    model_handlers.cancel_download,
    model_handlers.delete_model,
    host_handlers.list_services,
    host_handlers.start_service,
    host_handlers.stop_service,
    host_handlers.service_logs,
    host_handlers.machine,
    host_handlers.machine_stream,
    host_handlers.trends,
    host_handlers.unload_all,
    call_handlers.list_calls,
    call_handlers.end_call,
    call_handlers.call_events,
    call_handlers.listen_in,
    call_handlers.say_in_call,
    call_handlers.take_over,
    call_handlers.hand_back,
    test_call_handlers.test_ticket,
    history.list_kept_calls,
    history.export_jsonl,
    history.export_csv,
    history.kept_call,
    history.recording,
    history.waveform,
    history.unanswered,
    history.annotate_call,
    history.delete_call,
    history.delete_caller,
    call_handlers.get_agent,
    call_handlers.agent_versions,
    call_handlers.change_agent,
    call_handlers.draft_agent,
    call_handlers.get_settings,
    call_handlers.get_webhooks,
    call_handlers.test_webhook,
)
