"""The control API: engines, models, services, readings, calls and the desk, for the page, programs and people.

`mount` puts it into the gateway's application. `table` lists every operation once; the routes, the checks of what comes
in, `/openapi.json`, `/docs` and `docs/api.md` are all made from that list.
"""

from lineside.api.dependencies import ActiveCalls, AgentSource, ApiDependencies, HostServices
from lineside.api.routes import mount

__all__ = ["ActiveCalls", "AgentSource", "ApiDependencies", "HostServices", "mount"]
