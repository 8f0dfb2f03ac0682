"""The files of the vault's pages, read once at start, and the headers that hold each page together.

Counterpart: web/sealing, which `make web` builds into the assets folder. A page's one script runs because its
hash stands in that page's policy, from no other place and in no other form; nobody may frame a page.
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
_BESIDE = ("sealing.css", "seal.svg")
"""Files that every page asks for; each page has a script of its own name, too."""
_PLACEHOLDER = re.compile(r"\{\{ *([a-z_]+) *\}\}")

_UNUSED = (
    "accelerometer",
    "autoplay",
    "camera",
    "clipboard-read",
    "display-capture",
    "encrypted-media",
    "fullscreen",
    "geolocation",
    "gyroscope",
    "hid",
    "idle-detection",
    "local-fonts",
    "magnetometer",
    "microphone",
    "midi",
    "payment",
    "picture-in-picture",
    "screen-wake-lock",
    "serial",
    "storage-access",
    "usb",
    "window-management",
    "xr-spatial-tracking",
)
"""What a browser could do and no page of ours ever asks for."""

_PASSKEYS = {
    "sealing": ("publickey-credentials-get",),
    "enrol": ("publickey-credentials-create",),
    "approve": ("publickey-credentials-get",),
}
"""page → what it may do with passkeys: the enrolment page makes one, the others have one sign."""


def _permissions(*allowed: str) -> str:
    passkeys = ("publickey-credentials-create", "publickey-credentials-get")
    refused = (f"{feature}=()" for feature in (*_UNUSED, *(each for each in passkeys if each not in allowed)))
    return ", ".join((*refused, *(f"{feature}=(self)" for feature in allowed)))


BASE_HEADERS: tuple[tuple[str, str], ...] = (
    ("cache-control", "no-store"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cross-origin-embedder-policy", "require-corp"),
    ("origin-agent-cluster", "?1"),
    ("x-frame-options", "DENY"),
    ("permissions-policy", _permissions()),
    ("x-robots-tag", "noindex"),
)
"""On every answer of the public listener, errors too."""

NOTHING_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"
"""The policy of every answer that is no page."""


class Asset(Struct, frozen=True):
    """One file as it is served."""

    content: bytes
    media_type: str


class PageAsset(Struct, frozen=True):
    """One page with its script's hash filled in, and the headers that let it do what it must and no more."""

    content: bytes
    policy: str
    """Content-Security-Policy (CSP Level 3)."""
    permissions: str
    """Permissions-Policy."""


class PageAssets(Struct, frozen=True):
    """The pages (`sealing`, `enrol`, `approve`) and the files beside them, by their names."""

    pages: dict[str, PageAsset]
    files: dict[str, Asset]


def load_assets(folder: Path = ASSETS) -> PageAssets:
    """Read the files; raises `StartError` if the front end was not built."""
    try:
        served = (*_BESIDE, *(f"{page}.js" for page in _PASSKEYS))
        files = {name: Asset((folder / name).read_bytes(), _TYPES[Path(name).suffix]) for name in served}
        brand = (folder / "brand.html").read_text("utf-8")
        templates = {page: (folder / f"{page}.html").read_text("utf-8") for page in _PASSKEYS}
    except FileNotFoundError as error:
        raise StartError(
            "assets_missing", f"{error.filename} of the vault's pages is missing", "run `make web`"
        ) from error
    pages = {name: _page(name, text, brand, files[f"{name}.js"]) for name, text in templates.items()}
    return PageAssets(pages, files)


def _page(name: str, template: str, brand: str, script: Asset) -> PageAsset:
    values = {"script_integrity": _integrity(script), "brand": brand.rstrip()}
    page = _PLACEHOLDER.sub(lambda found: values[found[1]], template)
    if f'integrity="{values["script_integrity"]}"' not in page:
        raise StartError("assets_malformed", f"the page {name} does not pin its script", "run `make web`")
    return PageAsset(page.encode(), _policy(values["script_integrity"]), _permissions(*_PASSKEYS[name]))


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
