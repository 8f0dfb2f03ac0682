"""Draws pages from `templates/`: escaping on, unknown names refused, the same filters everywhere."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import Path

import jinja2
from markupsafe import Markup

from sealgate.console.assets import Assets

NOTICES: Mapping[str, str] = {
    "signed-out": "You are signed out.",
    "welcome": "Welcome. Create your first application to begin.",
    "application-created": "The application is there. Four steps and it writes.",
    "application-renamed": "Renamed.",
    "application-paused": "Paused. Its requests are refused now.",
    "application-resumed": "Active again.",
    "origin-added": "Origin added.",
    "origin-removed": "Origin removed.",
    "session-key-added": "Session key registered. Your back end can sign with its private half now.",
    "session-key-revoked": "Session key revoked. What it signed is refused now.",
    "actions-saved": "Actions saved.",
    "limits-saved": "Limits and models saved.",
    "add-on-on": "The add-on is on.",
    "add-on-off": "The add-on is off. Its requests are refused now.",
    "key-revoked": "The key is destroyed here. Delete it at your provider too, if you have not yet.",
    "key-switched": "The application uses the newly sealed key now.",
}
"""What a page says after something was done; the URL carries the name of the notice, never its text."""


class Pages:
    """Renders a template by name."""

    def __init__(self, assets: Assets) -> None:
        self.assets = assets
        self._jinja = jinja2.Environment(
            loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._jinja.filters |= {"when": when, "count": count, "seconds": seconds, "size": size}
        self._jinja.globals["asset"] = assets.url

    def render(self, template: str, values: Mapping[str, object]) -> str:
        """The page as HTML."""
        return self._jinja.get_template(template).render(values)


def when(at: float) -> Markup:
    """A moment as `<time>`: UTC here, the reader's own time once the script has run."""
    moment = datetime.datetime.fromtimestamp(at, datetime.UTC)
    machine = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    return Markup('<time datetime="{}" data-local>{}</time>').format(
        machine, f"{moment.day} {moment.strftime('%b %Y, %H:%M')} UTC"
    )


def count(number: int) -> str:
    """`12 345`, parted by narrow no-break spaces."""
    return f"{number:,}".replace(",", "\u202f")


def seconds(milliseconds: int) -> str:
    """`1.2 s` from milliseconds."""
    return f"{milliseconds / 1000:.1f}\u00a0s"


def size(length_bytes: int) -> str:
    """`1 MiB`, or `512 KiB` below that."""
    mebibytes = length_bytes / 1_048_576
    return f"{mebibytes:g}\u00a0MiB" if mebibytes >= 1 else f"{length_bytes / 1024:g}\u00a0KiB"
