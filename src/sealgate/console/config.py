"""What a console is started with: plain values, checked once.

Its counterpart is `process.run`. It must never hold a secret: everything in here may be printed.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct

from sealgate.listening.certificates import TlsFiles

_HIGHEST_PORT = 65_535


class MailConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The outgoing mail server. `tls` is `starttls`, `tls` from the first byte, or `none` on loopback."""

    host: str
    port: int
    sender: str
    tls: str = "starttls"
    user: str = ""
    password_file: Path | None = None
    ca_file: Path | None = None


class ConsoleConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One console. URLs are origins such as `https://console.example`; a port of 0 takes a free one.

    `hosts` are further names (without a port) that visitors are sent on from to `public_url`; every other
    name is refused. `allowed_uids` are the system users whose proxies may connect to the feed, `vault_uids`
    those that the vault may run as (None: any). `trusted_proxies` may come in the clear, and name their
    clients.
    """

    instance: str
    data_dir: Path
    runtime_dir: Path
    public_url: str
    vault_url: str
    proxy_url: str
    allowed_uids: tuple[int, ...]
    host: str = "127.0.0.1"
    port: int = 8700
    hosts: tuple[str, ...] = ()
    drain_s: float = 5.0
    vault_uids: tuple[int, ...] | None = None
    tls: TlsFiles | None = None
    trusted_proxies: tuple[str, ...] = ()
    mail: MailConfig | None = None
    """Where notices go out by e-mail; without it they stand on the page alone."""

    def __post_init__(self) -> None:
        """Refuse values that cannot be meant; raises `ValueError` with a hint."""
        if not 0 <= self.port <= _HIGHEST_PORT:
            msg = f"port is {self.port}; hint: use a number from 0 (any free port) to {_HIGHEST_PORT}"
            raise ValueError(msg)
        for name in ("public_url", "vault_url", "proxy_url"):
            _check_url(name, getattr(self, name))

    @property
    def database_path(self) -> Path:
        """The console's own database."""
        return self.data_dir / "console.db"

    @property
    def feed_socket(self) -> Path:
        """Where proxies connect."""
        return self.runtime_dir / "console-feed.sock"

    @property
    def desk_socket(self) -> Path:
        """Where the vault answers consoles."""
        return self.runtime_dir / "vault-desk.sock"


def _check_url(name: str, value: str) -> None:
    parts = urlsplit(value)
    plain = not parts.query and not parts.fragment and parts.username is None and parts.path in {"", "/"}
    if parts.scheme not in {"http", "https"} or not parts.hostname or not plain or value.endswith("/"):
        msg = (
            f"{name} is {value!r}; hint: write an origin such as https://{name.removesuffix('_url')}.example"
        )
        raise ValueError(msg)
