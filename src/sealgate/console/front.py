"""The front door: where `/` leads, whether the console is up, and its scripts and styles."""

from __future__ import annotations

from starlette.responses import PlainTextResponse, Response

from sealgate.console.visit import Visit


async def home(visit: Visit) -> Response:
    """On to the applications, or to the sign-in page."""
    return visit.go("/applications" if visit.signed_in else "/sign-in")


async def health(_visit: Visit) -> Response:
    """For supervisors: the process answers. It tells nothing else."""
    return PlainTextResponse("ok\n")


async def asset(visit: Visit) -> Response:
    """One built file; kept for ever under an address with its hash."""
    found = visit.console.pages.assets.find(visit.path("name"))
    if found is None:
        return visit.render("not_found.html", status=404)
    lasting = visit.request.url.query == found.mark
    return Response(
        found.content,
        media_type=found.media_type,
        headers={"cache-control": "public, max-age=31536000, immutable" if lasting else "no-cache"},
    )
