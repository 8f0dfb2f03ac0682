"""What the console may see of a credential: rows for its list, made from verified records or from nothing.

Counterpart: `credentials`. No envelope gets into a row; a damaged credential shows its id alone.
"""

from __future__ import annotations

from sealgate.messages.tickets import CredentialRow, CredentialState, CredentialVersion
from sealgate.vault.tickets import TicketRecord
from sealgate.vault.versions import Credential


def shown(credential: Credential, last_opened_at: float) -> CredentialRow:
    """A credential as it stands; `last_opened_at` is 0 if it never was."""
    record, active = credential.record, credential.active
    living = record.state == CredentialState.ACTIVE
    return CredentialRow(
        credential=record.credential,
        organization=record.organization,
        application=record.application,
        provider=record.provider,
        origin=record.origin,
        version=record.active,
        state=CredentialState(record.state),
        last_four=active.last_four,
        fingerprint=active.fingerprint,
        deposited_at=active.deposited_at,
        last_opened_at=last_opened_at or None,
        revoked_at=record.revoked_at,
        versions=_versions(credential) if living else (),
    )


def awaited(ticket: TicketRecord) -> CredentialRow:
    """A credential whose first key is still to come."""
    return _empty(
        ticket.credential,
        ticket.organization,
        ticket.application,
        CredentialState.AWAITED,
        provider=ticket.provider,
        origin=ticket.origin,
        version=ticket.version,
    )


def damaged(credential: str, organization: str, application: str) -> CredentialRow:
    """A credential of whose rows nothing is believed."""
    return _empty(credential, organization, application, CredentialState.DAMAGED)


def _versions(credential: Credential) -> tuple[CredentialVersion, ...]:
    return tuple(
        CredentialVersion(
            version=each.version,
            standing=credential.record.standing(each.version),
            last_four=each.last_four,
            fingerprint=each.fingerprint,
            deposited_at=each.deposited_at,
        )
        for each in credential.versions
    )


def _empty(
    credential: str,
    organization: str,
    application: str,
    state: CredentialState,
    *,
    provider: str = "",
    origin: str = "",
    version: int = 0,
) -> CredentialRow:
    return CredentialRow(
        credential=credential,
        organization=organization,
        application=application,
        provider=provider,
        origin=origin,
        version=version,
        state=state,
        last_four="",
        fingerprint="",
        deposited_at=None,
        last_opened_at=None,
        revoked_at=None,
    )
