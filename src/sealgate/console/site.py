"""The console as an ASGI application: routes, middleware and the pages for what is not there."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from sealgate.console.composition import Console
from sealgate.console.forms import Form
from sealgate.console.middleware import middleware
from sealgate.console.routes import not_there, starlette_routes
from sealgate.console.visit import Visit


def make_site(console: Console) -> Starlette:
    """An ASGI application; the caller runs the desk and the feed beside it."""

    async def nothing_here(request: Request, _error: Exception) -> Response:
        return not_there(Visit(console, request, request.state.account, Form()))

    async def no_such_method(request: Request, _error: Exception) -> Response:
        visit = Visit(console, request, request.state.account, Form())
        return visit.render("not_found.html", status=405)

    site = Starlette(
        routes=starlette_routes(console),
        middleware=middleware(console),
        exception_handlers={404: nothing_here, 405: no_such_method},
    )
    site.router.redirect_slashes = False  # a path is right or it is not there
    return site
