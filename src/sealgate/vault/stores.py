"""Everything that the vault keeps, put together once: what `deposits`, `opener` and `desk` work on.

Counterparts: `foundation`, on which it stands, and `process`, which asks for it. It decides nothing.
"""

from __future__ import annotations

from msgspec import Struct

from sealgate.log import Log
from sealgate.messages.slot import SlotArena
from sealgate.vault.administrators import Administrators
from sealgate.vault.config import VaultConfig
from sealgate.vault.credentials import Credentials, Notify
from sealgate.vault.destinations import AllowedDestinations
from sealgate.vault.foundation import Foundation
from sealgate.vault.keyring import Keyring
from sealgate.vault.open_counts import OpenCounts
from sealgate.vault.opens import Opens
from sealgate.vault.peppers import Peppers
from sealgate.vault.relying_party import relying_party
from sealgate.vault.tickets import Tickets


class Stores(Struct, frozen=True):
    """One of each."""

    destinations: AllowedDestinations
    tickets: Tickets
    opens: Opens
    counts: OpenCounts
    peppers: Peppers
    keyring: Keyring
    credentials: Credentials
    administrators: Administrators
    arena: SlotArena


def build_stores(config: VaultConfig, base: Foundation, notify: Notify, log: Log) -> Stores:
    """Build the stores on a foundation; `notify` tells proxies of changed credentials."""
    database, witness, seal = base.database, base.witness, base.seal
    opens = Opens(database, seal)
    counts = OpenCounts(database, seal, config.opens_days)
    tickets = Tickets(database, seal, log)
    peppers = Peppers(config.instance, database, witness, base.kek, seal)
    return Stores(
        destinations=AllowedDestinations(config.destinations),
        tickets=tickets,
        opens=opens,
        counts=counts,
        peppers=peppers,
        keyring=Keyring(config.instance, database, witness, kek=base.kek, seal=seal, peppers=peppers),
        credentials=Credentials(
            database, witness, seal, tickets=tickets, opens=opens, counts=counts, notify=notify, log=log
        ),
        administrators=Administrators(relying_party(config.public_url), database, witness, seal, log),
        arena=SlotArena(),
    )
