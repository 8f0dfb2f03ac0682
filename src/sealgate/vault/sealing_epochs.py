"""Epochs of sealing keys: begins new ones, by age or when asked, and ends old ones once nothing needs them.

Counterparts: `keyring`, which holds the pairs, and `envelopes`, which seals keys anew. A slow pass in the
background does what opens have not done by themselves; each of its steps is one witnessed change, so it can
be killed anywhere and goes on at the next start. A pair is destroyed only when no row names it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator

from sealgate.ids import is_id
from sealgate.log import Log
from sealgate.vault.config import VaultConfig
from sealgate.vault.database import Database
from sealgate.vault.envelopes import Envelopes
from sealgate.vault.faults import AlarmError
from sealgate.vault.keyring import SealingKeys
from sealgate.vault.schema import TICKETS
from sealgate.vault.stores import Stores
from sealgate.vault.turns import in_turns
from sealgate.vault.versions import Credential, VersionRecord

IDLE_S = 60.0
"""Pause of the pass where there is nothing to do."""
_DAY_S = 86_400.0

_DUE = (
    "SELECT organization FROM keyring"
    " GROUP BY organization HAVING max(made_at) < :made_before ORDER BY organization"
)
_WITH_OLD_EPOCHS = (
    "SELECT DISTINCT keyring.organization FROM keyring JOIN keyring AS newer"
    " ON keyring.organization = newer.organization AND keyring.epoch < newer.epoch"
    " ORDER BY keyring.organization"
)
_SEALED_TO = (
    "SELECT DISTINCT credential FROM versions WHERE key_id = :key_id AND envelope IS NOT NULL LIMIT :some"
)
_LIVE_TICKETS = TICKETS.count("WHERE key_id = :key_id AND used_at IS NULL AND expires_at > :now_s")


class SealingEpochs:
    """Begins and ends epochs."""

    def __init__(
        self,
        config: VaultConfig,
        database: Database,
        stores: Stores,
        envelopes: Envelopes,
        *,
        clock: Callable[[], float],
        log: Log,
    ) -> None:
        self._age_s = config.sealing_key_days * _DAY_S
        self._database = database
        self._stores = stores
        self._envelopes = envelopes
        self._clock = clock
        self._log = log
        self._asked_at = 0.0
        self._stuck: set[str] = set()
        """Organizations and credentials whose rows do not verify: not tried again before the next start."""
        self._kept: set[tuple[str, int]] = set()
        self._awake = asyncio.Event()
        self.on_ended: Callable[[], None] = lambda: None
        """Called when an epoch's keys were destroyed."""

    def rotate(self, organization: str) -> SealingKeys:
        """Begin an organization's next epoch now; raises `AlarmError` for an altered keyring."""
        keys = self._stores.keyring.rotate(organization, self._clock())
        self._log("sealing_keys_rotated", organization=organization, epoch=keys.epoch)
        self._awake.set()
        return keys

    def rotate_all(self) -> int:
        """Have the pass begin a new epoch of every organization, one by one; gives how many wait."""
        self._asked_at = self._clock()
        self._awake.set()
        return len(self._due())

    def knows(self, organization: str) -> bool:
        """True for an organization that has sealing keys."""
        return bool(self._stores.keyring.epochs(organization))

    async def run(self) -> None:
        """Pass after pass, until it is cancelled; what a full disk stops is tried again."""
        while True:
            self._awake.clear()
            try:
                await in_turns(self.pieces())
            except OSError as error:
                self._log("database_failed", error=type(error).__name__, operation="sealing-epochs")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(IDLE_S):
                    await self._awake.wait()

    def pieces(self) -> Iterator[None]:
        """One pass; yields after each small piece of work, so that others get their turn."""
        for organization in self._due():
            try:
                self.rotate(organization)
            except AlarmError:
                self._stuck.add(organization)
            yield
        for (name,) in self._database.rows(_WITH_OLD_EPOCHS):
            if name not in self._stuck:
                yield from self._retire_all(str(name))

    def _due(self) -> list[str]:
        by_age = self._clock() - self._age_s if self._age_s else 0.0
        rows = self._database.rows(_DUE, {"made_before": max(by_age, self._asked_at)})
        # A planted row may name anything: no keys are made for what is no organization.
        found = [name for (name,) in rows if isinstance(name, str) and is_id("org", name)]
        return [name for name in found if name not in self._stuck]

    def _retire_all(self, organization: str) -> Iterator[None]:
        try:
            for keys in self._stores.keyring.outdated(organization):
                while self._retire(organization, keys):
                    yield
        except AlarmError:
            self._stuck.add(organization)

    def _retire(self, organization: str, keys: SealingKeys) -> bool:
        """Bring an old epoch one step nearer to its end; False once it ended, or where it can only wait."""
        sealed = [name for pair in keys.pairs for name in self._sealed_to(pair.key_id)]
        waiting = next((each for each in sealed if each not in self._stuck), None)
        if waiting is not None:
            if not self._reseal(waiting):
                # What nobody can open stays as it is, and so does the pair: perhaps the row is restored.
                self._stuck.add(waiting)
            return True
        if sealed:
            self._note_kept(organization, keys.epoch, len(sealed))
            return False
        if self._has_tickets(keys):
            return False
        self._stores.keyring.destroy(keys)
        self._log("sealing_keys_destroyed", organization=organization, epoch=keys.epoch)
        self.on_ended()
        return False

    def _sealed_to(self, key_id: bytes) -> list[str]:
        """Some credentials that have a version sealed to a pair: one that is not stuck, if there is one."""
        rows = self._database.rows(_SEALED_TO, {"key_id": key_id, "some": len(self._stuck) + 1})
        return [str(name) for (name,) in rows]

    def _reseal(self, credential: str) -> bool:
        """Seal every version of a credential that is sealed to an old epoch anew; False if there is none."""
        slot = self._stores.arena.take()
        count = 0
        try:
            found = self._stores.credentials.find(credential)
            while found is not None and (version := self._old_version(found)) is not None:
                self._envelopes.open_into(found, version, slot.buffer())
                found = self._envelopes.renew(found, version, slot.buffer())
                count += 1
        except AlarmError:
            return False
        finally:
            slot.wipe()
        return count > 0

    def _old_version(self, found: Credential) -> VersionRecord | None:
        sealed = (each for each in found.versions if each.envelope is not None)
        return next((each for each in sealed if self._envelopes.is_old(found.record, each)), None)

    def _note_kept(self, organization: str, epoch: int, rows: int) -> None:
        if (organization, epoch) not in self._kept:
            self._kept.add((organization, epoch))
            self._log("sealing_keys_kept", organization=organization, epoch=epoch, rows=rows)

    def _has_tickets(self, keys: SealingKeys) -> bool:
        now_s = self._clock()
        return any(
            self._database.rows(_LIVE_TICKETS, {"key_id": pair.key_id, "now_s": now_s}) != [(0,)]
            for pair in keys.pairs
        )
