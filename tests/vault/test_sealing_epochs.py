"""Epochs of sealing keys: new ones begin, stored keys follow, old ones end, and nothing is lost meanwhile."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from sealgate.envelope import SUITE_1P
from sealgate.ids import new_id
from sealgate.messages.frames import RefusedError
from sealgate.messages.tickets import Revoke
from sealgate.vault import sealing_epochs
from sealgate.vault.faults import AlarmError, StartError
from tests.vault.deployment import Addresses, canary_key, owner, ticket_order, vault_config
from tests.vault.rewriting import rewrite
from tests.vault.still import StillVault

AT = Addresses(new_id("org"), new_id("app"))
ROOT = Path(__file__).parents[2]
DAY_S = 86_400.0


def settle(vault: StillVault) -> int:
    """One whole pass; gives how many pieces of work it had."""
    return sum(1 for _piece in vault.epochs.pieces())


def epochs(vault: StillVault) -> list[int]:
    return [keys.epoch for keys in vault.stores.keyring.epochs(AT.organization)]


def rows(folder: Path, statement: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(folder / "data" / "vault.db")) as connection:
        return connection.execute(statement).fetchall()


def edit(folder: Path, statement: str) -> None:
    with closing(sqlite3.connect(folder / "data" / "vault.db")) as connection, connection:
        connection.execute(statement)


def everything(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in (folder / "data").iterdir())


def two_versions(vault: StillVault) -> tuple[str, bytes, bytes]:
    """A credential with an active and a staged key."""
    active, staged = canary_key(), canary_key()
    credential = vault.deposit(ticket_order(AT), active)
    vault.deposit(ticket_order(AT, credential, stage=True), staged)
    return credential, active, staged


def test_a_deposit_after_a_rotation_is_sealed_to_the_new_keys(tmp_path: Path) -> None:
    with StillVault(tmp_path) as vault:
        before = vault.stores.keyring.current(AT.organization, 1.0)
        after = vault.epochs.rotate(AT.organization)
        assert (before.epoch, after.epoch) == (1, 2)
        assert before.fingerprint != after.fingerprint
        credential = vault.deposit(ticket_order(AT), canary_key())
        found = vault.stores.credentials.find(credential)
        assert found is not None
        assert found.active.key_id == after.preferred.key_id
    assert "sealing_keys_rotated" in vault.log.getvalue()


@pytest.mark.parametrize("suite", [1, SUITE_1P])
def test_a_ticket_of_the_old_epoch_is_good_for_its_keys_and_not_for_others(
    tmp_path: Path, suite: int
) -> None:
    key = canary_key()
    with StillVault(tmp_path) as vault:
        hand_in = vault.ready(ticket_order(AT), key, suite=suite)
        vault.epochs.rotate(AT.organization)
        settle(vault)
        assert epochs(vault) == [1, 2]  # a live ticket keeps the old keys
        hand_in()
        (credential,) = rows(tmp_path, "SELECT credential FROM versions")[0]
        settle(vault)
        assert epochs(vault) == [2]
        assert vault.opens(AT, str(credential)) == key


def test_an_open_seals_an_old_envelope_anew_and_gives_the_same_key(tmp_path: Path) -> None:
    with StillVault(tmp_path) as vault:
        credential, active, staged = two_versions(vault)
        before = rows(tmp_path, "SELECT version, envelope FROM versions ORDER BY version")
        vault.epochs.rotate(AT.organization)
        assert vault.opens(AT, credential) == active
        after = rows(tmp_path, "SELECT version, envelope FROM versions ORDER BY version")
        assert before[0] != after[0]
        assert before[1] == after[1]  # only what was opened
        assert vault.opens(AT, credential, 2) == staged
        again = rows(tmp_path, "SELECT version, envelope FROM versions ORDER BY version")
        assert vault.opens(AT, credential) == active
        assert rows(tmp_path, "SELECT version, envelope FROM versions ORDER BY version") == again
    with StillVault(tmp_path) as vault:
        assert (vault.opens(AT, credential), vault.opens(AT, credential, 2)) == (active, staged)


def test_a_full_disk_does_not_keep_a_key_from_a_proxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    with StillVault(tmp_path) as vault:
        credential, active, _staged = two_versions(vault)
        vault.epochs.rotate(AT.organization)
        with monkeypatch.context() as patch:
            patch.setattr(vault.stores.credentials, "_put", full)
            assert vault.opens(AT, credential) == active
        assert "reseal_failed error=OSError" in vault.log.getvalue()
        assert vault.opens(AT, credential) == active
        assert vault.log.getvalue().count("reseal_failed") == 1


def test_the_pass_seals_what_nobody_opens_and_destroys_both_halves_of_the_old_keys(tmp_path: Path) -> None:
    with StillVault(tmp_path) as vault:
        credential, active, staged = two_versions(vault)
        (old,) = vault.stores.keyring.epochs(AT.organization)
        vault.opens(AT, credential)  # its private half is in use and in memory
        vault.epochs.rotate(AT.organization)
        settle(vault)
        assert epochs(vault) == [2]
        with pytest.raises(AlarmError):
            vault.stores.keyring.private(old.preferred.key_id, AT.organization)
        for pair in old.pairs:
            assert pair.ciphertext not in everything(tmp_path)
            assert pair.wrapped_data_key not in everything(tmp_path)
        assert (vault.opens(AT, credential), vault.opens(AT, credential, 2)) == (active, staged)
        assert "sealing_keys_destroyed" in vault.log.getvalue()
        assert settle(vault) == 0


def test_the_pass_leaves_zeros_where_it_had_keys(tmp_path: Path) -> None:
    with StillVault(tmp_path) as vault:
        _credential, active, staged = two_versions(vault)
        vault.epochs.rotate(AT.organization)
        settle(vault)
        pages = b"".join(bytes(page) for page in vault.stores.arena._pages)
        assert active not in pages
        assert staged not in pages


def test_a_revoked_key_keeps_no_sealing_keys(tmp_path: Path) -> None:
    with StillVault(tmp_path) as vault:
        credential = vault.deposit(ticket_order(AT), canary_key())
        vault.ask(Revoke(**owner(AT), credential=credential))
        vault.epochs.rotate(AT.organization)
        settle(vault)
        assert epochs(vault) == [2]


def test_keys_in_use_are_never_destroyed(tmp_path: Path) -> None:
    with StillVault(tmp_path) as vault:
        keys = vault.stores.keyring.current(AT.organization, 1.0)
        with pytest.raises(ValueError, match="in use"):
            vault.stores.keyring.destroy(keys)


def test_a_row_that_does_not_verify_keeps_its_keys_and_stops_nobody_else(tmp_path: Path) -> None:
    with StillVault(tmp_path) as vault:
        damaged, _active, _staged = two_versions(vault)
        sound, active, _staged = two_versions(vault)
    edit(tmp_path, f"UPDATE versions SET last_four = 'evil' WHERE credential = '{damaged}'")
    with StillVault(tmp_path) as vault:
        vault.epochs.rotate(AT.organization)
        settle(vault)
        assert epochs(vault) == [1, 2]
        assert vault.opens(AT, sound) == active
        assert settle(vault) == 0
        assert vault.log.getvalue().count("sealing_keys_kept") == 1
        vault.ask(Revoke(**owner(AT), credential=damaged))
        settle(vault)
        assert epochs(vault) == [2]


def test_a_planted_version_of_nobody_keeps_the_pass_from_nothing_else(tmp_path: Path) -> None:
    with StillVault(tmp_path) as vault:
        credential, active, _staged = two_versions(vault)
    edit(
        tmp_path,
        f"INSERT INTO versions SELECT '{new_id('cred')}', version, revision, key_id, envelope, fingerprint,"
        " last_four, deposited_at, mac FROM versions WHERE version = 1",
    )
    with StillVault(tmp_path) as vault:
        vault.epochs.rotate(AT.organization)
        settle(vault)
        assert epochs(vault) == [1, 2]
        assert vault.opens(AT, credential) == active


@pytest.mark.parametrize("name", ["'x y'", "CAST('x y' AS BLOB)", "7"])
def test_a_planted_pair_of_what_is_no_organization_has_no_keys_made_and_stops_no_pass(
    tmp_path: Path, name: str
) -> None:
    with StillVault(tmp_path) as vault:
        credential, active, _staged = two_versions(vault)
    rewrite(
        tmp_path / "data" / "vault.db",
        lambda hand: hand.execute(
            f"INSERT INTO keyring SELECT zeroblob(16), {name}, epoch, suite, public_key, ciphertext,"
            " wrapped_data_key, kek_version, made_at, mac FROM keyring WHERE suite = 1"
        ),
    )
    with StillVault(tmp_path) as vault:
        vault.clock.now_s += 3600  # tickets are over
        vault.epochs.rotate_all()
        settle(vault)
        assert epochs(vault) == [2]
    with StillVault(tmp_path) as again:
        assert again.opens(AT, credential) == active
        assert len(again.foundation.database.rows("SELECT DISTINCT organization FROM keyring")) == 2


KEYRING_EDITS = {
    "one pair removed": "DELETE FROM keyring WHERE epoch = 2 AND suite = 1",
    "the newest epoch removed": "DELETE FROM keyring WHERE epoch = 2",
    "one pair edited": "UPDATE keyring SET made_at = made_at + 1 WHERE epoch = 2 AND suite = 2",
    "epochs exchanged": "UPDATE keyring SET epoch = 10 - epoch",
}


@pytest.mark.parametrize("statement", KEYRING_EDITS.values(), ids=KEYRING_EDITS)
def test_an_altered_keyring_gives_no_key_for_deposits_and_destroys_none(
    tmp_path: Path, statement: str
) -> None:
    with StillVault(tmp_path) as vault:
        two_versions(vault)
        vault.epochs.rotate(AT.organization)
    edit(tmp_path, statement)
    left = rows(tmp_path, "SELECT key_id FROM keyring")
    with StillVault(tmp_path) as vault:
        with pytest.raises(RefusedError, match="credential_damaged"):
            vault.ask(ticket_order(AT))
        with pytest.raises(AlarmError):
            vault.epochs.rotate(AT.organization)
        vault.clock.now_s += 2
        assert vault.epochs.rotate_all() == 1
        settle(vault)
        assert settle(vault) == 0  # it is not tried again and again
    assert rows(tmp_path, "SELECT key_id FROM keyring") == left
    assert "alarm_row table=keyring" in vault.log.getvalue()


def test_an_old_pair_brought_back_is_no_pair(tmp_path: Path) -> None:
    with StillVault(tmp_path) as vault:
        two_versions(vault)
        old = rows(tmp_path, "SELECT * FROM keyring")
        vault.epochs.rotate(AT.organization)
        settle(vault)
    with closing(sqlite3.connect(tmp_path / "data" / "vault.db")) as connection, connection:
        connection.executemany(f"INSERT INTO keyring VALUES ({','.join('?' * len(old[0]))})", old)
    with StillVault(tmp_path) as vault, pytest.raises(RefusedError, match="credential_damaged"):
        vault.ask(ticket_order(AT))


def test_the_pass_outlives_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class FullOnce:
        """The first write meets a full disk, every later one has room."""

        def __init__(self, put: Callable[..., None]) -> None:
            self.put = put
            self.refused = 0

        def __call__(self, *args: object, **kwargs: object) -> None:
            if not self.refused:
                self.refused += 1
                raise OSError(28, "No space left on device")
            self.put(*args, **kwargs)

    async def until_ended(vault: StillVault) -> None:
        task = asyncio.create_task(vault.epochs.run())
        async with asyncio.timeout(30):
            while epochs(vault) != [2]:
                await asyncio.sleep(0.01)
        task.cancel()

    with StillVault(tmp_path) as vault:
        two_versions(vault)
        vault.epochs.rotate(AT.organization)
        monkeypatch.setattr(sealing_epochs, "IDLE_S", 0.01)
        disk = FullOnce(vault.stores.credentials._put)
        monkeypatch.setattr(vault.stores.credentials, "_put", disk)
        asyncio.run(until_ended(vault))
    assert disk.refused == 1
    assert "database_failed error=OSError operation=sealing-epochs" in vault.log.getvalue()


def test_keys_that_are_old_enough_are_rotated_by_themselves(tmp_path: Path) -> None:
    with StillVault(tmp_path) as vault:
        credential, active, _staged = two_versions(vault)
        vault.clock.now_s += 89 * DAY_S
        assert settle(vault) == 0
        vault.clock.now_s += 2 * DAY_S
        settle(vault)
        assert epochs(vault) == [2]
        assert vault.opens(AT, credential) == active


def test_zero_days_is_never_by_itself(tmp_path: Path) -> None:
    with StillVault(tmp_path, sealing_key_days=0) as vault:
        two_versions(vault)
        vault.clock.now_s += 4000 * DAY_S
        assert settle(vault) == 0
        vault.epochs.rotate_all()
        vault.clock.now_s += 1
        assert settle(vault) > 0
        assert epochs(vault) == [2]


@pytest.mark.parametrize("days", [-1.0, 3651.0, float("nan")])
def test_an_age_that_cannot_be_meant_is_refused(tmp_path: Path, days: float) -> None:
    with pytest.raises(ValueError, match="sealing_key_days"):
        vault_config(tmp_path, sealing_key_days=days)


def test_everybody_is_rotated_one_after_the_other(tmp_path: Path) -> None:
    others = [Addresses() for _ in range(3)]
    with StillVault(tmp_path) as vault:
        kept = [(at, vault.deposit(ticket_order(at), canary_key())) for at in others]
        vault.clock.now_s += 10
        assert vault.epochs.rotate_all() == 3
        settle(vault)
        for at, credential in kept:
            assert [keys.epoch for keys in vault.stores.keyring.epochs(at.organization)] == [2]
            assert vault.opens(at, credential).startswith(b"sk-sim-canary-")


def rotate(vault: StillVault) -> None:
    vault.epochs.rotate(AT.organization)


def whole_pass(vault: StillVault) -> None:
    settle(vault)


def open_it(vault: StillVault) -> None:
    (credential,) = rows(vault.config.data_dir.parent, "SELECT credential FROM credentials")[0]
    vault.opens(AT, str(credential))


POINTS = {
    "while rows are written": "sealgate.vault.rowseal.SealedTable.row",
    "while keys are made": "sealgate.vault.keyring.seal_secret",
    "while it is sealed": "sealgate.vault.envelopes.seal_slot",
    "before the mark": "sealgate.vault.witness.MarkRecord",
    "between database and anchor": "sealgate.vault.anchor.Anchor.append",
    "before old bytes are overwritten": "sealgate.vault.database.Database.forget",
}
WORK: tuple[Callable[[StillVault], None], ...] = (rotate, open_it, whole_pass)


def _power_cut(*_args: object, **_options: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("work", WORK, ids=lambda work: work.__name__)
@pytest.mark.parametrize("place", POINTS.values(), ids=POINTS)
def test_a_power_cut_in_any_step_loses_no_key_and_the_next_start_goes_on(
    tmp_path: Path, work: Callable[[StillVault], None], place: str
) -> None:
    with StillVault(tmp_path) as vault:
        credential, active, staged = two_versions(vault)
        if work is not rotate:
            vault.epochs.rotate(AT.organization)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(place, _power_cut)
            try:
                work(vault)
            except KeyboardInterrupt:
                pass
            else:
                assert (work, place) in UNTOUCHED
    with StillVault(tmp_path) as again:
        assert (again.opens(AT, credential), again.opens(AT, credential, 2)) == (active, staged)
        settle(again)
        assert len(epochs(again)) == 1
        assert (again.opens(AT, credential), again.opens(AT, credential, 2)) == (active, staged)
    assert "alarm" not in again.log.getvalue()


UNTOUCHED = {
    (rotate, POINTS["while it is sealed"]),
    (rotate, POINTS["before old bytes are overwritten"]),
    (open_it, POINTS["while keys are made"]),
    (whole_pass, POINTS["while keys are made"]),
}
"""Work that does not come by that place."""

PROGRAM = """
import sys
from pathlib import Path
from tests.vault import test_sealing_epochs as t
from tests.vault.still import StillVault
t.AT.organization, t.AT.application = sys.argv[2:4]
with StillVault(Path(sys.argv[1])) as vault:
    while True:
        vault.epochs.rotate(t.AT.organization)
        print("rotated", flush=True)
        for _ in vault.epochs.pieces():
            print("piece", flush=True)
"""


@pytest.mark.parametrize("pieces", [1, 2, 3, 4, 9])
def test_killed_in_full_run_it_starts_again_and_opens_everything(tmp_path: Path, pieces: int) -> None:
    with StillVault(tmp_path) as vault:
        credential, active, staged = two_versions(vault)
    argv = [sys.executable, "-c", PROGRAM, str(tmp_path), AT.organization, AT.application]
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=dict(os.environ)) as process:
        assert process.stdout is not None
        for _ in range(pieces):
            assert process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    with StillVault(tmp_path) as again:
        assert (again.opens(AT, credential), again.opens(AT, credential, 2)) == (active, staged)
        settle(again)
        assert len(epochs(again)) == 1


def test_an_old_database_from_before_a_reseal_is_refused(tmp_path: Path) -> None:
    with StillVault(tmp_path) as vault:
        credential, _active, _staged = two_versions(vault)
        vault.epochs.rotate(AT.organization)
    old = (tmp_path / "data" / "vault.db").read_bytes()
    with StillVault(tmp_path) as vault:
        vault.opens(AT, credential)
        settle(vault)
    (tmp_path / "data" / "vault.db").write_bytes(old)
    with pytest.raises(StartError, match="old copy"):
        StillVault(tmp_path)
