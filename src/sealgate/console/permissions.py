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


class Permission(StrEnum):
    """One thing that a page shows or does."""

    SEE_APPLICATIONS = "applications:see"
    CHANGE_APPLICATIONS = "applications:change"
    SEE_SESSION_KEYS = "session-keys:see"
    CHANGE_SESSION_KEYS = "session-keys:change"
    SEE_ADDON = "add-on:see"
    CHANGE_ADDON = "add-on:change"
    TOUCH_KEYS = "add-on:touch-keys"
    """Have a provider key entered, replaced or revoked; also needs a password typed within ten minutes."""
    SEE_USAGE = "usage:see"


PERMISSIONS: Final[Mapping[Permission, frozenset[Role]]] = {
    Permission.SEE_APPLICATIONS: frozenset({Role.OWNER}),
    Permission.CHANGE_APPLICATIONS: frozenset({Role.OWNER}),
    Permission.SEE_SESSION_KEYS: frozenset({Role.OWNER}),
    Permission.CHANGE_SESSION_KEYS: frozenset({Role.OWNER}),
    Permission.SEE_ADDON: frozenset({Role.OWNER}),
    Permission.CHANGE_ADDON: frozenset({Role.OWNER}),
    Permission.TOUCH_KEYS: frozenset({Role.OWNER}),
    Permission.SEE_USAGE: frozenset({Role.OWNER}),
}


def permits(role: str, permission: Permission) -> bool:
    """True if users of this role may do this."""
    return role in PERMISSIONS[permission]
