"""The ring and its files: what is found, what is refused, and what happens when a keeper is away."""

from __future__ import annotations

import asyncio
import os
import pickle
import secrets
from pathlib import Path

import pytest

from sealgate.ids import new_id
from sealgate.log import NullLog
from sealgate.messages.frames import RefusedError
from sealgate.vault.events import EVENTS
from sealgate.vault.faults import AlarmError, StartError
from sealgate.vault.foundation import lay_foundation, look_into
from sealgate.vault.kek import KekDescription, KekError, KekUnavailableError
from sealgate.vault.kek_changes import KekChanges, report_of
from sealgate.vault.kek_config import KekConfig
from sealgate.vault.kek_file import make_kek, read_private, wipe_file
from sealgate.vault.kek_folder import add_description, kek_entries
from sealgate.vault.kek_kinds import kind_of
from sealgate.vault.kek_ring import START_PAUSE_S, KekRing
from sealgate.vault.root import RootKeys, load_root
from tests.vault.keks import Everything, Kept, Ring
from tests.vault.still import StillVault
from tests.vault.test_kek_rotation import PowerCut, cut_after
from tests.vault.test_upgrade import first_release

LOG = NullLog(EVENTS)
INSTANCE = "inst_" + "a" * 20


def refused(folder: Path, kek: KekConfig | None = None) -> str:
    with pytest.raises(StartError, match="hint: ") as error:
        lay_foundation(folder, INSTANCE, LOG, kek)
    return error.value.code


def test_a_ring_has_no_text_form_with_a_key_and_no_copy(tmp_path: Path) -> None:
    make_kek(tmp_path / "kek")
    ring = KekRing(tmp_path, KekConfig(), LOG)
    assert repr(ring) == "<KekRing  of 1>"
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(ring)


def test_the_ring_answers_for_its_current_version_like_any_provider(tmp_path: Path) -> None:
    make_kek(tmp_path / "kek")
    ring = KekRing(tmp_path, KekConfig(), LOG)
    (version,) = ring.entries
    ring.use(version)
    ring.health()
    assert ring.unwrap(ring.wrap(b"d" * 32, b"here"), b"here", ring.version) == b"d" * 32


def test_a_version_that_is_not_on_the_ring_unwraps_nothing(tmp_path: Path) -> None:
    make_kek(tmp_path / "kek")
    with pytest.raises(KekError, match="not on the ring"):
        KekRing(tmp_path, KekConfig(), LOG).unwrap(b"x" * 60, b"here", "file-0123456789abcdef")


def test_a_note_of_a_key_elsewhere_is_read_back_and_names_its_version(tmp_path: Path) -> None:
    description = KekDescription("transit", {"mount": "transit", "key": "k"})
    for _again in range(2):
        entry = add_description(tmp_path, description)
    assert kek_entries(tmp_path) == {description.version: entry}
    assert entry.path.name == f"kek.{description.version}"
    assert entry.key is None


@pytest.mark.parametrize(
    "content", [b"sealgate-kek-elsewhere-1 {", b"sealgate-kek-elsewhere-1 \xff", b"{}"], ids=repr
)
def test_a_file_that_is_no_note_of_a_key_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "kek.transit-0123456789abcdef"
    path.write_bytes(content)
    path.chmod(0o400)
    assert refused(tmp_path) == "kek_malformed"


def test_files_of_other_names_beside_the_kek_are_not_looked_at(tmp_path: Path) -> None:
    make_kek(tmp_path / "kek")
    (tmp_path / "kek.old").write_text("not one")
    (tmp_path / "kek.transit-short").write_text("not one")
    assert len(kek_entries(tmp_path)) == 1


def test_a_provider_that_this_release_does_not_know_is_refused() -> None:
    with pytest.raises(StartError, match="hint: "):
        kind_of("paper", KekConfig())


@pytest.mark.parametrize("values", [{"provider": "paper"}, {"timeout_s": 0.0}, {"timeout_s": 61.0}], ids=str)
def test_a_configuration_that_cannot_be_meant_is_refused(values: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="hint: "):
        KekConfig(**values)  # type: ignore[arg-type]


def test_the_current_keks_file_must_be_there_while_the_root_is_still_under_the_one_before(
    tmp_path: Path,
) -> None:
    with Ring(tmp_path) as ring, cut_after(1, committed=True), pytest.raises(PowerCut):
        ring.rotate()
    (new,) = (tmp_path / "data").glob("kek.*")
    new.unlink()
    assert refused(tmp_path / "data") == "kek_missing"


def test_the_file_of_a_kek_that_rows_are_still_wrapped_by_must_be_there(tmp_path: Path) -> None:
    with Ring(tmp_path) as ring:
        Kept(ring.vault)
        with cut_after(2, committed=True), pytest.raises(PowerCut):
            ring.rotate()
    (tmp_path / "data" / "kek").unlink()
    assert refused(tmp_path / "data") == "kek_missing"


def test_the_file_of_a_kek_that_wraps_nothing_any_more_may_be_away(tmp_path: Path) -> None:
    with Ring(tmp_path) as ring:
        kept = Kept(ring.vault)
        ring.rotate()
    (tmp_path / "data" / "kek").unlink()
    with Ring(tmp_path) as again:
        assert kept.all_open(again.vault)
        assert [each.health for each in again.report().items] == ["gone", "ok"]


def test_a_missing_table_of_keks_is_refused(tmp_path: Path) -> None:
    with Ring(tmp_path) as ring, ring.vault.foundation.database.transaction() as connection:
        connection.execute("DELETE FROM keks")
    assert refused(tmp_path / "data") == "keks_damaged"


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM root",
        "UPDATE root SET kek_version = 'file-0123456789abcdef'",
        "UPDATE root SET ciphertext = x'00'",
    ],
    ids=["removed", "another version", "another secret"],
)
def test_an_edited_root_is_refused(tmp_path: Path, statement: str) -> None:
    with Ring(tmp_path) as ring, ring.vault.foundation.database.transaction() as connection:
        connection.execute(statement)
    assert refused(tmp_path / "data") in {"root_damaged", "wrong_kek"}


class Away:
    """A keeper that answers when it is asked how it is, and for nothing else."""

    version = ""

    def health(self) -> None:
        """Well."""

    def wrap(self, *_words: object) -> bytes:
        raise KekUnavailableError("refused", "the policy says no")

    def unwrap(self, *_words: object) -> bytearray:
        raise KekUnavailableError("refused", "the policy says no")


def test_a_keeper_that_is_well_and_refuses_all_the_same_is_a_refusal_to_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_foundation(tmp_path, INSTANCE, LOG).close()
    monkeypatch.setattr(KekRing, "_provider", lambda *_words: Away())
    assert refused(tmp_path) == "kek_unavailable"
    monkeypatch.undo()
    lay_foundation(tmp_path, INSTANCE, LOG).close()


def test_a_new_kek_that_does_not_give_back_what_it_took_does_not_become_current(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Ring(tmp_path) as ring:
        monkeypatch.setattr(KekRing, "unwrap", lambda *_words: bytearray(32))
        with pytest.raises(RefusedError, match="kek_unavailable"):
            ring.rotate()
        monkeypatch.undo()
        assert [each.state for each in ring.report().items] == ["current"]


def test_migrating_elsewhere_waits_for_the_change_before(tmp_path: Path) -> None:
    with Ring(tmp_path) as ring:
        Kept(ring.vault)
        with cut_after(2, committed=True), pytest.raises(PowerCut):
            ring.rotate()
    with Ring(tmp_path) as again:
        with pytest.raises(RefusedError, match="kek_busy"):
            again.do(lambda changes: changes.migrate("transit", ""))
        report = again.do(lambda changes: changes.migrate("file", ""))
        assert (len(report.items), again.report().left) == (2, 0)


def test_a_row_that_verifies_and_does_not_unwrap_is_told_and_kept(tmp_path: Path) -> None:
    with Ring(tmp_path) as ring:
        kept = Kept(ring.vault, organizations=1)
        rows = ring.vault.stores.peppers._rows
        database = ring.vault.foundation.database
        (row,) = database._driver.execute("SELECT * FROM peppers")
        record = rows.read(row)
        broken = rows.row(type(record)(record.organization, record.ciphertext, b"x" * 60, record.kek_version))
        with database.transaction() as connection:
            connection.execute(
                "UPDATE peppers SET wrapped_data_key = ?, mac = ?",
                (broken["wrapped_data_key"], broken["mac"]),
            )
        assert ring.rotate().left == 1
        assert f"alarm_row table=peppers subject={kept.keys[0][0].organization}" in ring.log.getvalue()


def test_a_destroyed_version_whose_file_came_back_loses_it_at_the_next_start(tmp_path: Path) -> None:
    with Ring(tmp_path, approvals=Everything()) as ring:
        old = ring.ring.version
        kek = (tmp_path / "data" / "kek").read_bytes()
        ring.rotate()
        ring.do(lambda changes: changes.destroy(old))
        with pytest.raises(RefusedError, match="kek_unknown"):
            ring.do(lambda changes: changes.destroy(old))
    (tmp_path / "data" / "kek").write_bytes(kek)
    (tmp_path / "data" / "kek").chmod(0o400)
    with Ring(tmp_path) as again:
        again.resume()
        assert not (tmp_path / "data" / "kek").exists()


def test_a_wiped_file_is_overwritten_before_it_is_removed(tmp_path: Path) -> None:
    make_kek(tmp_path / "kek")
    os.link(tmp_path / "kek", tmp_path / "witness")
    before = (tmp_path / "kek").read_bytes()
    wipe_file(tmp_path / "kek")
    wipe_file(tmp_path / "kek")
    after = (tmp_path / "witness").read_bytes()
    assert len(after) == len(before)
    assert before.split()[1] not in after


def test_a_kek_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_foundation(tmp_path, INSTANCE, LOG).close()
    monkeypatch.setattr(os, "geteuid", lambda: 12_345)
    if (tmp_path / "kek").stat().st_uid == 0:  # root's files are everybody's to use: give it to somebody else
        os.chown(tmp_path / "kek", 54_321, -1)
    assert refused(tmp_path) == "kek_unsafe"


def test_a_kek_that_vanishes_while_it_is_looked_for_is_missing(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="hint: ") as error:
        read_private(tmp_path / "kek")
    assert error.value.code == "kek_missing"


def test_an_anchor_without_a_database_is_refused(tmp_path: Path) -> None:
    lay_foundation(tmp_path, INSTANCE, LOG).close()
    (tmp_path / "vault.db").unlink()
    assert refused(tmp_path) == "database_missing"


def test_a_keeper_that_comes_back_at_the_last_try_lets_the_vault_start(tmp_path: Path) -> None:
    make_kek(tmp_path / "kek")
    ring = KekRing(tmp_path, KekConfig(), LOG)
    (version,) = ring.entries
    answers = [KekUnavailableError("timeout", "slow"), KekUnavailableError("timeout", "slow"), None]
    ring._opened[version] = keeper = Away()
    pauses: list[float] = []

    def health() -> None:
        answer = answers.pop(0)
        if answer is not None:
            raise answer

    keeper.health = health  # type: ignore[method-assign]
    ring.await_keeper(version, pauses.append)
    assert (answers, pauses) == ([], [START_PAUSE_S, START_PAUSE_S])


def test_a_destruction_that_was_stopped_by_a_full_disk_is_finished_by_saying_it_again(tmp_path: Path) -> None:
    with Ring(tmp_path, approvals=Everything()) as ring:
        old = ring.ring.version
        ring.rotate()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sealgate.vault.kek_file.os.fsync", _disk_full)
            with pytest.raises(OSError, match="space"):
                ring.do(lambda changes: changes.destroy(old))
        assert [each.state for each in ring.report().items] == ["destroying", "current"]
        report = ring.do(lambda changes: changes.destroy(old))
        assert [each.state for each in report.items] == ["destroyed", "current"]
        assert ring.ring.destroy_key(old) is None


def _disk_full(*_words: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_change_that_is_asked_for_twice_at_once_is_done_once(tmp_path: Path) -> None:
    with Ring(tmp_path) as ring:
        Kept(ring.vault)
        ring.do(_twice)
        assert len(ring.report().items) == 2


async def _twice(changes: KekChanges) -> None:
    await asyncio.gather(changes.rotate(""), changes.rotate(""))


def test_a_stopped_vault_reports_its_ring_too(tmp_path: Path) -> None:
    with Ring(tmp_path) as ring:
        config, base = ring.vault.config, ring.vault.foundation
        assert asyncio.run(report_of(config.instance, base, LOG)) == ring.report()


def test_a_pepper_that_was_removed_or_never_made_is_told_apart(tmp_path: Path) -> None:
    with Ring(tmp_path) as ring:
        ((at, _credential, _key),) = Kept(ring.vault, organizations=1).keys
        with pytest.raises(LookupError):
            ring.vault.stores.peppers.pseudonym_key(new_id("org"), at.application)
        with ring.vault.foundation.database.transaction() as connection:
            connection.execute("DELETE FROM peppers")
        with pytest.raises(AlarmError):
            ring.vault.stores.peppers.pseudonym_key(at.organization, at.application)


def test_root_keys_have_no_text_form_and_no_copy() -> None:
    keys = RootKeys(secrets.token_bytes(32))
    assert repr(keys) == "<RootKeys>"
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(keys)


@pytest.mark.parametrize("statement", ["DELETE FROM root", "INSERT INTO root VALUES ('x', x'', x'', 'x')"])
def test_a_root_that_is_not_the_only_row_derives_nothing(tmp_path: Path, statement: str) -> None:
    with Ring(tmp_path) as ring:
        with ring.vault.foundation.database.transaction() as connection:
            connection.execute(statement)
        with pytest.raises(StartError, match="root row"):
            load_root(ring.vault.foundation.database, ring.ring, INSTANCE)


def look_refused(folder: Path) -> str:
    with pytest.raises(StartError, match="hint: ") as error:
        look_into(folder, INSTANCE, LOG, KekConfig())
    return error.value.code


def test_looking_into_a_stopped_vault_changes_nothing_but_the_lock(tmp_path: Path) -> None:
    with Ring(tmp_path) as ring:
        Kept(ring.vault)
    data = tmp_path / "data"
    before = {path.name: path.read_bytes() for path in data.iterdir()}
    look_into(data, INSTANCE, LOG, KekConfig()).close()
    assert {path.name: path.read_bytes() for path in data.iterdir()} == before


def test_looking_where_there_is_no_vault_makes_none(tmp_path: Path) -> None:
    assert look_refused(tmp_path) == "database_missing"
    assert not list(tmp_path.iterdir())


def test_looking_into_a_running_vault_is_refused(tmp_path: Path) -> None:
    with StillVault(tmp_path):
        assert look_refused(tmp_path / "data") == "folder_in_use"


def test_looking_as_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_foundation(tmp_path, INSTANCE, LOG).close()
    monkeypatch.setattr(os, "geteuid", lambda: 12_345)
    assert look_refused(tmp_path) == "other_user"


def test_looking_at_an_older_schema_upgrades_nothing(tmp_path: Path) -> None:
    with first_release():
        lay_foundation(tmp_path, INSTANCE, LOG).close()
    assert look_refused(tmp_path) == "schema_older"


def test_looking_while_the_ring_is_altered_is_refused(tmp_path: Path) -> None:
    with Ring(tmp_path) as ring, ring.vault.foundation.database.transaction() as connection:
        connection.execute("DELETE FROM keks")
    assert look_refused(tmp_path / "data") == "keks_damaged"
