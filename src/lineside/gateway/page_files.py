"""The page's own files, as the gateway serves them."""

from pathlib import Path

from aiohttp import web

WEB = Path(__file__).parents[1] / "web"
FOREVER = "public, max-age=31536000, immutable"  # the page's files have a hash of what is in them in their names
# The page takes nothing from elsewhere, runs nothing that stands in it, and stands in no other page's frame.
POLICY = (
    "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; media-src 'self' blob:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


def add_page(app: web.Application) -> None:
    """Serve the page at `/` and its files below `/web/`."""
    app.router.add_get("/", _page)
    app.router.add_static("/web/", WEB)
    app.on_response_prepare.append(_kept)


async def _page(request: web.Request) -> web.StreamResponse:
    response = web.FileResponse(WEB / "index.html")
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Cache-Control"] = "no-cache"
    return response


async def _kept(request: web.Request, response: web.StreamResponse) -> None:
    """The page's own files are kept for good; only now is it known whether there is such a file."""
    if "/web/assets/" in request.path and response.status < 400:
        response.headers["Cache-Control"] = FOREVER
