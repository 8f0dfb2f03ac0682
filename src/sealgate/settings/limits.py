"""The settings of limits: where they are counted, and what each kind does while that place is away.

Counterparts: `table`, which holds them with the others; `sealgate.proxy.store_config`, which they become.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from sealgate.proxy.store_config import Away, StoreConfig
from sealgate.settings.kinds import AuthoritiesFile, path_of


class LimitsSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Where limits and budgets are counted. Empty `store`: in the proxy's own process."""

    store: Annotated[
        str,
        Meta(
            description="Valkey or Redis that several proxies count in: `rediss://host:6379` (TLS), "
            "`redis://127.0.0.1:6379` on this machine, or `unix:///path`; `/1` at an end: database 1. "
            "Empty: none."
        ),
    ] = ""
    store_user: Annotated[
        str, Meta(pattern=r"^[!-~]{0,128}\Z", description="Its user (ACL); empty for its default user.")
    ] = ""
    store_password_file: Annotated[
        str, Meta(description="File with the password, mode 0400; read at each connection. Empty: none.")
    ] = ""
    store_ca_file: AuthoritiesFile = ""
    store_timeout_s: Annotated[
        float, Meta(gt=0, le=10, description="Patience with one call, in seconds; then the store is away.")
    ] = 0.25
    minutes_while_away: Annotated[
        Away,
        Meta(
            description="What limits of a minute do while the store is away: `refuse` requests, `allow` all, "
            "or count `local`ly in each process in the meantime."
        ),
    ] = "local"
    streams_while_away: Annotated[Away, Meta(description="The same for answers at once.")] = "local"
    budgets_while_away: Annotated[Away, Meta(description="The same for budgets of a day or a month.")] = (
        "local"
    )

    def limit_store(self) -> StoreConfig | None:
        """What the proxy is started with; None: it counts alone."""
        if not self.store:
            return None
        return StoreConfig(
            address=self.store,
            user=self.store_user,
            password_file=path_of(self.store_password_file),
            ca_file=path_of(self.store_ca_file),
            timeout_s=self.store_timeout_s,
            minutes_while_away=self.minutes_while_away,
            streams_while_away=self.streams_while_away,
            budgets_while_away=self.budgets_while_away,
        )
