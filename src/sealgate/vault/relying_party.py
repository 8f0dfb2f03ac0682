"""This vault as browsers know it: the name and origin that its passkeys are for (WebAuthn section 5.1.2).

Counterparts: `passkeys`, which verifies against it; `config`, which checks it. Pure, and light to load.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from msgspec import Struct

_DEFAULT_PORTS = {"https": 443, "http": 80}


class RelyingParty(Struct, frozen=True):
    """A host name, and the origin of the vault's pages."""

    id: str
    origin: str

    @property
    def is_name(self) -> bool:
        """True for a name; browsers keep no passkey for an address such as 127.0.0.1."""
        return not (self.id.replace(".", "").isdigit() or ":" in self.id)


def relying_party(public_url: str) -> RelyingParty:
    """Who the vault at this address is, for browsers."""
    parts = urlsplit(public_url)
    name = parts.hostname or ""
    host = f"[{name}]" if ":" in name else name
    port = "" if parts.port in {None, _DEFAULT_PORTS.get(parts.scheme)} else f":{parts.port}"
    return RelyingParty(name, f"{parts.scheme}://{host}{port}")
