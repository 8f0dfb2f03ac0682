"""The settings of the outgoing mail server. docs/reference/settings.md is made from them.

Counterparts: `table`, of which they are a section; `console/notices`, which sends.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from sealgate.console.config import MailConfig


class MailSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """An outgoing mail server, with which the console sends owners their notices. Empty `host`: none."""

    host: Annotated[
        str,
        Meta(
            pattern=r"^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?)?\Z",
            description="Its name or IPv4 address; empty: notices stand on the page alone.",
        ),
    ] = ""
    port: Annotated[int, Meta(ge=1, le=65535, description="Its TCP port.")] = 587
    tls: Annotated[
        str,
        Meta(
            pattern="^(starttls|tls|none)$",
            description="`starttls`, `tls` (from the first byte, port 465), or `none`, on loopback only.",
        ),
    ] = "starttls"
    ca_file: Annotated[
        str, Meta(description="PEM file of authorities to trust for it; empty for the system's.")
    ] = ""
    user: Annotated[
        str, Meta(pattern=r"^[ -~]{0,254}\Z", description="Name to sign in with; empty: no sign-in.")
    ] = ""
    password_file: Annotated[
        str, Meta(description="File with the password, mode 0400; read for each letter.")
    ] = ""
    sender: Annotated[
        str,
        Meta(
            pattern=r"^([!-?A-~]+@[a-z0-9.-]+)?\Z",
            description="Address that notices come from, such as `sealgate@example.com`.",
        ),
    ] = ""

    def server(self) -> MailConfig | None:
        """What the console is given; None where no server is named."""
        if not self.host:
            return None
        return MailConfig(
            host=self.host,
            port=self.port,
            sender=self.sender,
            tls=self.tls,
            user=self.user,
            password_file=Path(self.password_file) if self.password_file else None,
            ca_file=Path(self.ca_file) if self.ca_file else None,
        )
