"""The gateway below a path of somebody's web server, such as /voice: every route stands there too."""

from aiohttp import web


def serve_below(app: web.Application, base: str) -> None:
    """Give every route of the application a second address, below `base`.

    The addresses without it stay: a proxy may take the path off before it asks, and probes ask directly.
    """
    if not base:
        return
    for resource in tuple(app.router.resources()):
        if isinstance(resource, web.StaticResource):
            app.router.add_static(f"{base}{resource.canonical}/", resource.get_info()["directory"])
            continue
        for route in resource:
            app.router.add_route(route.method, f"{base}{resource.canonical}", route.handler)

    async def to_the_page(request: web.Request) -> web.Response:
        return web.Response(status=308, headers={"Location": f"{base}/"})

    app.router.add_get(base, to_the_page)


def path_below(path: str, base: str) -> str:
    """A request's path without `base`."""
    return path.removeprefix(base) if base and path.startswith(f"{base}/") else path
