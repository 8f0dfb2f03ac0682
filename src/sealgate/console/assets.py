"""The built scripts and styles (from `web/console`): read once at start, served from memory.

An asset's URL carries its hash, so that browsers may keep it for ever and still never see an old one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

FOLDER = Path(__file__).parent / "assets"

MEDIA_TYPES: Mapping[str, str] = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}


class Asset(Struct, frozen=True):
    """One file."""

    content: bytes
    media_type: str
    mark: str
    """The first 12 hexadecimal digits of its SHA-256."""


class Assets:
    """Every asset, by file name."""

    def __init__(self, files: Mapping[str, Asset]) -> None:
        self._files = files

    @classmethod
    def load(cls, folder: Path = FOLDER) -> Assets:
        """What the web build left in the folder; none of it if it was not built."""
        found = sorted(folder.iterdir()) if folder.is_dir() else []
        return cls({path.name: _read(path) for path in found if path.suffix in MEDIA_TYPES})

    def find(self, name: str) -> Asset | None:
        """The asset of this name."""
        return self._files.get(name)

    def url(self, name: str) -> str:
        """Where a page finds it."""
        asset = self._files.get(name)
        return f"/assets/{name}?{asset.mark}" if asset else f"/assets/{name}"


def _read(path: Path) -> Asset:
    content = path.read_bytes()
    return Asset(content, MEDIA_TYPES[path.suffix], hashlib.sha256(content).hexdigest()[:12])
