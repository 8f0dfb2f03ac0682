"""Whoever writes vault.db, or the head beside it, cannot change what the audit says without being found."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sealgate.vault.audit_rows import parse_link
from sealgate.vault.auditing import check_stopped
from sealgate.vault.schema import AUDIT
from tests.vault.audits import StillAudit, edit, rows

_EDITS = {
    "number": "UPDATE audit SET number = 4000 WHERE number = 4",
    "at": "UPDATE audit SET at = at + 1 WHERE number = 4",
    "event": "UPDATE audit SET event = 'revoked' WHERE number = 4",
    "details": "UPDATE audit SET details = replace(details, '3', '4') WHERE number = 4",
    "before": "UPDATE audit SET before = zeroblob(32) WHERE number = 4",
    "mac": "UPDATE audit SET mac = zeroblob(32) WHERE number = 4",
}


def stopped(folder: Path, entries: int = 9) -> Path:
    """A vault that wrote some entries and stopped; gives its database."""
    with StillAudit(folder) as still:
        still.write(entries - 1)  # the very first says that a KEK was made
        still.audit.close()
        return still.path


def found(folder: Path, noted: str = "") -> list[tuple[str, int, int]]:
    """What a check finds before the vault goes on."""
    with StillAudit(folder) as still:
        return still.found(noted)


def test_what_nobody_touched_is_whole(tmp_path: Path) -> None:
    stopped(tmp_path)
    assert found(tmp_path) == []


def test_every_column_has_its_edit() -> None:
    assert set(_EDITS) == set(AUDIT.columns)


@pytest.mark.parametrize("column", _EDITS)
def test_an_edit_of_any_column_is_found(tmp_path: Path, column: str) -> None:
    path = stopped(tmp_path)
    edit(path, _EDITS[column])
    faults = found(tmp_path)
    assert faults
    assert ("changed", 4, 4) in faults or ("missing", 4, 4) in faults


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("DELETE FROM audit WHERE number = 5", ("missing", 5, 5)),
        ("DELETE FROM audit WHERE number IN (4, 5, 6)", ("missing", 4, 6)),
        ("DELETE FROM audit WHERE number <= 2", ("missing", 1, 2)),
        ("DELETE FROM audit WHERE number >= 8", ("cut_off", 8, 9)),
        ("DELETE FROM audit", ("cut_off", 1, 9)),
    ],
    ids=["one", "some", "the first", "the last", "all"],
)
def test_a_removal_is_found_wherever_it_is(
    tmp_path: Path, statement: str, fault: tuple[str, int, int]
) -> None:
    edit(stopped(tmp_path), statement)
    assert found(tmp_path) == [fault]


def test_two_entries_in_the_other_order_are_found(tmp_path: Path) -> None:
    path = stopped(tmp_path)
    edit(
        path,
        "UPDATE audit SET number = -1 WHERE number = 4",
        "UPDATE audit SET number = 4 WHERE number = 5",
        "UPDATE audit SET number = 5 WHERE number = -1",
    )
    assert found(tmp_path) == [("changed", 4, 4), ("changed", 5, 5)]


@pytest.mark.parametrize("number", [-3, 0, 10, 5_000, 2**63 - 1])
def test_a_planted_entry_is_found_and_removed_by_whoever_accepts_it(tmp_path: Path, number: int) -> None:
    path = stopped(tmp_path)
    plant = f"INSERT INTO audit SELECT {number}, at, event, details, before, mac FROM audit WHERE number = 4"
    edit(path, plant)
    assert ("changed", number, number) in found(tmp_path)
    with StillAudit(tmp_path) as still:
        still.write(3)
        accept(still)
        assert still.found() == []
        assert len(rows(path, "deposited")) == 11


def test_genuine_rows_of_two_histories_do_not_hold_together(tmp_path: Path) -> None:
    path = stopped(tmp_path)
    fork = tmp_path / "fork"
    shutil.copytree(path.parent, fork / "data")
    for folder, moment in ((tmp_path, 1.0), (fork, 2.0)):
        with StillAudit(folder) as still:
            still.clock.now_s += moment
            still.write(4)
    edit(
        path,
        f"ATTACH '{fork / 'data' / 'vault.db'}' AS b",
        "INSERT OR REPLACE INTO audit SELECT * FROM b.audit WHERE number = 11",
    )
    assert found(tmp_path) == [("apart", 11, 11), ("apart", 12, 12)]


def test_a_whole_other_history_is_not_the_one_that_the_head_knows(tmp_path: Path) -> None:
    path = stopped(tmp_path)
    fork = tmp_path / "fork"
    shutil.copytree(path.parent, fork / "data")
    for folder, moment in ((tmp_path, 1.0), (fork, 2.0)):
        with StillAudit(folder) as still:
            still.clock.now_s += moment
            still.write(4)
    edit(
        path,
        f"ATTACH '{fork / 'data' / 'vault.db'}' AS b",
        "INSERT OR REPLACE INTO audit SELECT * FROM b.audit",
    )
    assert found(tmp_path) == [("rewritten", 13, 13)]


def test_after_a_cut_the_vault_goes_on_behind_the_gap_which_stays_visible(tmp_path: Path) -> None:
    edit(stopped(tmp_path), "DELETE FROM audit WHERE number >= 7")
    with StillAudit(tmp_path) as still:
        still.write(2)
        assert [number for number, *_ in rows(still.path)][-2:] == [10, 11]
        assert still.found() == [("missing", 7, 9)]
    assert found(tmp_path) == [("missing", 7, 9)]


def test_a_cut_of_the_table_and_an_older_head_are_found_by_the_anchors_word(tmp_path: Path) -> None:
    path = stopped(tmp_path, 5)
    older = (path.parent / "audit-head").read_bytes()
    with StillAudit(tmp_path) as still:
        still.write(4)
        still.audit.close()
    edit(path, "DELETE FROM audit WHERE number > 5")
    (path.parent / "audit-head").write_bytes(older)
    assert found(tmp_path) == [("cut_off", 6, 9)]


@pytest.mark.parametrize("left", [None, b"", b"1:ab 2:cd ef\n", b"\xff\xfe", b"a b c\n"], ids=str)
def test_a_head_that_is_gone_or_altered_is_an_alarm_for_good(tmp_path: Path, left: bytes | None) -> None:
    path = stopped(tmp_path)
    _replace(path.parent / "audit-head", left)
    assert found(tmp_path) == [("no_head", 9, 9)]
    with StillAudit(tmp_path) as still:
        still.write(1)
        assert "alarm_audit code=no_head number=9" in still.lines.getvalue()
    with StillAudit(tmp_path) as again:
        again.audit.flush()
        assert again.found() == [("no_head", 11, 11)]


def test_a_head_of_another_vault_is_none(tmp_path: Path) -> None:
    path = stopped(tmp_path)
    other = stopped(tmp_path / "other")
    shutil.copyfile(other.parent / "audit-head", path.parent / "audit-head")
    assert found(tmp_path) == [("no_head", 9, 9)]


def test_with_every_row_and_the_head_gone_the_anchor_still_knows(tmp_path: Path) -> None:
    path = stopped(tmp_path)
    edit(path, "DELETE FROM audit")
    (path.parent / "audit-head").unlink()
    assert ("cut_off", 1, 9) in found(tmp_path)
    with StillAudit(tmp_path) as still:
        still.write(1)
        assert rows(still.path)[0][0] == 10


def test_after_a_lost_head_the_chain_begins_at_its_oldest_entry(tmp_path: Path) -> None:
    path = stopped(tmp_path)
    edit(path, "UPDATE audit SET at = 0 WHERE number = 1")
    (path.parent / "audit-head").unlink()
    with StillAudit(tmp_path) as still:
        still.write(1)
        assert ("changed", 1, 1) in still.found()


def test_a_piece_of_damaged_entries_is_no_beginning(tmp_path: Path) -> None:
    path = stopped(tmp_path, 250)
    edit(path, "UPDATE audit SET at = 0 WHERE number <= 210")
    (path.parent / "audit-head").unlink()
    with StillAudit(tmp_path) as still:
        still.write(1)
        assert ("changed", 210, 210) not in still.found()  # the first hundred findings are shown
        assert [number for number, *_ in rows(path)][-1] == 252


def test_a_stopped_vaults_files_are_checked_without_a_running_one(tmp_path: Path) -> None:
    path = stopped(tmp_path)
    with StillAudit(tmp_path) as still:
        assert check_stopped(path.parent, still.base, "").findings == ()
        edit(path, "DELETE FROM audit WHERE number = 4")
        (finding,) = check_stopped(path.parent, still.base, "").findings
        assert (finding.fault, finding.number) == ("missing", 4)


def test_a_damaged_end_is_not_written_over(tmp_path: Path) -> None:
    path = stopped(tmp_path)
    with StillAudit(tmp_path) as still:
        still.write(3)
    edit(path, "UPDATE audit SET at = 0 WHERE number = 12")
    with StillAudit(tmp_path) as again:
        again.write(1)
        assert again.found() == [("changed", 12, 12)]


def test_an_end_that_was_noted_elsewhere_must_be_there(tmp_path: Path) -> None:
    path = stopped(tmp_path)
    with StillAudit(tmp_path) as still:
        examination = still.audit.examine()
        list(examination.pieces())
        noted = examination.end.text()
        still.write(2)
        assert still.found(noted) == []
        wrong = noted[:-1] + ("0" if noted[-1] != "0" else "1")
        assert still.found(wrong) == [("not_as_noted", 9, 9)]
        assert still.found("99:" + "ab" * 32) == [("cut_off", 12, 99)]
    assert parse_link(noted).number == 9
    assert path.exists()


def test_what_an_operator_accepted_is_no_finding_and_everything_else_still_is(tmp_path: Path) -> None:
    edit(stopped(tmp_path), "DELETE FROM audit WHERE number IN (4, 5)")
    with StillAudit(tmp_path) as still:
        accept(still)
        assert still.found() == []
        examination = still.audit.examine()
        list(examination.pieces())
        assert examination.accepted == 1
        accepted = rows(still.path, "audit_accepted")[0][2]
        assert accepted == {"code": "missing", "number": 4, "until": 5, "uid": 7}
        edit(still.path, "DELETE FROM audit WHERE number = 6")
        assert still.found() == [("missing", 4, 6)]


def test_a_planted_acceptance_accepts_nothing(tmp_path: Path) -> None:
    path = stopped(tmp_path)
    plant = """INSERT INTO audit SELECT 10, at, 'audit_accepted',
        '{"code":"missing","number":4,"until":4,"uid":0}', before, mac FROM audit WHERE number = 9"""
    edit(path, "DELETE FROM audit WHERE number = 4", plant)
    assert ("missing", 4, 4) in found(tmp_path)


def test_findings_are_bounded(tmp_path: Path) -> None:
    path = stopped(tmp_path, 400)
    edit(path, "UPDATE audit SET at = 0")
    assert len(found(tmp_path)) == 100


def accept(still: StillAudit) -> None:
    examination = still.audit.examine()
    list(examination.pieces())
    still.audit.accept(examination.findings, uid=7)


def _replace(path: Path, content: bytes | None) -> None:
    path.unlink()
    if content is not None:
        path.write_bytes(content)


def test_of_deposits_only_genuine_entries_that_name_the_subject_itself_are_told(tmp_path: Path) -> None:
    with StillAudit(tmp_path) as still:
        for version in (1, 2, 3):
            still.log(
                "deposited",
                organization="org_one",
                application="app_one",
                credential=f"cred_{version}",
                version=version,
                replaced=False,
                staged=False,
                told=0,
            )
        still.audit.flush()
        edit(still.path, "UPDATE audit SET details = replace(details, 'cred_2', 'cred_9') WHERE number = 3")
        assert [each.credential for each in still.audit.rows.deposits_of("app_one")] == ["cred_3", "cred_1"]
        assert list(still.audit.rows.deposits_of("app_")) == [], "a part of a name is no name"
