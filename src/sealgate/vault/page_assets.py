"""The sealing page's files, read once at start, and the headers that hold the page together.

Counterpart: web/sealing, which `make web` builds into the assets folder. The script runs because its hash
stands in the policy, from no other place and in no other form; nobody may frame the page.
"""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

from msgspec import Struct

from sealgate.vault.faults import StartError

ASSETS = Path(__file__).parent / "assets"

_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
_SERVED = ("sealing.js", "sealing.css", "seal.svg")
_PLACEHOLDER = re.compile(r"\{\{ *([a-z_]+) *\}\}")

BASE_HEADERS: tuple[tuple[str, str], ...] = (
    ("cache-control", "no-store"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cross-origin-embedder-policy", "require-corp"),
    ("origin-agent-cluster", "?1"),
    ("x-frame-options", "DENY"),
    ("permissions-policy", "camera=(), microphone=(), geolocation=(), payment=(), usb=(), serial=(), hid=()"),
    ("x-robots-tag", "noindex"),
)
"""On every answer of the public listener, errors too."""

NOTHING_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"
"""The policy of every answer that is no page."""


class Asset(Struct, frozen=True):
    """One file as it is served."""

    content: bytes
    media_type: str


class PageAssets(Struct, frozen=True):
    """The page with its script's hash filled in, its policy, and the files beside it by their names."""

    page: bytes
    policy: str
    files: dict[str, Asset]


def load_assets(folder: Path = ASSETS) -> PageAssets:
    """Read the files; raises `StartError` if the front end was not built."""
    try:
        files = {name: Asset((folder / name).read_bytes(), _TYPES[Path(name).suffix]) for name in _SERVED}
        template = (folder / "sealing.html").read_text("utf-8")
    except FileNotFoundError as error:
        raise StartError(
            "assets_missing", f"the sealing page's {error.filename} is missing", "run `make web`"
        ) from error
    values = {
        "script_integrity": _integrity(files["sealing.js"]),
        "style_integrity": _integrity(files["sealing.css"]),
    }
    page = _PLACEHOLDER.sub(lambda found: values[found[1]], template)
    if f'integrity="{values["script_integrity"]}"' not in page:
        raise StartError("assets_malformed", "the sealing page does not pin its script", "run `make web`")
    return PageAssets(page.encode(), _policy(values["script_integrity"]), files)


def transport_headers(public_url: str) -> tuple[tuple[str, str], ...]:
    """Strict-Transport-Security (RFC 6797) where the page is reached over https."""
    if public_url.startswith("https://"):
        return (("strict-transport-security", "max-age=63072000"),)
    return ()


def _integrity(asset: Asset) -> str:
    digest = hashlib.sha384(asset.content).digest()
    return "sha384-" + base64.b64encode(digest).decode("ascii")


def _policy(script_integrity: str) -> str:
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src '{script_integrity}'",
            "style-src 'self'",
            "img-src 'self'",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )
