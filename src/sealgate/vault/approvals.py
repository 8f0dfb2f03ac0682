"""What cannot be undone, or changes who may approve: done once two administrators of the vault approved it.

Counterparts: `proposals`, which keeps proposals and approvals; `kek_changes` and `administering`, which ask
before they act. `ACTIONS` is the whole table of what can be proposed; nothing else can.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from sealgate.messages.administering import ApprovalsMissing

NEEDED = 2
"""Different people; two passkeys of one person are one approval."""


class Action(StrEnum):
    """What needs approvals."""

    KEK_DESTROY = "kek.destroy"
    INVITE = "administrator.invite"
    INVITE_AGAIN = "administrator.invite-again"
    REMOVE = "administrator.remove"
    REMOVE_PASSKEY = "passkey.remove"


class Words(Struct, frozen=True):
    """How an action is put to administrators."""

    title: str
    explanation: str
    subject: str
    """What its subject is called."""


ACTIONS: Mapping[Action, Words] = {
    Action.KEK_DESTROY: Words(
        "Destroy a key-encryption key",
        "Whatever only this key wrapped, old backups of the vault above all, opens no more. Erasures that"
        " wait for it become final. There is no way back.",
        "KEK version",
    ),
    Action.INVITE: Words(
        "Invite an administrator of the whole vault",
        "Whoever gets the invitation may approve every deposit, and, with one other administrator, destroy"
        " keys and change administrators.",
        "Name",
    ),
    Action.INVITE_AGAIN: Words(
        "Add a passkey to an administrator of the whole vault",
        "Whoever gets the invitation approves in this administrator's name from then on.",
        "Administrator",
    ),
    Action.REMOVE: Words(
        "Remove an administrator of the whole vault",
        "This administrator's passkeys count for nothing from then on, and neither does what they approved"
        " that is not done yet.",
        "Administrator",
    ),
    Action.REMOVE_PASSKEY: Words(
        "Remove a passkey of an administrator of the whole vault",
        "This passkey counts for nothing from then on; the administrator's others stay.",
        "Administrator and passkey",
    ),
}


class NotApprovedError(Exception):
    """Approvals are missing: says which, and where they are given."""

    def __init__(self, missing: ApprovalsMissing) -> None:
        super().__init__("two administrators must approve this")
        self.missing = missing


class Approvals(Protocol):
    """What an action's owner asks."""

    def require(self, action: Action, subject: str) -> str:
        """The proposal that grants exactly this; else one is proposed, and `NotApprovedError` raised."""

    def use_up(self, proposal: str) -> None:
        """Note that it was done: the same approvals serve for nothing else."""

    def close(self, action: Action, subject: str) -> None:
        """Note that it was done, by whatever proposal; none is as good."""
