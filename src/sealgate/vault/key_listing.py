"""Which sealing keys organizations have, a page at a time: ids, ages and how much is sealed to each.

Counterparts: `keyring`, which it reads, and `admin`, which shows it. No private half is unwrapped for it.
"""

from __future__ import annotations

from sealgate.envelope import find_suite
from sealgate.vault.database import Database
from sealgate.vault.faults import AlarmError
from sealgate.vault.keyring import Keyring, KeyringRecord, SealingKeys
from sealgate.vault.schema import PEPPERS, VERSIONS
from sealgate.vault.status import Epoch, OrganizationKeys, Organizations, Pair

PAGE_ORGANIZATIONS = 20
_DAY_S = 86_400.0
# Each organization has one pepper, made with its first keys, and an index on its id.
_PAGE = "SELECT organization FROM peppers WHERE organization > :after ORDER BY organization LIMIT :most"
_TOTAL = PEPPERS.count()
_SEALED_TO = VERSIONS.count("WHERE key_id = :key_id AND envelope IS NOT NULL")


class KeyListing:
    """Reads the keyring for people."""

    def __init__(self, database: Database, keyring: Keyring, sealing_key_days: float) -> None:
        self._database = database
        self._keyring = keyring
        self._age_s = sealing_key_days * _DAY_S

    def page(self, after: str) -> Organizations:
        """Organizations whose id comes after this one; raises `StorageError`."""
        found = self._database.rows(_PAGE, {"after": after, "most": PAGE_ORGANIZATIONS + 1})
        ids = [str(name) for (name,) in found]
        shown = ids[:PAGE_ORGANIZATIONS]
        return self._listed(shown, shown[-1] if len(ids) > PAGE_ORGANIZATIONS else "")

    def one(self, organization: str) -> Organizations:
        """One organization, or none if it was never seen; raises `StorageError`."""
        return self._listed([organization], "")

    def _listed(self, ids: list[str], after: str) -> Organizations:
        found = (self._organization(each) for each in ids)
        total = int(str(self._database.rows(_TOTAL)[0][0]))
        return Organizations(total, tuple(each for each in found if each is not None), after)

    def _organization(self, organization: str) -> OrganizationKeys | None:
        try:
            held = self._keyring.epochs(organization)
        except AlarmError:
            return OrganizationKeys(organization, verifies=False, next_epoch_at=None, epochs=())
        if not held:
            return None
        return OrganizationKeys(
            organization,
            verifies=True,
            next_epoch_at=held[-1].made_at + self._age_s if self._age_s else None,
            epochs=tuple(self._epoch(keys) for keys in reversed(held)),
        )

    def _epoch(self, keys: SealingKeys) -> Epoch:
        pairs = tuple(self._pair(each) for each in keys.pairs)
        return Epoch(keys.epoch, keys.fingerprint.words, keys.made_at, pairs)

    def _pair(self, pair: KeyringRecord) -> Pair:
        suite = find_suite(pair.suite)
        assert suite is not None  # the keyring leaves out what this release does not know
        sealed = self._database.rows(_SEALED_TO, {"key_id": pair.key_id})[0][0]
        return Pair(suite.name, pair.key_id.hex(), pair.made_at, int(str(sealed)))
