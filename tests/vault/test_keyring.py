"""The keyring gives out what the vault wrote and the anchor witnessed, and raises an alarm for all else."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from msgspec import structs

from sealgate.ids import new_id
from sealgate.vault.faults import AlarmError
from sealgate.vault.schema import KEYRING
from sealgate.vault.verified import Verified
from tests.vault.still import StillVault

ORGANIZATION = new_id("org")


def test_an_organization_gets_a_pair_of_every_suite_and_the_same_ones_again(tmp_path: Path) -> None:
    with StillVault(tmp_path) as vault:
        keyring = vault.stores.keyring
        made = keyring.current(ORGANIZATION, 5.0)
        assert ([pair.suite for pair in made.pairs], made.epoch, made.made_at) == ([1, 2], 1, 5.0)
        assert keyring.current(ORGANIZATION, 9.0) == made == keyring.newest(ORGANIZATION)
        for pair in made.pairs:
            assert keyring.offered(pair.key_id, ORGANIZATION) == made
            assert keyring.private(pair.key_id, ORGANIZATION).public == pair.public
            assert keyring.is_newest(pair.key_id, ORGANIZATION)
            assert made.find(pair.suite, pair.key_id) == pair
            assert made.find(3 - pair.suite, pair.key_id) is None


def test_the_first_epoch_may_be_asked_for_by_rotating(tmp_path: Path) -> None:
    with StillVault(tmp_path) as vault:
        assert vault.stores.keyring.rotate(ORGANIZATION, 1.0).epoch == 1


def test_an_organization_that_was_never_seen_has_no_keys_and_gets_none_by_looking(tmp_path: Path) -> None:
    with StillVault(tmp_path) as vault:
        keyring = vault.stores.keyring
        assert keyring.epochs(ORGANIZATION) == ()
        with pytest.raises(AlarmError):
            keyring.newest(ORGANIZATION)
        with pytest.raises(AlarmError):
            keyring.offered(bytes(16), ORGANIZATION)
        assert keyring.epochs(ORGANIZATION) == ()


def test_a_pair_is_given_to_its_own_organization_alone(tmp_path: Path) -> None:
    other = new_id("org")
    with StillVault(tmp_path) as vault:
        keyring = vault.stores.keyring
        pair = keyring.current(ORGANIZATION, 1.0).preferred
        keyring.current(other, 1.0)
        for ask in (keyring.offered, keyring.by_key_id, keyring.private, keyring.private_here):
            with pytest.raises(AlarmError):
                ask(pair.key_id, other)


def test_a_damaged_pair_keeps_no_sound_one_of_its_organization_from_opening(tmp_path: Path) -> None:
    with StillVault(tmp_path) as vault:
        sound, damaged = vault.stores.keyring.current(ORGANIZATION, 1.0).pairs
    with closing(sqlite3.connect(tmp_path / "data" / "vault.db")) as connection, connection:
        connection.execute("UPDATE keyring SET made_at = 2.0 WHERE key_id = ?", (damaged.key_id,))
    with StillVault(tmp_path) as vault:
        found = vault.stores.keyring.private_here(sound.key_id, ORGANIZATION)
        assert found is not None
        assert found.public == sound.public
        with pytest.raises(AlarmError):
            vault.stores.keyring.private_here(damaged.key_id, ORGANIZATION)


def test_what_is_read_of_an_organization_tells_its_newest_pairs_too(tmp_path: Path) -> None:
    with StillVault(tmp_path) as vault:
        keyring = vault.stores.keyring
        old = keyring.current(ORGANIZATION, 1.0).preferred
        new = keyring.rotate(ORGANIZATION, 2.0).preferred
        for pair in (old, new):
            assert keyring.private_here(pair.key_id, ORGANIZATION) is not None
            assert ORGANIZATION in keyring._newest
            assert keyring.is_newest(pair.key_id, ORGANIZATION) == (pair is new)


def test_a_pair_planted_for_an_organization_never_seen_is_refused(tmp_path: Path) -> None:
    planted = new_id("org")
    with StillVault(tmp_path) as vault:
        vault.stores.keyring.current(ORGANIZATION, 1.0)
    with closing(sqlite3.connect(tmp_path / "data" / "vault.db")) as connection, connection:
        connection.execute("UPDATE keyring SET organization = ?", (planted,))
    with StillVault(tmp_path) as vault:
        for organization in (planted, ORGANIZATION):
            with pytest.raises(AlarmError):
                vault.stores.keyring.current(organization, 1.0)


def test_a_private_half_that_does_not_unwrap_raises_an_alarm(tmp_path: Path) -> None:
    """As if somebody with the MAC key, but not the KEK, had written the row."""
    with StillVault(tmp_path) as vault:
        keyring = vault.stores.keyring
        pair = keyring.current(ORGANIZATION, 1.0).preferred
        altered = structs.replace(pair, ciphertext=pair.ciphertext[:-1] + bytes((pair.ciphertext[-1] ^ 1,)))
        with vault.foundation.database.transaction() as connection:
            connection.execute(KEYRING.update("WHERE key_id = :key_id"), keyring._rows.row(altered))
        with pytest.raises(AlarmError):
            keyring.private(pair.key_id, ORGANIZATION)


def test_what_was_verified_is_remembered_until_it_is_dropped_or_too_much() -> None:
    made: list[str] = []

    def maker(name: str) -> Callable[[], str]:
        return lambda: made.append(name) or name.upper()  # type: ignore[func-returns-value]

    remembered: Verified[str] = Verified(2)
    for name in ("a", "b", "a", "c", "a", "b"):
        assert remembered.get(name, maker(name)) == name.upper()
    assert made == ["a", "b", "c", "b"]  # b was not asked for longest when c came
    remembered.drop("a")
    remembered.drop("never there")
    remembered.get("a", maker("a"))
    assert made[-1] == "a"
    assert repr(remembered) == "<Verified of 2>"
