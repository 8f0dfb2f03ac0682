"""Where the limit store is, and what each kind of limit does while it is away: plain values, checked once.

Counterparts: `sealgate.settings`, which makes it; `store_link.py`, which connects by it. Holds no secret: a
password lies in a file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

import msgspec

from sealgate.listening.peers import is_loopback

Away = Literal["refuse", "allow", "local"]
DEFAULT_PORT: Final = 6379
_HINT: Final = "rediss://host:6379, redis://127.0.0.1:6379 on this machine, or unix:///path/of/the.sock"


class Address(msgspec.Struct, frozen=True):
    """A socket's path, or host and port."""

    path: str = ""
    host: str = ""
    port: int = DEFAULT_PORT
    tls: bool = False
    database: int = 0

    @property
    def told(self) -> str:
        """For the log."""
        return self.path or f"{self.host}:{self.port}"


class StoreConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One limit store; raises `ValueError` with a hint for what cannot be meant."""

    address: str
    user: str = ""
    password_file: Path | None = None
    """Read at each connection."""
    ca_file: Path | None = None
    """Authorities for `rediss://`, instead of the system's."""
    timeout_s: float = 0.25
    """Patience with one call; then the store is away."""
    lease_s: float = 15.0
    """A process that did not say for so long that it lives holds nothing any more."""
    minutes_while_away: Away = "local"
    streams_while_away: Away = "local"
    budgets_while_away: Away = "local"

    def __post_init__(self) -> None:
        """Check every value."""
        parse_address(self.address)
        if not (self.timeout_s > 0 and self.lease_s > 0):
            raise ValueError(
                "limits.store_timeout_s must be more than 0. hint: 0.25 is a quarter of a second"
            )
        if self.user and self.password_file is None:
            raise ValueError("limits.store_user is given without limits.store_password_file. hint: give both")

    def while_away(self, window: str) -> Away:
        """What a limit of this window does while the store is away."""
        if window == "minute":
            return self.minutes_while_away
        return self.streams_while_away if window == "at_once" else self.budgets_while_away


def parse_address(text: str) -> Address:
    """Take an address apart; `ValueError` for one without TLS that leaves this machine."""
    try:
        parts = urlsplit(text)
        port = parts.port or DEFAULT_PORT
    except ValueError:
        raise _wrong(text) from None
    if parts.username or parts.password:  # the value is not quoted: it holds a secret
        raise ValueError(
            "limits.store holds a user or a password. hint: limits.store_user and limits.store_password_file "
            "are for them"
        )
    if parts.scheme == "unix" and parts.path.startswith("/") and not parts.netloc:
        return Address(path=parts.path)
    database = parts.path.removeprefix("/") or "0"
    if parts.scheme not in ("redis", "rediss") or not parts.hostname or not database.isdecimal():
        raise _wrong(text)
    if parts.scheme == "redis" and not (parts.hostname == "localhost" or is_loopback(parts.hostname)):
        raise ValueError(
            f"limits.store {text!r} would be spoken with in the clear beyond this machine. hint: write rediss://"
        )
    return Address(host=parts.hostname, port=port, tls=parts.scheme == "rediss", database=int(database))


def _wrong(text: str) -> ValueError:
    return ValueError(f"limits.store {text!r} is no address of a limit store. hint: {_HINT}")
