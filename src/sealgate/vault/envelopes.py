"""Opens stored envelopes into slots, and seals their keys anew to the newest sealing keys, from the slot.

Counterparts: `opener`, which serves what is opened, and `sealing_epochs`, which goes through the rest.
Sealing anew makes no second copy of a key: it is encrypted from where it stands.
"""

from __future__ import annotations

from sealgate.envelope import (
    Binding,
    Context,
    EnvelopeError,
    KeyFormatError,
    SealingPrivateKey,
    bind,
    open_bound,
    seal_slot,
)
from sealgate.vault.credentials import Credentials
from sealgate.vault.keyring import Keyring
from sealgate.vault.versions import Credential, CredentialRecord, VersionRecord


class Envelopes:
    """What is stored of keys, in both directions."""

    def __init__(self, instance: str, keyring: Keyring, credentials: Credentials) -> None:
        self._instance = instance
        self._keyring = keyring
        self._credentials = credentials

    def open_into(self, found: Credential, version: VersionRecord, slot: memoryview) -> None:
        """Open a version into a slot; raises `AlarmError`, and leaves zeros, for what does not open."""
        self.open_with(self.private(found.record, version), found, version, slot)

    def open_with(
        self, private: SealingPrivateKey, found: Credential, version: VersionRecord, slot: memoryview
    ) -> None:
        """The same, with the private key that the version is sealed to."""
        try:
            open_bound(version.envelope or b"", private, self._binding(private, found, version), slot)
        except (EnvelopeError, KeyFormatError) as error:
            raise self._credentials.alarm(found.record.credential) from error

    def private(self, record: CredentialRecord, version: VersionRecord) -> SealingPrivateKey:
        """What a version is sealed to; raises `AlarmError` or `KekUnavailableError`."""
        return self._keyring.private(version.key_id, record.organization)

    def private_here(self, record: CredentialRecord, version: VersionRecord) -> SealingPrivateKey | None:
        """The same; None where the KEK's keeper must be asked first."""
        return self._keyring.private_here(version.key_id, record.organization)

    async def unwrap_ahead(self, record: CredentialRecord, version: VersionRecord) -> None:
        """Have `private` wait for nobody; raises `AlarmError` or `KekUnavailableError`."""
        await self._keyring.unwrap_ahead(version.key_id, record.organization)

    def is_old(self, record: CredentialRecord, version: VersionRecord) -> bool:
        """True for a version that is sealed to an epoch before the newest."""
        return not self._keyring.is_newest(version.key_id, record.organization)

    def renew(self, found: Credential, version: VersionRecord, slot: memoryview) -> Credential:
        """Seal what `open_into` put into the slot to the newest epoch, in the old envelope's place.

        One witnessed change: killed anywhere, the old envelope is there and opens, or the new one does.
        Raises `AlarmError` or `OSError`, and then nothing has changed.
        """
        record = found.record
        pair = self._keyring.newest(record.organization).preferred
        envelope = seal_slot(slot, pair.public, self._context(record, version.version, pair.key_id))
        return self._credentials.reseal(found, version.version, pair.key_id, envelope)

    def _binding(self, private: SealingPrivateKey, found: Credential, version: VersionRecord) -> Binding:
        is_active = version.version == found.record.active
        if is_active and found.binding is not None:
            return found.binding
        binding = bind(self._context(found.record, version.version, version.key_id), private.suite)
        if is_active:
            found.binding = binding
        return binding

    def _context(self, record: CredentialRecord, version: int, key_id: bytes) -> Context:
        return Context(
            instance=self._instance,
            organization=record.organization,
            application=record.application,
            credential=record.credential,
            version=version,
            provider=record.provider,
            origin=record.origin,
            key_id=key_id,
        )
