"""The kinds of values that several settings share, with their meanings.

Counterpart: `table`, whose rows are of these kinds.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from msgspec import Meta

Host = Annotated[
    str,
    Meta(
        description="Address to listen on. Beyond loopback only with TLS, or with `trusted_proxies` in front."
    ),
]
AdminHost = Annotated[
    str, Meta(description="Address of the pages for operators (health, metrics); loopback only.")
]
Port = Annotated[int, Meta(ge=1, le=65535, description="TCP port to listen on.")]
HostName = Annotated[str, Meta(pattern=r"^(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:]+\])$")]
Hosts = Annotated[
    tuple[HostName, ...],
    Meta(description="Host names that requests may name, beside the one in `url`; any other is refused."),
]
Url = Annotated[
    str,
    Meta(
        pattern=r"^https?://[^/\s?#@]+$",
        description="The address that browsers use for it. `http` for loopback names only.",
    ),
]
Certificate = Annotated[
    str,
    Meta(description="PEM file: the certificate for the name in `url`, then its chain. Read anew on change."),
]
Key = Annotated[str, Meta(description="PEM file with the certificate's key; mode 0600.")]
AuthoritiesFile = Annotated[
    str, Meta(description="PEM file of authorities to trust for it; empty for the system's.")
]
PasskeyScope = Annotated[str, Meta(pattern="^(all|org_[a-z2-7]{20})$")]
User = Annotated[
    str,
    Meta(description="System user (name or number) that it runs as; empty: the one that reads this setting."),
]
LoudPlainHttp = Annotated[
    bool,
    Meta(
        description="Let keys go in the clear to origins `http://127.0.0.1:…`, `http://[::1]:…` and "
        "`http://*.localhost:…`: for tests and for models on this machine, never for a key of worth."
    ),
]


def path_of(text: str) -> Path | None:
    """The file of a setting that may be empty."""
    return Path(text) if text else None
