"""The operator: what commands on the vault's own machine may ask over `vault-operator.sock`.

Counterpart: `sealgate.scripts.operating`. The vault's own user and root may connect, nobody else. It only
hands each request to the module that owns the work; whatever cannot be undone needs approvals there.
"""

from __future__ import annotations

from typing import assert_never, cast

from sealgate.log import Log
from sealgate.messages.administering import (
    AskAdministrators,
    AskProposals,
    InviteAdministrator,
    RemoveAdministrator,
)
from sealgate.messages.auditing import AskAudit, AskOpens, CheckAudit
from sealgate.messages.checking import CheckRows
from sealgate.messages.erasing import AskReceipt, AskReceipts, Erase
from sealgate.messages.frames import Message, Refusal, RefusedError
from sealgate.messages.operating import (
    AskKeks,
    AskReceiptKey,
    DestroyKek,
    InspectVault,
    MigrateKek,
    OperatorReply,
    OperatorRequest,
    ReceiptKeyShown,
    RotateKek,
    RotateSealingKeys,
    SealingKeysRotated,
)
from sealgate.messages.server import Peer
from sealgate.vault import fields
from sealgate.vault.administering import Administering
from sealgate.vault.approvals import NotApprovedError
from sealgate.vault.auditing import Auditing
from sealgate.vault.checking import Checking
from sealgate.vault.erasures import Erasures
from sealgate.vault.faults import AlarmError
from sealgate.vault.inspection import Inspection
from sealgate.vault.kek_changes import KekChanges
from sealgate.vault.sealing_epochs import SealingEpochs


class Operator:
    """Answers operators. `handle` is the handler of a `messages.server.Server`."""

    def __init__(
        self,
        keks: KekChanges,
        epochs: SealingEpochs,
        erasures: Erasures,
        *,
        administering: Administering,
        inspection: Inspection,
        checking: Checking,
        auditing: Auditing,
        log: Log,
    ) -> None:
        self._administering = administering
        self._checking = checking
        self._erasures = erasures
        self._keks = keks
        self._inspection = inspection
        self._auditing = auditing
        self._epochs = epochs
        self._log = log

    async def handle(self, peer: Peer, message: Message) -> Message:
        """Answer one request; raises `RefusedError` after logging why."""
        operation = type(message).__name__
        self._log("operator_asked", operation=operation, uid=peer.uid)
        try:
            return await self._answer(cast(OperatorRequest, message), peer)  # the server decodes nothing else
        except NotApprovedError as error:
            self._log("operator_refused", code="not_approved", operation=operation, uid=peer.uid)
            return error.missing
        except RefusedError as error:
            self._log("operator_refused", code=error.refusal.code, operation=operation, uid=peer.uid)
            raise
        except AlarmError as error:
            raise self._refused("damaged", operation, "look for alarms in the vault's log", peer) from error
        except OSError as error:
            self._log("database_failed", error=type(error).__name__, operation=operation)
            raise self._refused(
                "unavailable", operation, "is the disk full? is the KEK's keeper away?", peer
            ) from error

    async def _answer(self, request: OperatorRequest, peer: Peer) -> OperatorReply:
        match request:
            case AskKeks():
                return await self._keks.report()
            case RotateKek():
                return await self._keks.rotate(request.key)
            case MigrateKek():
                return await self._keks.migrate(request.to, request.key)
            case DestroyKek():
                return await self._keks.destroy(request.version)
            case RotateSealingKeys():
                return self._rotate_sealing_keys(request)
            case InspectVault():
                return self._inspection.look(request.envelope, request.organization)
            case AskReceiptKey():
                return ReceiptKeyShown(public_key=self._erasures.public_key())
            case CheckRows():
                return self._checking.answer(anew=request.anew)
            case Erase() | AskReceipt() | AskReceipts():
                return self._erasures.answer(request)
            case InviteAdministrator() | RemoveAdministrator() | AskAdministrators() | AskProposals():
                return self._administering.answer(request)
            case AskAudit() | CheckAudit() | AskOpens():
                return await self._auditing.answer(request, peer.uid)
            case _:
                assert_never(request)

    def _rotate_sealing_keys(self, request: RotateSealingKeys) -> SealingKeysRotated:
        if not request.organization:
            return SealingKeysRotated(waiting=self._epochs.rotate_all())
        fields.check_id("org", "organization", request.organization)
        if not self._epochs.knows(request.organization):
            hint = "organizations get their keys with their first ticket; see the console for their ids"
            raise RefusedError(
                Refusal(code="unknown_organization", message="it has no sealing keys", hint=hint)
            )
        keys = self._epochs.rotate(request.organization)
        return SealingKeysRotated(waiting=0, epoch=keys.epoch, fingerprint=keys.fingerprint.words)

    def _refused(self, code: str, operation: str, hint: str, peer: Peer) -> RefusedError:
        self._log("operator_refused", code=code, operation=operation, uid=peer.uid)
        return RefusedError(Refusal(code=code, message=f"the vault could not do {operation}", hint=hint))
