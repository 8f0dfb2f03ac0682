"""Who may do what: the one permission table. Routes name a permission; nothing else decides.

A role that the table does not name may do nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """What a user is in their organization."""

    OWNER = "owner"
    MEMBER = "member"


class Permission(StrEnum):
    """One thing that a page shows or does."""

    SEE_APPLICATIONS = "applications:see"
    CHANGE_APPLICATIONS = "applications:change"
    SEE_SESSION_KEYS = "session-keys:see"
    CHANGE_SESSION_KEYS = "session-keys:change"
    SEE_ADDON = "add-on:see"
    CHANGE_ADDON = "add-on:change"
    TOUCH_KEYS = "add-on:touch-keys"
    """Have a provider key entered, tested, switched, discarded or revoked; also needs a password typed within
    ten minutes."""
    SEE_USAGE = "usage:see"
    SEE_AUDIT = "audit:see"
    SEE_OWN_ACCOUNT = "account:see"
    """One's own sign-ins, and ending them."""
    SEE_NOTICES = "notices:see"
    """What owners are told of, and marking it read."""
    CHANGE_MEMBERS = "members:change"
    CHANGE_RETENTION = "retention:change"
    CHANGE_TOKENS = "tokens:change"
    CHANGE_BUDGETS = "budgets:change"
    """What all applications of the organization may use together."""
    ERASE = "erasures:order"
    """Have something erased for good, and see the receipts."""


BOTH: Final = frozenset({Role.OWNER, Role.MEMBER})
OWNERS: Final = frozenset({Role.OWNER})

PERMISSIONS: Final[Mapping[Permission, frozenset[Role]]] = {
    Permission.SEE_APPLICATIONS: BOTH,
    Permission.CHANGE_APPLICATIONS: BOTH,
    Permission.SEE_SESSION_KEYS: BOTH,
    Permission.CHANGE_SESSION_KEYS: BOTH,
    Permission.SEE_ADDON: BOTH,
    Permission.CHANGE_ADDON: BOTH,
    Permission.TOUCH_KEYS: OWNERS,
    Permission.SEE_USAGE: BOTH,
    Permission.SEE_AUDIT: BOTH,
    Permission.SEE_OWN_ACCOUNT: BOTH,
    Permission.SEE_NOTICES: OWNERS,
    Permission.CHANGE_MEMBERS: OWNERS,
    Permission.CHANGE_RETENTION: OWNERS,
    Permission.CHANGE_TOKENS: OWNERS,
    Permission.CHANGE_BUDGETS: OWNERS,
    Permission.ERASE: OWNERS,
}


def permits(role: str, permission: Permission) -> bool:
    """True if users of this role may do this."""
    return role in PERMISSIONS[permission]
