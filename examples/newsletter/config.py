"""What Larkspur is started with; every id in it comes from Sealgate's console.

Its counterpart is `web.create_app`. The signing key stays in a file of its own, readable by its owner alone.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, Self

import msgspec
from msgspec import Struct

from sealgate.session import SigningKey

_ORIGIN: Final = re.compile(r"(?P<scheme>https?)://(?P<host>[a-z0-9.-]+)(?::[0-9]{1,5})?")


class NewsletterConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One Larkspur: where it listens, what it is called, and which Sealgate application it is."""

    listen_host: str = "127.0.0.1"
    listen_port: int = 8704
    public_url: str = "http://newsletter.localhost:8704"
    """The origin that people see; tokens are bound to it."""
    proxy_url: str = "http://proxy.localhost:8702"
    """Where the assistant's script and its answers come from."""
    instance: str
    application: str
    signing_key_id: str
    signing_key_path: Path
    hosts: tuple[str, ...] = ("newsletter.localhost",)
    """Host names that are answered, without ports."""

    def __post_init__(self) -> None:
        """Refuse addresses that are no origins, and plain HTTP anywhere but on this machine."""
        for name, url in (("public_url", self.public_url), ("proxy_url", self.proxy_url)):
            # These go into the Content-Security-Policy as they stand, so nothing but an origin may pass.
            found = _ORIGIN.fullmatch(url)
            if found is None:
                raise ValueError(f"{name} is {url!r}; hint: give an origin, such as https://letters.example")
            if found["scheme"] == "http" and not _is_local(found["host"]):
                raise ValueError(f"{name} is {url!r}; hint: use https, for cookies and tokens travel on it")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a JSON file; raises `ValueError` that names the field which is wrong."""
        return msgspec.json.decode(path.read_bytes(), type=cls, dec_hook=_path)

    def signing_key(self) -> SigningKey:
        """Read the signing key; refuses a file that other users of this machine could read."""
        if self.signing_key_path.stat().st_mode & 0o077:
            raise ValueError(f"{self.signing_key_path} is readable by others; hint: chmod 600 it")
        return SigningKey.from_pem(self.signing_key_path.read_bytes(), self.signing_key_id)


def _path(kind: type, value: object) -> object:
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise ValueError(f"cannot read a {kind.__name__}")


def _is_local(name: str) -> bool:
    return name in ("localhost", "127.0.0.1") or name.endswith(".localhost")
