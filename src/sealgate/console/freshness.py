"""Which posts need a password typed within ten minutes: the one literal table of dangerous and harmless ones.

Counterpart: `routes`, which asks before any view runs, so that none can forget it. A stolen cookie must not
be enough to have the vault act, to let somebody in, to have more spent, or to delete for good.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct


class Dangerous(Struct, frozen=True):
    """`doing` stands in “To …, type your password.”; `back` is where Cancel leads."""

    doing: str
    back: str


class Harmless(Struct, frozen=True):
    """Why a cookie is enough."""

    why: str


_APP: Final = "/applications/{application}"
_ADDON: Final = f"{_APP}/add-on"
_ENDS: Final = "it only takes away, and must work at once"
_BACK: Final = "it can be taken back on the same page, and no key moves"

POSTS: Final[Mapping[str, Dangerous | Harmless]] = {
    "/sign-in": Harmless("the password stands in it"),
    "/sign-out": Harmless(_ENDS),
    "/invitations/{token}": Harmless("the link is the right, and the password is chosen in it"),
    "/applications": Harmless("a new application has no key and no session keys"),
    f"{_APP}/name": Harmless(_BACK),
    f"{_APP}/pause": Harmless(_ENDS),
    f"{_APP}/resume": Harmless(_BACK),
    f"{_APP}/origins": Harmless("a page there still needs a session that the host's back end signed"),
    f"{_APP}/origins/remove": Harmless(_ENDS),
    f"{_APP}/session-keys": Dangerous("register a session key", f"{_APP}/session-keys"),
    f"{_APP}/session-keys/revoke": Harmless(_ENDS),
    f"{_APP}/actions": Harmless("only on models that somebody allowed, and within the same limits"),
    f"{_APP}/limits": Dangerous("change limits and models", f"{_APP}/limits"),
    f"{_APP}/plans": Dangerous("change a plan", f"{_APP}/plans"),
    f"{_APP}/plans/remove": Dangerous("remove a plan", f"{_APP}/plans"),
    f"{_APP}/budgets": Dangerous("change a budget", f"{_APP}/plans"),
    f"{_APP}/budgets/remove": Dangerous("remove a budget", f"{_APP}/plans"),
    f"{_APP}/budgets/reset": Dangerous("begin a budget anew", f"{_APP}/plans"),
    f"{_APP}/sources": Dangerous("change where answers come from", f"{_APP}/sources"),
    f"{_APP}/sources/remove": Dangerous("remove a source", f"{_APP}/sources"),
    f"{_ADDON}/key": Dangerous("seal a key", _ADDON),
    f"{_ADDON}/revoke": Dangerous("revoke a key", _ADDON),
    f"{_ADDON}/test": Dangerous("test a key", _ADDON),
    f"{_ADDON}/switch": Dangerous("switch to the next key", _ADDON),
    f"{_ADDON}/roll-back": Dangerous("go back a key", _ADDON),
    f"{_ADDON}/discard": Dangerous("discard a key", _ADDON),
    f"{_ADDON}/on": Harmless(_BACK),
    f"{_ADDON}/off": Harmless(_ENDS),
    f"{_ADDON}/erase": Dangerous("erase a credential for good", _ADDON),
    f"{_APP}/erase": Dangerous("erase an application for good", _APP),
    "/erasures/organization": Dangerous("erase the organization for good", "/erasures"),
    "/notices/read": Harmless("it marks one's own list; the record of changes keeps everything"),
    "/retention": Dangerous("delete usage by age", "/retention"),
    "/budgets": Dangerous("change the organization's budgets", "/budgets"),
    "/budgets/remove": Dangerous("remove a budget of the organization", "/budgets"),
    "/budgets/reset": Dangerous("begin a budget of the organization anew", "/budgets"),
    "/tokens": Dangerous("make a management token", "/tokens"),
    "/tokens/revoke": Dangerous("revoke a management token", "/tokens"),
    "/account/sign-out-everywhere": Harmless(_ENDS),
    "/members/invite": Dangerous("invite somebody", "/members"),
    "/members/invitations/withdraw": Harmless(_ENDS),
    "/members/role": Dangerous("change a role", "/members"),
    "/members/remove": Dangerous("remove somebody", "/members"),
    "/members/sign-out": Harmless(_ENDS),
}
"""Path of a POST route → what it is."""
