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
    "plans-saved": "Saved. Proxies go by it from the next request on.",
    "sources-saved": "Saved. Proxies go by it from the next request on.",
    "budgets-saved": "Saved. Proxies go by it from the next request on.",
    "add-on-on": "The add-on is on.",
    "add-on-off": "The add-on is off. Its requests are refused now.",
    "key-revoked": "The key is destroyed here. Delete it at your provider too, if you have not yet.",
    "invitation-withdrawn": "The invitation is withdrawn. Its link leads nowhere now.",
    "role-changed": "The role is changed, from the next request on.",
    "member-removed": "Removed, and signed out everywhere.",
    "member-signed-out": "Signed out of every browser.",
    "signed-out-everywhere": "You are signed out of every browser.",
    "erased": "Erased in the vault. Nothing of it opens any more; the receipt says when it is final.",
    "erasure-ordered": "Ordered. The vault went away in the middle: it is asked again until it answers.",
    "token-revoked": "Revoked. Programs that show this token are refused now.",
    "retention-saved": "Retention saved. What is too old is deleted at once, and daily from now on.",
    "key-tested": "The key was tested. What was found stands beside it.",
    "version-switched": "Switched. Requests go out with the new key; the old one is kept for the way back.",
    "version-rolled-back": "Rolled back. Requests go out with the key from before.",
    "version-discarded": "The key is destroyed here. Delete it at your provider too, if you have not yet.",
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
        self._jinja.filters |= {
            "when": when,
            "count": count,
            "seconds": seconds,
            "size": size,
            "usd": usd,
            "day": day,
            "zip": zip,
        }
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


def usd(nano: int) -> str:
    """`$1.20`; small sums with more digits, so that one exchange is not nothing."""
    dollars = nano / 1_000_000_000
    if dollars >= 1:
        return f"${dollars:,.2f}".replace(",", "\u202f")
    return "$0" if not nano else f"${dollars:.4f}" if dollars >= 0.01 else f"${dollars:.6f}"


def day(date: datetime.date) -> Markup:
    """A day as `<time>`: `31 Jan 2026`, in UTC."""
    return Markup('<time datetime="{}">{}</time>').format(
        date.isoformat(), f"{date.day} {date.strftime('%b %Y')}"
    )


def seconds(milliseconds: int) -> str:
    """`1.2 s` from milliseconds."""
    return f"{milliseconds / 1000:.1f}\u00a0s"


def size(length_bytes: int) -> str:
    """`1 MiB`, or `512 KiB` below that."""
    mebibytes = length_bytes / 1_048_576
    return f"{mebibytes:g}\u00a0MiB" if mebibytes >= 1 else f"{length_bytes / 1024:g}\u00a0KiB"
