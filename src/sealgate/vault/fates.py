"""What becomes of everything when an older vault.db is accepted: decided from two memories, line by line.

Counterparts: `restoring`, which asks, and `restored_rows`, which does it. Pure. Whatever the anchor knows as
ended (revoked, erased, removed) stays ended; all else comes back as vault.db has it, or is lost with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum

from msgspec import Struct

from sealgate.messages.tickets import CredentialState
from sealgate.vault import receipt_key
from sealgate.vault.anchor_summary import Standing
from sealgate.vault.witness import ERASED, ERASING

REVOKED = CredentialState.REVOKED.value


class Fate(StrEnum):
    """What becomes of one subject."""

    KEPT = "kept"
    """The same in both, or known to vault.db alone."""
    BACK = "back"
    """As vault.db has it; what the anchor knows to be later is lost."""
    REVOKED = "revoked"
    ERASED = "erased"
    REMOVED = "removed"
    """An administrator who was removed since, or whose passkeys may have been."""
    LOST = "lost"
    """Only the anchor knows it: it was made after the backup."""


class Decided(Struct, frozen=True):
    """One subject: where it stands in vault.db and in the anchor, and what becomes of it."""

    subject: str
    here: Standing | None
    there: Standing | None
    fate: Fate
    state: str | None
    """How the new anchor knows it; None: not at all."""


class _Case(Struct, frozen=True):
    here: Standing | None
    there: Standing | None

    @property
    def states(self) -> set[str]:
        return {each.state for each in (self.here, self.there) if each is not None}

    @property
    def is_behind(self) -> bool:
        """True if the anchor knows a later state than vault.db."""
        return self.here is not None and self.there is not None and self.there.version > self.here.version


def decide(here: Mapping[str, Standing], there: Mapping[str, Standing]) -> Iterator[Decided]:
    """What becomes of each subject that `here` (vault.db) or `there` (the anchor) knows."""
    for subject in sorted({*here, *there}):
        rule = _rule(subject)
        if rule is not None:
            case = _Case(here.get(subject), there.get(subject))
            fate, state = rule(case)
            yield Decided(subject, case.here, case.there, fate, state)


def _credential(case: _Case) -> tuple[Fate, str | None]:
    if ERASED in case.states:
        return Fate.ERASED, ERASED
    if REVOKED in case.states:
        is_news = case.here is not None and case.here.state != REVOKED
        return Fate.REVOKED if is_news else Fate.KEPT, REVOKED
    if case.here is None:
        return Fate.LOST, REVOKED
    return Fate.BACK if case.is_behind else Fate.KEPT, case.here.state


def _owner(case: _Case) -> tuple[Fate, str | None]:
    """An organization or an application."""
    if case.states & {ERASED, ERASING}:
        return Fate.ERASED, ERASED if ERASED in case.states else ERASING
    if case.here is None:
        return Fate.LOST, None
    differs = case.there is not None and case.there.state != case.here.state
    return Fate.BACK if differs else Fate.KEPT, case.here.state


def _administrator(case: _Case) -> tuple[Fate, str | None]:
    if case.here is None or ERASED in case.states or case.is_behind:
        # Which passkeys were removed since, the anchor does not say: none of them counts any more.
        return Fate.REMOVED, ERASED
    return Fate.KEPT, case.here.state


def _receipt_key(case: _Case) -> tuple[Fate, str | None]:
    return (Fate.LOST, None) if case.here is None else (Fate.KEPT, case.here.state)


def _destroyed_kek(case: _Case) -> tuple[Fate, str | None]:
    return Fate.ERASED, next(iter(case.states))


def _other(case: _Case) -> tuple[Fate, str | None]:
    """Of a newer release, perhaps: what the anchor says of it is left as it is."""
    standing = case.there or case.here
    assert standing is not None
    return Fate.KEPT, standing.state


_Rule = Callable[[_Case], tuple[Fate, str | None]]

RULES: Mapping[str, _Rule | None] = {
    "cred_": _credential,
    "org_": _owner,
    "app_": _owner,
    "adm_": _administrator,
    "kek:": _destroyed_kek,
    receipt_key.SUBJECT: _receipt_key,
    "prop_": None,  # proposals end with the ceremony; who wants it still, proposes again
    "keks": None,  # the table of KEKs: written anew as a whole
    "inst_": None,  # the last ceremony, or the founding: this ceremony's own entry follows
}
"""By the beginning of a subject's name; None: the ceremony itself says what becomes of it."""


def _rule(subject: str) -> _Rule | None:
    return next((rule for beginning, rule in RULES.items() if subject.startswith(beginning)), _other)
