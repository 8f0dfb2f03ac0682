"""Whether a deposit needs an administrator's passkey, and whether the one that came approves exactly this.

Counterparts: `deposits`, which asks before anything is stored; web/sealing, which signs the same bytes. The
vault's own configuration decides; nothing that console or database says can switch it off.
"""

from __future__ import annotations

import hashlib

from sealgate.messages.frames import Refusal, RefusedError
from sealgate.messages.tickets import DepositApproval
from sealgate.vault.administrators import Administrator, Administrators
from sealgate.vault.config import ALL, VaultConfig
from sealgate.vault.kek import bind
from sealgate.vault.passkeys import Assertion
from sealgate.vault.tickets import TicketRecord


class PasskeyMissingError(Exception):
    """This deposit needs an approval, and none came."""


class DepositApprovals:
    """The policy, applied."""

    def __init__(self, config: VaultConfig, administrators: Administrators) -> None:
        self._instance = config.instance
        self._policy = frozenset(config.deposits_need_passkey)
        self._administrators = administrators

    def needed(self, organization: str) -> bool:
        """True if a deposit of this organization needs an approval."""
        return bool(self._policy & {ALL, organization})

    def standing(self, organization: str) -> DepositApproval:
        """What the console tells its people before they go to seal."""
        if not self.needed(organization):
            return DepositApproval.NOT_NEEDED
        possible = self._administrators.approvers(organization)
        return DepositApproval.NEEDED if possible else DepositApproval.IMPOSSIBLE

    def check_possible(self, organization: str) -> None:
        """Raise `RefusedError` where an approval is needed and nobody could give it."""
        if self.needed(organization) and not self._administrators.approvers(organization):
            raise RefusedError(
                Refusal(
                    code="no_administrator",
                    message="deposits need an administrator's passkey, and nobody enrolled may approve",
                    hint="on the vault's machine: sealgate vault administrators invite --name NAME",
                )
            )

    def allowed(self, organization: str) -> tuple[bytes, ...] | None:
        """Ids of the passkeys that may approve; None where no approval is needed."""
        if not self.needed(organization):
            return None
        people = self._administrators.approvers(organization)
        return tuple(key.passkey for person in people for key in person.passkeys)

    def approved(
        self, ticket: TicketRecord, text: str, envelope: bytes, assertion: Assertion | None, now_s: float
    ) -> Administrator | None:
        """Who approved this envelope for this ticket; None where that is not needed.

        Raises `PasskeyMissingError` or `PasskeyRefusedError`.
        """
        if not self.needed(ticket.organization):
            return None
        if assertion is None:
            raise PasskeyMissingError
        people = self._administrators.approvers(ticket.organization)
        challenge = deposit_challenge(self._instance, ticket, text, envelope)
        return self._administrators.verify(people, challenge, assertion, now_s)


def deposit_challenge(instance: str, ticket: TicketRecord, text: str, envelope: bytes) -> bytes:
    """What a passkey signs: this envelope, for this purpose and destination, with this ticket."""
    bound = bind(
        "sealgate deposit approval v1",
        instance,
        ticket.organization,
        ticket.application,
        ticket.credential,
        str(ticket.version),
        ticket.provider,
        ticket.origin,
        text,
        envelope,
    )
    return hashlib.sha256(bound).digest()
