"""The audit as it is written: batches, paces, full disks, kills, age."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from sealgate.log import Kind
from sealgate.vault.audit_head import HeadFile
from sealgate.vault.audit_paces import DONE, NOT_AUDITED, REPEATED, pace_of
from sealgate.vault.audit_queue import ASKERS_LIMIT, AuditQueue
from sealgate.vault.audit_rows import AuditRows
from sealgate.vault.events import EVENTS
from sealgate.vault.faults import StorageError
from tests.vault.audits import DAY_S, StillAudit, edit, rows
from tests.vault.deployment import Clock

ROOT = Path(__file__).parents[2]


def test_what_is_not_audited_is_an_event_and_has_a_reason() -> None:
    assert set(NOT_AUDITED) <= set(EVENTS)
    assert all(NOT_AUDITED.values())


@pytest.mark.parametrize("event", sorted(set(EVENTS) - set(NOT_AUDITED)))
def test_every_other_event_is_audited_and_refusals_have_the_slower_pace(event: str) -> None:
    pace = pace_of(event)
    assert pace in {DONE, REPEATED}
    if "refused" in event or event.startswith("alarm_"):
        assert pace is REPEATED


@pytest.mark.parametrize("event", ["deposited", "revoked", "erased", "versions_changed", "ticket_issued"])
def test_what_was_done_has_the_faster_pace(event: str) -> None:
    assert pace_of(event) is DONE


def test_no_event_can_carry_a_text_into_the_audit() -> None:
    kinds = {kind for event in EVENTS.values() for kind in event.fields.values()}
    assert kinds <= {Kind.ID, Kind.NUMBER, Kind.FLAG, Kind.PATH}


def test_an_entry_has_the_events_fields_but_no_path(tmp_path: Path) -> None:
    with StillAudit(tmp_path) as still:
        still.log("kek_rotated", kek="file-b", before="file-a", path="/somewhere/kek")
        still.audit.flush()
        assert rows(still.path, "kek_rotated")[0][2] == {"kek": "file-b", "before": "file-a"}


def test_what_is_not_declared_reaches_neither_log_nor_audit(tmp_path: Path) -> None:
    with StillAudit(tmp_path) as still:
        with pytest.raises(KeyError):
            still.log("deposited", key="sk-secret")
        with pytest.raises(TypeError):
            still.log("deposited", credential="sk secret")
        still.log("refused_to_start", code="port_taken")
        still.audit.flush()
        assert {event for _, event, _ in rows(still.path)} == {"kek_made"}


def test_entries_go_on_where_an_earlier_run_stopped(tmp_path: Path) -> None:
    with StillAudit(tmp_path) as still:
        still.write(3)
        still.audit.close()
    with StillAudit(tmp_path) as again:
        again.write(2)
        assert [number for number, *_ in rows(again.path)] == list(range(1, 7))
        assert again.found() == []


def test_a_flood_of_refusals_is_bounded_in_rows_and_counted(tmp_path: Path) -> None:
    with StillAudit(tmp_path) as still:
        for _ in range(20_000):
            still.log("open_refused", code="no_credential", uid=1)
        still.log("open_refused", code="malformed", uid=1)
        still.log("revoked", credential="cred_x")
        assert len(still.queue) < 1_000
        still.audit.close()
        assert len(rows(still.path, "open_refused")) == REPEATED.at_once
        assert len(rows(still.path, "revoked")) == 1
        counted = {fields["code"]: fields["count"] for *_, fields in rows(still.path, "audit_counted")}
        assert counted == {"no_credential": 20_000 - REPEATED.at_once, "malformed": 1}


def test_one_who_floods_hides_no_refusal_of_another(tmp_path: Path) -> None:
    with StillAudit(tmp_path) as still:
        for _ in range(5_000):
            still.log("open_refused", code="no_credential", uid=1)
        for _ in range(3):
            still.log("open_refused", code="malformed", uid=2)
        still.audit.close()
        found = [fields["code"] for *_, fields in rows(still.path, "open_refused") if fields["uid"] == 2]
        assert found == ["malformed"] * 3
        counted = [(fields["uid"], fields["count"]) for *_, fields in rows(still.path, "audit_counted")]
        assert counted == [(1, 5_000 - REPEATED.at_once)]


def test_a_flood_under_ever_other_users_is_bounded_and_hides_no_other_event() -> None:
    clock = Clock()
    queue = AuditQueue(clock, limit=1_000_000)
    for number in range(20_000):
        queue.put("peer_refused", {"code": "user_unknown", "uid": number % 100})
    assert len(queue) == ASKERS_LIMIT * 200 + REPEATED.at_once
    queue.put("open_refused", {"code": "malformed", "uid": 5})
    assert queue.take(1_000_000)[-1].event == "open_refused"
    clock.now_s += 86_400
    for _ in range(200):
        queue.put("peer_refused", {"code": "user_unknown", "uid": 5_000})
    assert len(queue) == 200, "who is quiet again makes room for others"


def test_after_a_flood_refusals_are_written_singly_again(tmp_path: Path) -> None:
    with StillAudit(tmp_path) as still:
        for _ in range(600):
            still.log("open_refused", code="no_credential", uid=1)
        still.clock.now_s += 60
        still.log("open_refused", code="malformed", uid=1)
        still.audit.flush()
        assert rows(still.path, "open_refused")[-1][2]["code"] == "malformed"


def test_kinds_of_what_is_counted_are_bounded_too() -> None:
    queue = AuditQueue(Clock(), limit=0)
    for number in range(1_000):
        queue.put("open_refused", {"code": f"c{number}"})
    counted = queue.take_counted()
    assert len(counted) == 201
    assert sum(counted.values()) == 1_000
    assert queue.take_counted() == {}


def test_a_full_disk_lets_entries_wait_and_loses_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with StillAudit(tmp_path) as still:
        still.write(1)
        with monkeypatch.context() as patch:
            patch.setattr(AuditRows, "add", _storage_fails)
            still.write(5)
            still.write(5)
            still.audit.close()
        assert still.lines.getvalue().count("audit_behind") == 1
        assert len(rows(still.path, "deposited")) == 1
        still.audit.flush()
        assert len(rows(still.path, "deposited")) == 11
        assert len(rows(still.path, "audit_behind")) == 1
        assert still.found() == []


def test_a_disk_that_stays_full_does_not_fill_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with StillAudit(tmp_path, limit=50) as still:
        still.audit.flush()
        with monkeypatch.context() as patch:
            patch.setattr(AuditRows, "add", _storage_fails)
            still.write(500)
            assert len(still.queue) == 50
            still.audit._tell_counted()  # waits for room, or the count itself would be lost
        still.audit.flush()
        still.audit.close()
        (counted,) = [each for *_, each in rows(still.path, "audit_counted") if each["of"] == "deposited"]
        assert counted["count"] + len(rows(still.path, "deposited")) == 500


def test_a_head_that_cannot_be_written_stops_nothing_and_is_caught_up_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with StillAudit(tmp_path) as still:
        still.write(1)
        before = still.head.read_bytes()
        with monkeypatch.context() as patch:
            patch.setattr(HeadFile, "write", _disk_full)
            still.write(3)
        assert still.head.read_bytes() == before
        assert still.found() == []
        assert "audit_behind error=OSError" in still.lines.getvalue()
        still.write(1)
        assert still.head.read_bytes() != before
        assert still.found() == []


def test_an_anchor_that_cannot_be_written_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with StillAudit(tmp_path) as still:
        still.write(1)
        monkeypatch.setattr("sealgate.vault.audit.bear_witness", _disk_full)
        still.audit.close()
        assert len(rows(still.path, "deposited")) == 1


def test_a_start_on_a_database_that_cannot_be_read_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with StillAudit(tmp_path) as still:
        with monkeypatch.context() as patch:
            patch.setattr(AuditRows, "newest", _storage_fails)
            still.write(2)
        still.audit.flush()
        assert len(rows(still.path, "deposited")) == 2


def test_threads_may_log(tmp_path: Path) -> None:
    with StillAudit(tmp_path) as still:

        def deposit() -> None:
            for _ in range(200):
                still.log("deposited", version=1)

        threads = [threading.Thread(target=deposit) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        still.audit.flush()
        assert len(rows(still.path, "deposited")) == 800


async def test_what_was_done_is_written_at_once_and_not_only_with_the_next_batch(tmp_path: Path) -> None:
    with StillAudit(tmp_path) as still:
        task = asyncio.create_task(still.audit.run())
        await _until(lambda: bool(rows(still.path, "kek_made")))
        began = asyncio.get_running_loop().time()
        still.log("revoked", credential="cred_x")
        await _until(lambda: bool(rows(still.path, "revoked")))
        assert asyncio.get_running_loop().time() - began < 0.9  # a batch is due each second
        await _cancelled(task)
        still.log("revoked", credential="cred_y")
        still.audit.close()
        assert len(rows(still.path, "revoked")) == 2


async def test_entries_that_are_too_old_are_removed_and_the_rest_still_holds_together(tmp_path: Path) -> None:
    with StillAudit(tmp_path, days=10) as still:
        still.write(700)
        still.clock.now_s += 11 * DAY_S
        still.write(5)
        await _tidied(still)
        assert [number for number, *_ in rows(still.path, "deposited")] == list(range(702, 707))
        assert still.found() == []
    with StillAudit(tmp_path, days=10) as again:
        again.clock.now_s += 11 * DAY_S
        again.write(1)
        assert again.found() == []


async def test_if_all_are_too_old_numbers_go_on_all_the_same(tmp_path: Path) -> None:
    with StillAudit(tmp_path, days=10) as still:
        still.write(3)
        still.clock.now_s += 11 * DAY_S
        await _tidied(still)
        assert rows(still.path) == []
        still.write(1)
        assert [number for number, *_ in rows(still.path)] == [5]
        assert still.found() == []


async def test_killed_between_the_head_and_the_removal_it_is_whole_and_removed_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with StillAudit(tmp_path, days=10) as still:
        still.write(3)
        still.clock.now_s += 11 * DAY_S
        still.write(2)
        with monkeypatch.context() as patch:
            patch.setattr(AuditRows, "keep", _storage_fails)
            await _tidied(still)
        assert still.found() == []
    with StillAudit(tmp_path, days=10) as again:
        again.clock.now_s += 11 * DAY_S
        assert again.found() == []
        await _tidied(again)
        assert len(rows(again.path, "deposited")) == 2
        assert again.found() == []


async def test_an_edited_row_among_the_old_ones_does_not_keep_them(tmp_path: Path) -> None:
    with StillAudit(tmp_path, days=10) as still:
        still.write(4)
        edit(still.path, "UPDATE audit SET at = 4e9 WHERE number = 3")
        still.clock.now_s += 11 * DAY_S
        still.write(1)
        await _tidied(still)
        assert len(rows(still.path, "deposited")) == 1


async def test_what_somebody_changed_is_an_alarm_of_the_running_vault(tmp_path: Path) -> None:
    with StillAudit(tmp_path) as still:
        still.write(5)
        still.audit.close()
        edit(still.path, "DELETE FROM audit WHERE number = 3")
    with StillAudit(tmp_path) as again:
        task = asyncio.create_task(again.audit.run())
        await _until(lambda: "alarm_audit code=missing number=3 count=1" in again.lines.getvalue())
        await _cancelled(task)


async def test_the_daily_look_finds_nothing_where_nothing_is(tmp_path: Path) -> None:
    with StillAudit(tmp_path) as still:
        still.write(5)
        await still.audit._look_through()
        assert "alarm" not in still.lines.getvalue()


PROGRAM = """
import sys
from pathlib import Path
from tests.vault.audits import StillAudit
with StillAudit(Path(sys.argv[1])) as still:
    while True:
        still.write(7)
        print("written", flush=True)
"""


@pytest.mark.parametrize("batches", [1, 3, 8])
def test_killed_between_two_batches_or_in_one_it_is_whole(tmp_path: Path, batches: int) -> None:
    argv = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(batches):
            assert process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    with StillAudit(tmp_path) as again:
        assert again.found() == []
        written = len(rows(again.path, "deposited"))
        assert written >= 7 * batches
        assert written % 7 == 0
        again.write(1)
        assert again.found() == []


async def _tidied(still: StillAudit) -> None:
    still.audit._due.clear()
    await still.audit._keep_house()


async def _until(held: Any) -> None:
    async with asyncio.timeout(10):
        while not held():
            await asyncio.sleep(0.005)


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _disk_full(*_args: object) -> None:
    raise OSError(28, "No space left on device")


def _storage_fails(*_args: object) -> Any:
    raise StorageError("OperationalError")


@pytest.mark.parametrize("turns", range(8))
async def test_what_is_woken_and_told_to_end_in_the_same_moment_ends(tmp_path: Path, turns: int) -> None:
    with StillAudit(tmp_path) as still:
        running = asyncio.create_task(still.audit.run())
        while not still.audit._awake._waiters:  # until it waits for work
            await asyncio.sleep(0.01)
        still.log("deposited", version=1)
        for _ in range(turns):
            await asyncio.sleep(0)
        running.cancel()
        _, late = await asyncio.wait({running}, timeout=2)
        assert not late
