"""Whatever can be done to a vault, as one table: for tests that stop it in the middle of each.

Counterparts: `moments`, which stops it; `test_every_moment`, which says what must hold after that. A change
that joins the vault belongs in `CHANGES`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from sealgate.messages.erasing import Erase, ErasureKind
from sealgate.messages.frames import RefusedError
from sealgate.messages.tickets import (
    Credentials,
    Discard,
    IssueTicket,
    ListCredentials,
    Revoke,
    RollBack,
    Switch,
)
from sealgate.vault.approvals import NotApprovedError
from tests.vault.authenticator import Passkey
from tests.vault.deployment import Addresses, canary_key, owner, ticket_order
from tests.vault.keks import Ring, approve, assertion_of, enrolled_two


@dataclass
class Scene:
    """What a vault in a folder holds before something is done to it."""

    at: Addresses = field(default_factory=Addresses)
    theirs: Addresses = field(default_factory=Addresses)
    keys: dict[tuple[str, int], bytes] = field(default_factory=dict)
    """By credential and version."""
    whose: dict[str, Addresses] = field(default_factory=dict)
    credential: str = ""
    """Has a version before the active one, and one beside it."""
    their_credential: str = ""
    old_kek: str = ""
    link: str = ""
    """Of the proposal to destroy it, which one administrator approved."""
    passkeys: list[Passkey] = field(default_factory=list)
    ready: Any = None
    """What a change made ready."""

    def deposit(self, ring: Ring, order: IssueTicket) -> str:
        """A key goes in; gives its credential."""
        key, version = canary_key(), 1
        if order.credential is not None:
            version = max(each for name, each in self.keys if name == order.credential) + 1
        credential = ring.vault.deposit(order, key)
        mine = order.organization == self.at.organization
        self.note(credential, version, key, self.at if mine else self.theirs)
        return credential

    def note(self, credential: str, version: int, key: bytes, whose: Addresses) -> None:
        """What opens there, or will."""
        self.keys = {**self.keys, (credential, version): key}
        self.whose = {**self.whose, credential: whose}


def furnish(folder: Path) -> Scene:
    """A vault with something of everything."""
    scene = Scene()
    with Ring(folder) as ring:
        scene.credential = scene.deposit(ring, ticket_order(scene.at))
        scene.deposit(ring, ticket_order(scene.at, scene.credential, stage=True))
        ring.vault.ask(Switch(**owner(scene.at), credential=scene.credential))
        scene.deposit(ring, ticket_order(scene.at, scene.credential, stage=True))
        scene.deposit(ring, ticket_order(scene.at))
        scene.their_credential = scene.deposit(ring, ticket_order(scene.theirs))
        scene.passkeys = enrolled_two(ring.vault)
        scene.old_kek = ring.ring.version
        ring.rotate()
        with pytest.raises(NotApprovedError) as refused:
            ring.do(lambda changes: changes.destroy(scene.old_kek))
        scene.link = refused.value.missing.proposal.link.partition("=")[2]
        approve(ring.proposals, refused.value.missing, scene.passkeys[0])
    return scene


Standing = dict[str, object]


def standing(ring: Ring, scene: Scene) -> Standing:
    """Everything that anybody can see of a vault, without the names that are drawn anew each time."""
    vault = ring.vault
    return {
        "credentials": [_listed(ring, at) for at in (scene.at, scene.theirs)],
        "keys": {name: _opened(ring, scene, *name) == key for name, key in scene.keys.items()},
        "epochs": [len(vault.stores.keyring.epochs(at.organization)) for at in (scene.at, scene.theirs)],
        "KEKs": [each.state for each in ring.report().items],
        "wrapped by the current one": set(ring.counts()) == {ring.ring.version},
        "administrators": sorted(
            str(person and (person.record.name, person.record.state, len(person.passkeys)))
            for _, person in vault.stores.administrators.every()
        ),
        "proposals": Counter(
            (each.action, each.state, len(each.approved)) for each in ring.proposals.every()
        ),
        "erased": sorted((each.kind, each.erased_at is not None) for each in vault.erasures.rows()),
    }


def _listed(ring: Ring, at: Addresses) -> list[Any]:
    answer = ring.vault.ask(ListCredentials(**owner(at)))
    assert isinstance(answer, Credentials)
    return sorted(
        (each.state.value, [(one.version, one.standing.value) for one in each.versions])
        for each in answer.items
    )


def _opened(ring: Ring, scene: Scene, credential: str, version: int) -> bytes | None:
    try:
        return ring.vault.opens(scene.whose[credential], credential, version)
    except RefusedError:
        return None


def go_on(ring: Ring) -> None:
    """What a start and the background do by themselves."""
    ring.resume()
    ring.vault.erasures.resume()
    # Twice: what is erased has sealing keys end, and receipts tell that of it.
    for work in (ring.vault.epochs, ring.vault.erasures) * 2:
        for _piece in work.pieces():
            pass


@dataclass(frozen=True)
class Change:
    """`act` may be done again wherever it did not happen."""

    act: Callable[[Ring, Scene], object]
    make_ready: Callable[[Ring, Scene], object] = lambda _ring, _scene: None
    is_one_step: bool = True
    """False for what goes on in the background: what a kill interrupts, `go_on` finishes."""
    shuts: bool = False
    """True for what is shut in memory though it cannot be written: no key opens, and nothing else changed."""


def _ticket(**options: Any) -> Callable[[Ring, Scene], object]:
    """A ticket with an envelope that waits to be handed in."""

    def make_ready(ring: Ring, scene: Scene) -> object:
        credential = scene.credential if options else None
        issued, key = ring.vault.issue(ticket_order(scene.at, credential, **options)), canary_key()
        scene.note(issued.credential, issued.version, key, scene.at)
        return issued.ticket, ring.vault.sealed(issued.ticket, key)

    return make_ready


def _hand_in(ring: Ring, scene: Scene) -> object:
    return ring.vault.hand_in(*scene.ready)


def _asked(kind: type[Any], **more: Any) -> Callable[[Ring, Scene], object]:
    return lambda ring, scene: ring.vault.ask(kind(**owner(scene.at), credential=scene.credential, **more))


def _rotate_sealing_keys(ring: Ring, scene: Scene) -> object:
    return ring.vault.epochs.rotate(scene.at.organization)


def _end_old_epoch(ring: Ring, _scene: Scene) -> object:
    return list(ring.vault.epochs.pieces())


def _approve(ring: Ring, scene: Scene) -> object:
    challenge = ring.proposals.challenge(ring.proposals.look(scene.link))
    return ring.proposals.approve(scene.link, assertion_of(scene.passkeys[1], challenge))


def _destroy_kek(ring: Ring, scene: Scene) -> object:
    return ring.do(lambda changes: changes.destroy(scene.old_kek))


def _rotate_kek(ring: Ring, _scene: Scene) -> object:
    return ring.do(lambda changes: changes.rotate(""))


def _invite(ring: Ring, scene: Scene) -> object:
    people = ring.vault.stores.administrators
    return people.invite(None, "Cem", scene.at.organization, ring.vault.clock(), approved=False)


def _remove_administrator(ring: Ring, _scene: Scene) -> None:
    people = ring.vault.stores.administrators
    people.remove(min(people.whole(), key=lambda each: each.record.name).record.administrator)


def _erase(kind: ErasureKind, subject: Callable[[Scene], str]) -> Callable[[Ring, Scene], object]:
    return lambda ring, scene: ring.vault.ask(
        Erase(kind=kind, subject=subject(scene), organization=scene.at.organization)
    )


CHANGES: Mapping[str, Change] = {
    "a ticket is issued": Change(lambda ring, scene: ring.vault.issue(ticket_order(scene.at))),
    "a first key is deposited": Change(_hand_in, _ticket()),
    "a key is staged": Change(_hand_in, _ticket(stage=True)),
    "a key is replaced": Change(_hand_in, _ticket(stage=False)),
    "a switch": Change(_asked(Switch)),
    "a roll-back": Change(_asked(RollBack), _asked(Discard, version=3)),
    "a version is discarded": Change(_asked(Discard, version=3)),
    "a revocation": Change(_asked(Revoke), shuts=True),
    "sealing keys are rotated": Change(_rotate_sealing_keys),
    "an old epoch ends": Change(_end_old_epoch, _rotate_sealing_keys, is_one_step=False),
    "a KEK is rotated": Change(_rotate_kek, is_one_step=False),
    "an administrator is invited": Change(_invite),
    "an administrator is removed": Change(_remove_administrator),
    "a proposal is approved": Change(_approve),
    "a KEK is destroyed": Change(_destroy_kek, _approve, is_one_step=False),
    "a credential is erased": Change(
        _erase(ErasureKind.CREDENTIAL, lambda scene: scene.credential), is_one_step=False, shuts=True
    ),
    "an application is erased": Change(
        _erase(ErasureKind.APPLICATION, lambda scene: scene.at.application), is_one_step=False, shuts=True
    ),
    "an organization is erased": Change(
        _erase(ErasureKind.ORGANIZATION, lambda scene: scene.at.organization), is_one_step=False, shuts=True
    ),
}
