"""Operations on rehearsals: scripted callers try the agent at text level, as `lineside rehearse` does."""

from lineside.api.api_services import ApiServices
from lineside.api.operation import operation
from lineside.api.rehearsal_values import RehearsalStatus, StartRehearsal

REHEARSAL = "Rehearsals"


@operation("GET", "/api/rehearsal", group=REHEARSAL)
async def get_rehearsal(api: ApiServices) -> RehearsalStatus:
    """Get the rehearsal under way or the last one, and the scenarios beside AGENT_FILE."""
    return await api.rehearsals.status()


@operation("POST", "/api/rehearsal", group=REHEARSAL, errors=(409,), example={"runs": 2})
async def start_rehearsal(api: ApiServices, body: StartRehearsal) -> RehearsalStatus:
    """Start a rehearsal. One at a time; no real tool is called, and nothing is kept."""
    return await api.rehearsals.start(body)


@operation("POST", "/api/rehearsal/cancel", group=REHEARSAL, errors=(409,))
async def cancel_rehearsal(api: ApiServices) -> RehearsalStatus:
    """Cancel the rehearsal; what it has found stays."""
    return await api.rehearsals.cancel()
