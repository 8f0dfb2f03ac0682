"""What operators do with administrators of the vault: invite, list, remove; and what was proposed.

Counterparts: `operator`, which asks; `administrators` and `proposals`, which keep. Until two of the whole
vault are enrolled, whoever is root on the vault's machine invites whom they like; then those two decide.
"""

from __future__ import annotations

from collections.abc import Callable

from sealgate.messages.administering import (
    AdministeringReply,
    AdministeringRequest,
    AdministratorInvited,
    AdministratorList,
    AdministratorRemoved,
    AdministratorRow,
    AskAdministrators,
    InviteAdministrator,
    PasskeyRow,
    ProposalList,
    RemoveAdministrator,
)
from sealgate.messages.frames import Refusal, RefusedError
from sealgate.vault import fields, passkeys
from sealgate.vault.administrators import (
    PASSKEYS_LIMIT,
    Administrator,
    Administrators,
    PasskeyRecord,
)
from sealgate.vault.approvals import Action
from sealgate.vault.config import VaultConfig
from sealgate.vault.faults import AlarmError
from sealgate.vault.proposals import Proposals

NAME_LIMIT_CHARS = 80


class Administering:
    """Answers operators."""

    def __init__(
        self,
        config: VaultConfig,
        administrators: Administrators,
        proposals: Proposals,
        clock: Callable[[], float],
    ) -> None:
        self._page = config.public_url.rstrip("/") + "/enrol"
        self._policy = config.deposits_need_passkey
        self._administrators = administrators
        self._proposals = proposals
        self._clock = clock

    def answer(self, request: AdministeringRequest) -> AdministeringReply:
        """Do what was asked; raises `RefusedError`, `NotApprovedError`, `AlarmError` or `OSError`."""
        match request:
            case InviteAdministrator():
                return self._invite_again(request) if request.administrator else self._invite(request)
            case RemoveAdministrator():
                return self._remove_passkey(request) if request.passkey else self._remove(request)
            case AskAdministrators():
                items = tuple(self._row(*each) for each in self._administrators.every())
                return AdministratorList(items=items, deposits_need_passkey=self._policy)
            case _:
                return ProposalList(items=self._proposals.every())

    def _invite(self, order: InviteAdministrator) -> AdministratorInvited:
        fields.check_name("name", order.name)
        if len(order.name) > NAME_LIMIT_CHARS:
            fields.malformed("name", f"use at most {NAME_LIMIT_CHARS} characters")
        if order.organization:
            fields.check_id("org", "organization", order.organization)
            if self._administrators.is_erased(order.organization):
                raise _refused("erased", "this organization was erased for good", "name another one")
        return self._invited(None, order.name, order.organization, Action.INVITE, order.name)

    def _invite_again(self, order: InviteAdministrator) -> AdministratorInvited:
        found = self._theirs(order.administrator)
        if order.name or order.organization:
            raise _refused("malformed", "name and organization are of a new person", "leave them out")
        if len(found.passkeys) >= PASSKEYS_LIMIT:
            raise _refused(
                "too_many_passkeys",
                f"{PASSKEYS_LIMIT} passkeys are enrolled already",
                "remove one that is not used any more",
            )
        record = found.record
        subject = record.administrator
        return self._invited(found, record.name, record.organization, Action.INVITE_AGAIN, subject)

    def _invited(
        self, before: Administrator | None, name: str, organization: str, action: Action, subject: str
    ) -> AdministratorInvited:
        if not self._administrators.party.is_name:
            raise _refused(
                "no_name",
                f"browsers keep no passkey for {self._administrators.party.id}",
                "give vault.url a host name",
            )
        approved = self._approved(organization, action, subject)
        record, token = self._administrators.invite(
            before, name, organization, self._clock(), approved=approved
        )
        return AdministratorInvited(
            administrator=record.administrator,
            name=record.name,
            organization=record.organization,
            link=f"{self._page}#invitation={token}",
            expires_at=record.invitation_expires_at or 0.0,
        )

    def _remove(self, order: RemoveAdministrator) -> AdministratorRemoved:
        fields.check_id("adm", "administrator", order.administrator)
        if not self._administrators.is_known(order.administrator):
            raise _unknown()
        try:
            found = self._administrators.find(order.administrator)
            organization = "" if found is None else found.record.organization
        except AlarmError:
            organization = ""  # whose rows were altered may have been anybody
        self._approved(organization, Action.REMOVE, order.administrator)
        self._administrators.remove(order.administrator)
        return AdministratorRemoved(administrator=order.administrator, passkeys=0)

    def _remove_passkey(self, order: RemoveAdministrator) -> AdministratorRemoved:
        found = self._theirs(order.administrator)
        gone = self._passkey(found, order.passkey)
        if len(found.passkeys) == 1:
            raise _refused(
                "last_passkey",
                "it is this administrator's only passkey",
                "enrol another one first, or remove the administrator",
            )
        subject = f"{order.administrator} {order.passkey}"
        self._approved(found.record.organization, Action.REMOVE_PASSKEY, subject)
        after = self._administrators.remove_passkey(found, gone)
        return AdministratorRemoved(administrator=order.administrator, passkeys=len(after.passkeys))

    def _approved(self, organization: str, action: Action, subject: str) -> bool:
        """True if two approved it; False where that is not needed (yet). Raises `NotApprovedError`."""
        if organization or not self._administrators.are_two:
            return False
        # Used up before it is done: should the power go between the two, it is proposed anew.
        self._proposals.use_up(self._proposals.require(action, subject))
        return True

    def _theirs(self, administrator: str) -> Administrator:
        fields.check_id("adm", "administrator", administrator)
        found = self._administrators.find(administrator)
        if found is None:
            raise _unknown()
        return found

    def _passkey(self, found: Administrator, name: str) -> PasskeyRecord:
        for each in found.passkeys:
            if passkeys.short_name(each.passkey) == name:
                return each
        raise _refused(
            "unknown_passkey", "this administrator has no such passkey", "sealgate vault administrators list"
        )

    def _row(self, name: str, found: Administrator | None) -> AdministratorRow:
        if found is None:
            return AdministratorRow(name, "", "", "damaged", None, ())
        record = found.record
        return AdministratorRow(
            administrator=name,
            name=record.name,
            organization=record.organization,
            state=record.state,
            invited_until=record.invitation_expires_at,
            passkeys=tuple(_passkey_row(each) for each in found.passkeys),
        )


def _passkey_row(key: PasskeyRecord) -> PasskeyRow:
    return PasskeyRow(
        passkey=passkeys.short_name(key.passkey),
        fingerprint=passkeys.fingerprint(key.passkey, key.public_key).words,
        enrolled_at=key.enrolled_at,
        used_at=key.used_at,
    )


def _unknown() -> RefusedError:
    return _refused(
        "unknown_administrator", "there is no such administrator", "sealgate vault administrators list"
    )


def _refused(code: str, message: str, hint: str) -> RefusedError:
    return RefusedError(Refusal(code=code, message=message, hint=hint))
