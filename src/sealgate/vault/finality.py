"""When an erasure is final: which KEK versions could still open a backup from before, and what it waits for.

Counterparts: `erasures`, and `keks`, which says what was destroyed. A backup from before an erasure opens
with any KEK version that lived until the rows, and the sealing keys of their envelopes, were destroyed.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence

from sealgate.messages.erasing import ErasureKind, ErasureRow
from sealgate.vault.erasure_records import ErasedVersionRecord, ErasureRecord
from sealgate.vault.keks import DESTROYED, KekRecord
from sealgate.vault.receipts import ErasedEnvelope, KekThen, Receipt

ENVELOPES_LIMIT = 5_000
ROWS, SEALING_KEYS = "rows", "sealing-keys"


def backup_keks(record: ErasureRecord, keks: Sequence[KekRecord]) -> tuple[KekRecord, ...]:
    """The KEK versions that a backup from before may be wrapped by, oldest first."""
    until = record.sealing_keys_gone_at
    return tuple(
        each
        for each in keks
        if (until is None or each.made_at <= until) and not _is_gone(each, record.began_at)
    )


def row(
    record: ErasureRecord,
    destroyed: Sequence[ErasedVersionRecord],
    keks: Sequence[KekRecord],
    now_s: float,
) -> ErasureRow:
    """An erasure as it stands now."""
    could = backup_keks(record, keks)
    waits = [each.version for each in could if not _is_gone(each, now_s)]
    if record.sealing_keys_gone_at is None:
        waits.insert(0, SEALING_KEYS)
    if record.erased_at is None:
        waits.insert(0, ROWS)
    moments = (record.erased_at, record.sealing_keys_gone_at, *(each.destroyed_at for each in could))
    return ErasureRow(
        receipt=record.receipt,
        kind=ErasureKind(record.kind),
        subject=record.subject,
        organization=record.organization,
        application=record.application,
        began_at=record.began_at,
        erased_at=record.erased_at,
        credentials=len({each.credential for each in destroyed}),
        versions=sum(1 for each in destroyed if each.version),
        final_by=record.final_by,
        final_at=None if waits else max(moment for moment in moments if moment is not None),
        waits_for=tuple(waits),
    )


def receipt(
    instance: str,
    record: ErasureRecord,
    destroyed: Sequence[ErasedVersionRecord],
    keks: Sequence[KekRecord],
    now_s: float,
) -> Receipt:
    """What is signed for an erasure whose rows are gone, as things stand now."""
    found = row(record, destroyed, keks, now_s)
    versions = [each for each in destroyed if each.version]
    lines = "".join(f"{each.credential} {each.version} {each.envelope_hash}\n" for each in versions)
    return Receipt(
        receipt=found.receipt,
        instance=instance,
        kind=found.kind.value,
        subject=found.subject,
        organization=found.organization,
        application=found.application,
        ordered_at=moment(found.began_at),
        erased_at=moment(found.erased_at or 0.0),
        credentials=found.credentials,
        versions=found.versions,
        envelopes=tuple(
            ErasedEnvelope(each.credential, each.version, each.envelope_hash)
            for each in versions[:ENVELOPES_LIMIT]
        ),
        envelopes_digest=hashlib.sha256(lines.encode()).hexdigest(),
        sealing_keys_gone_at=_moment_or_none(record.sealing_keys_gone_at),
        kek_versions=tuple(
            KekThen(each.version, each.state, _moment_or_none(each.destroyed_at))
            for each in backup_keks(record, keks)
        ),
        final_by=moment(found.final_by),
        final_at=_moment_or_none(found.final_at),
        signed_at=moment(now_s),
    )


def moment(at_s: float) -> str:
    """Unix seconds as RFC 3339, in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at_s))


def _moment_or_none(at_s: float | None) -> str | None:
    return None if at_s is None else moment(at_s)


def _is_gone(kek: KekRecord, at_s: float) -> bool:
    return kek.state == DESTROYED and kek.destroyed_at is not None and kek.destroyed_at <= at_s
