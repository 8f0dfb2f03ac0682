"""KEKs that change while the vault works: every row follows, and no kill leaves one behind unreadable."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sealgate.messages.frames import RefusedError
from sealgate.vault import rewrapping
from sealgate.vault.database import Database
from sealgate.vault.faults import StartError
from sealgate.vault.keks import CURRENT, DESTROYED, LIVE
from tests.vault.keks import Everything, Kept, Ring
from tests.vault.still import StillVault

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rewrapping, "BATCH_ROWS", 2)


def states(ring: Ring) -> list[str]:
    return [each.state for each in ring.report().items]


def test_after_a_rotation_everything_is_wrapped_by_the_new_version_and_opens(tmp_path: Path) -> None:
    with Ring(tmp_path) as ring:
        kept = Kept(ring.vault)
        before = ring.ring.version
        report = ring.rotate()
        assert report.left == 0
        assert set(ring.counts()) == {ring.ring.version}
        assert ring.ring.version != before
        assert states(ring) == [LIVE, CURRENT]
    with StillVault(tmp_path) as again:
        assert kept.all_open(again)
        assert again.foundation.kek.version == report.items[1].version


def test_the_first_kek_keeps_its_name_and_later_ones_carry_their_version(tmp_path: Path) -> None:
    with Ring(tmp_path) as ring:
        ring.rotate()
        files = {path.name for path in (tmp_path / "data").iterdir() if "kek" in path.name}
        assert files == {"kek", f"kek.{ring.ring.version}"}


def test_a_key_that_comes_in_during_a_rotation_is_wrapped_by_the_new_version(tmp_path: Path) -> None:
    with Ring(tmp_path) as ring:
        Kept(ring.vault)
        ring.rotate()
        later = Kept(ring.vault, organizations=1)
        assert set(ring.counts()) == {ring.ring.version}
        assert later.all_open(ring.vault)


class PowerCut(KeyboardInterrupt):
    """The machine is gone; nothing after this runs."""


@contextmanager
def cut_after(steps: int, *, committed: bool) -> Iterator[list[int]]:
    """The power goes in the n-th transaction from now: just before its commit, or just after."""
    seen = [0]
    whole = Database.transaction

    @contextmanager
    def counted(database: Database) -> Iterator[object]:
        seen[0] += 1
        with whole(database) as connection:
            yield connection
            if seen[0] == steps and not committed:
                raise PowerCut
        if seen[0] == steps and committed:
            raise PowerCut

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Database, "transaction", counted)
        yield seen


@pytest.mark.parametrize("committed", [False, True], ids=["before the commit", "after the commit"])
def test_the_power_may_go_in_every_transaction_of_a_rotation(tmp_path: Path, committed: bool) -> None:
    for step in range(1, 100):
        folder = tmp_path / str(step)
        with Ring(folder) as ring:
            kept = Kept(ring.vault, organizations=2)
            try:
                with cut_after(step, committed=committed):
                    ring.rotate()
            except PowerCut:
                finished = False
            else:
                finished = True
        with Ring(folder) as again:
            assert kept.all_open(again.vault)
            assert again.resume().left == 0
            assert set(again.counts()) == {again.ring.version}
            assert kept.all_open(again.vault)
        if finished:
            break
    assert step > 4, "there were fewer transactions than a rotation has"


PLACES = {
    "before the new KEK's file": "sealgate.vault.kek_ring.add_file_kek",
    "while its file is written": "sealgate.vault.kek_file.os.link",
    "before it is tried out": "sealgate.vault.kek_ring.KekRing.wrap_under",
    "between database and anchor": "sealgate.vault.anchor.Anchor.append",
    "before the first row": "sealgate.vault.rewrapping.Rewrapping._root",
    "before the log is emptied": "sealgate.vault.database.Database.forget",
}


def _cut(*_args: object, **_options: object) -> None:
    raise PowerCut


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_the_power_may_go_between_the_steps_of_a_rotation(tmp_path: Path, place: str) -> None:
    with Ring(tmp_path) as ring:
        kept = Kept(ring.vault)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(place, _cut)
            with pytest.raises(PowerCut):
                ring.rotate()
    with Ring(tmp_path) as again:
        assert kept.all_open(again.vault)
        again.resume()
        again.rotate()
        assert len(states(again)) in {2, 3}
        assert set(again.counts()) == {again.ring.version}
    with StillVault(tmp_path) as last:
        assert kept.all_open(last)


def test_a_kek_that_a_rotation_left_unused_is_used_by_the_next(tmp_path: Path) -> None:
    with Ring(tmp_path) as ring, pytest.MonkeyPatch.context() as patch:
        patch.setattr("sealgate.vault.kek_ring.KekRing.wrap_under", _cut)
        with pytest.raises(PowerCut):
            ring.rotate()
    with Ring(tmp_path) as again:
        again.rotate()
    assert len([path for path in (tmp_path / "data").iterdir() if "kek" in path.name]) == 2


PROGRAM = """
import sys
from pathlib import Path
from sealgate.vault import rewrapping
from tests.vault.keks import Ring
rewrapping.BATCH_ROWS = 1
with Ring(Path(sys.argv[1])) as ring:
    ring.log.write = lambda text: print(text.split()[3], flush=True)
    ring.resume()
    while True:
        ring.rotate()
"""


@pytest.mark.parametrize("lines", [1, 2, 3, 4, 5, 8, 13])
def test_killed_in_full_rotation_everything_opens_and_the_next_start_goes_on(
    tmp_path: Path, lines: int
) -> None:
    with StillVault(tmp_path) as vault:
        kept = Kept(vault, organizations=4)
    argv = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(lines):
            assert process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    with Ring(tmp_path) as again:
        assert kept.all_open(again.vault)
        assert again.resume().left == 0
        assert kept.all_open(again.vault)


def test_a_full_disk_pauses_a_rotation_which_then_goes_on_by_itself(tmp_path: Path) -> None:
    with Ring(tmp_path) as ring:
        kept = Kept(ring.vault)
        fails = iter([True, True, False])
        batch = rewrapping.Rewrapping._batch

        async def full(self: rewrapping.Rewrapping, *words: object) -> int:
            if next(fails, False):
                raise OSError(28, "No space left on device")
            return await batch(self, *words)  # type: ignore[arg-type]

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(rewrapping.Rewrapping, "_batch", full)
            report = ring.rotate()
        assert ring.log.getvalue().count("kek_rewrapping_paused error=OSError") == 2
        assert (report.left, report.fault) == (0, "")
        assert kept.all_open(ring.vault)


def test_a_full_disk_before_the_new_kek_is_current_changes_nothing(tmp_path: Path) -> None:
    with Ring(tmp_path) as ring:
        before = ring.ring.version
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sealgate.vault.kek_file.os.fsync", _disk_full)
            with pytest.raises(OSError, match="space"):
                ring.rotate()
        assert ring.ring.version == before
        assert states(ring) == [CURRENT]
        assert not [path.name for path in (tmp_path / "data").iterdir() if path.name.startswith("new-")]


def _disk_full(*_args: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_row_that_does_not_verify_is_not_sealed_anew_by_a_rotation(tmp_path: Path) -> None:
    with Ring(tmp_path) as ring:
        Kept(ring.vault)
        with ring.vault.foundation.database.transaction() as connection:
            connection.execute("UPDATE peppers SET ciphertext = x'00' WHERE rowid = 1")
        old = ring.ring.version
        report = ring.rotate()
        assert report.left == 1
        assert ring.counts()[old] == 1
        assert "alarm_row table=peppers" in ring.log.getvalue()


def test_repeating_an_interrupted_rotation_finishes_it_and_makes_no_third_version(tmp_path: Path) -> None:
    with Ring(tmp_path) as ring:
        Kept(ring.vault)
        with cut_after(4, committed=True), pytest.raises(PowerCut):
            ring.rotate()
    with Ring(tmp_path) as again:
        report = again.rotate()
        assert len(report.items) == 2
        assert report.left == 0


def test_destroying_needs_two_administrators(tmp_path: Path) -> None:
    with Ring(tmp_path) as ring:
        old = ring.ring.version
        ring.rotate()
        with pytest.raises(RefusedError, match="too_few_administrators"):
            ring.do(lambda changes: changes.destroy(old))
        assert (tmp_path / "data" / "kek").exists()


def test_a_version_that_wraps_something_is_not_destroyed(tmp_path: Path) -> None:
    with Ring(tmp_path, approvals=Everything()) as ring:
        Kept(ring.vault)
        old = ring.ring.version
        with pytest.raises(RefusedError, match="kek_in_use"):
            ring.do(lambda changes: changes.destroy(old))
        with cut_after(2, committed=True), pytest.raises(PowerCut):
            ring.rotate()
        with pytest.raises(RefusedError, match="kek_in_use"):
            ring.do(lambda changes: changes.destroy(old))


@pytest.mark.parametrize("version", ["", "file-0000000000000000", "../kek"])
def test_a_version_that_there_is_not_is_not_destroyed(tmp_path: Path, version: str) -> None:
    with Ring(tmp_path, approvals=Everything()) as ring, pytest.raises(RefusedError, match="kek_unknown"):
        ring.do(lambda changes: changes.destroy(version))


def test_a_destroyed_kek_is_gone_and_a_backup_from_before_opens_no_more(tmp_path: Path) -> None:
    approvals = Everything()
    with Ring(tmp_path, approvals=approvals) as ring:
        kept = Kept(ring.vault)
        ring.vault.foundation.database.forget()
        backup = (tmp_path / "data" / "vault.db").read_bytes()
        old = ring.ring.version
        ring.rotate()
        ring.do(lambda changes: changes.destroy(old))
        assert approvals.asked == [f"kek.destroy:{old}"]
        assert states(ring) == [DESTROYED, CURRENT]
        assert ring.report().items[0].health == "gone"
        assert not (tmp_path / "data" / "kek").exists()
        assert kept.all_open(ring.vault)
    with StillVault(tmp_path) as again:
        assert kept.all_open(again)
    for path in (tmp_path / "data").glob("vault.db*"):
        path.unlink()
    (tmp_path / "data" / "vault.db").write_bytes(backup)
    (tmp_path / "data" / "vault.db").chmod(0o600)
    (tmp_path / "data" / "anchor").unlink()
    with pytest.raises(StartError, match="hint") as refused:
        StillVault(tmp_path)
    assert refused.value.code == "wrong_kek"


DESTROYING_PLACES = {
    "before the key": "sealgate.vault.kek_ring.KekRing.destroy_key",
    "while its file is wiped": "sealgate.vault.kek_file.os.fsync",
    "before it is noted": "sealgate.vault.kek_ring.KekRing.forget",
}


@pytest.mark.parametrize("place", DESTROYING_PLACES.values(), ids=DESTROYING_PLACES)
def test_a_destruction_that_broke_off_is_finished_by_the_next_start(tmp_path: Path, place: str) -> None:
    with Ring(tmp_path, approvals=Everything()) as ring:
        kept = Kept(ring.vault)
        old = ring.ring.version
        ring.rotate()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(place, _cut)
            with pytest.raises(PowerCut):
                ring.do(lambda changes: changes.destroy(old))
    with Ring(tmp_path) as again:
        again.resume()
        assert states(again) == [DESTROYED, CURRENT]
        assert not (tmp_path / "data" / "kek").exists()
        assert kept.all_open(again.vault)


def test_an_old_row_of_the_ring_put_back_is_refused_at_start(tmp_path: Path) -> None:
    with Ring(tmp_path) as ring:
        old = list(ring.vault.foundation.database._driver.execute("SELECT * FROM keks"))
        ring.rotate()
        with ring.vault.foundation.database.transaction() as connection:
            connection.execute("DELETE FROM keks")
            connection.execute("INSERT INTO keks VALUES (?, ?, ?, ?, ?, ?)", old[0])
    with pytest.raises(StartError) as refused:
        StillVault(tmp_path)
    assert refused.value.code == "keks_damaged"


def test_an_edited_row_of_the_ring_is_refused_at_start(tmp_path: Path) -> None:
    with Ring(tmp_path) as ring, ring.vault.foundation.database.transaction() as connection:
        connection.execute("UPDATE keks SET made_at = 1")
    with pytest.raises(StartError) as refused:
        StillVault(tmp_path)
    assert refused.value.code == "keks_damaged"


def test_the_file_of_the_current_kek_must_be_there(tmp_path: Path) -> None:
    with Ring(tmp_path) as ring:
        ring.rotate()
        (tmp_path / "data" / f"kek.{ring.ring.version}").unlink()
    with pytest.raises(StartError) as refused:
        StillVault(tmp_path)
    assert refused.value.code == "wrong_kek"


def test_a_kek_under_another_ones_name_is_refused(tmp_path: Path) -> None:
    with Ring(tmp_path) as ring:
        ring.rotate()
        here = tmp_path / "data" / f"kek.{ring.ring.version}"
        here.rename(tmp_path / "data" / "kek.file-0123456789abcdef")
    with pytest.raises(StartError) as refused:
        StillVault(tmp_path)
    assert refused.value.code == "kek_malformed"
