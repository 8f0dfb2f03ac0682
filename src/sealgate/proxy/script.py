"""The assistant's script, from a stable and from an immutable URL, read and compressed once at start.

Counterpart: `web/assistant`, which is built into `assets/`. Needs no session: it is the same for everyone.
"""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

from sealgate.proxy.errors import ProxyError
from sealgate.proxy.wire.events import Headers
from sealgate.proxy.wire.write import Field

ASSETS = Path(__file__).parent / "assets"
NAME = "sealgate-assistant"
STABLE = b"public, max-age=300, stale-while-revalidate=3600"
IMMUTABLE = b"public, max-age=31536000, immutable"


class Script:
    """One built file. A proxy without it serves everything else, and says what is missing."""

    def __init__(self, folder: Path = ASSETS) -> None:
        path = folder / f"{NAME}.js"
        self._plain = path.read_bytes() if path.exists() else b""
        self._gzip = gzip.compress(self._plain, 9, mtime=0)
        self.version = hashlib.sha256(self._plain).hexdigest()[:12]
        self._etag = f'"{self.version}"'.encode()

    def answer(self, rest: str, headers: Headers) -> tuple[int, list[Field], bytes]:
        """Status, headers and body for `sealgate-assistant<rest>`; `ProxyError` (404) for another version."""
        if rest not in (".js", f".{self.version}.js"):
            raise ProxyError("not_found", hint=f"The stable address is /assistant/v1/{NAME}.js.")
        if not self._plain:
            raise ProxyError(
                "not_found", message="The assistant's script is not built.", hint="Run `make web`."
            )
        fields: list[Field] = [
            (b"cache-control", STABLE if rest == ".js" else IMMUTABLE),
            (b"etag", self._etag),
            (b"vary", b"accept-encoding"),
        ]
        if self._etag in headers.get(b"if-none-match", b""):
            return 304, fields, b""
        fields.append((b"content-type", b"text/javascript; charset=utf-8"))
        if _takes_gzip(headers.get(b"accept-encoding", b"")):
            return 200, [*fields, (b"content-encoding", b"gzip")], self._gzip
        return 200, fields, self._plain


def _takes_gzip(accepted: bytes) -> bool:
    """RFC 9110 §12.5.3, as far as one coding needs it: `gzip` named, and not with weight zero."""
    for coding in accepted.lower().split(b","):
        name, _, weight = coding.partition(b";")
        if name.strip() in (b"gzip", b"*"):
            return weight.replace(b" ", b"").rstrip(b"0") not in (b"q=", b"q=0.")
    return False
