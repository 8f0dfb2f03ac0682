"""The journal's promise: one outcome for every exchange, none lost, none twice."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import msgspec
import pytest

from sealgate.ids import new_id
from sealgate.log import Field, NullLog
from sealgate.messages.feed import Outcome, UsageRecord
from sealgate.proxy.epoch import Began, Epoch
from sealgate.proxy.errors import ProxyError
from sealgate.proxy.events import EVENTS
from sealgate.proxy.journal import Journal
from sealgate.proxy.segments import HEAD, Segment

LOG = NullLog(EVENTS)


def journal(folder: Path, segment_bytes: int = 16_384, segments: int = 8) -> Journal:
    return Journal(folder, segment_bytes, segments * segment_bytes, LOG)


def began(request: str = "req_1") -> Began:
    return Began(0, request, 1.0, "org_1", "app_1", "pseudonym", "chat.completions", "", "gpt", 10, 1024)


def usage(request: str = "req_1", outcome: Outcome = Outcome.COMPLETED) -> UsageRecord:
    return UsageRecord(
        0,
        request,
        1.0,
        "org_1",
        "app_1",
        "p",
        "chat.completions",
        "",
        "gpt",
        outcome,
        200,
        1,
        2,
        0,
        False,
        3,
        4,
    )


def exchange(of: Journal, request: str) -> None:
    of.settle(of.begin(began(request)), usage(request))


def die(of: Journal) -> None:
    """Leave the files as a killed process would."""
    for epoch in (*of.earlier, of.epoch):
        epoch.close(delete=False)
    os.close(of._lock)


def shipped(of: Journal) -> list[tuple[str, int, str, Outcome]]:
    """Ship everything, as the console would count it."""
    found = []
    while waiting := of.unshipped(3):
        epoch, records = waiting
        found += [(epoch, record.sequence, record.request, record.outcome) for record in records]
        of.counted(epoch, records[-1].sequence)
    return found


def test_settled_exchanges_are_shipped_in_sequence_and_once(tmp_path: Path) -> None:
    of = journal(tmp_path)
    for number in range(10):
        exchange(of, f"req_{number}")
    assert [(each[1], each[2]) for each in shipped(of)] == [(n + 1, f"req_{n}") for n in range(10)]
    assert of.unshipped(3) is None


def test_a_batch_that_is_not_counted_is_shipped_again(tmp_path: Path) -> None:
    of = journal(tmp_path)
    exchange(of, "req_1")
    assert of.unshipped(3) == of.unshipped(3)


def test_an_exchange_that_began_and_never_settled_is_lost_with_its_reservation(tmp_path: Path) -> None:
    of = journal(tmp_path)
    exchange(of, "req_1")
    of.begin(began("req_2"))
    die(of)
    again = journal(tmp_path)
    waiting = again.unshipped(10)
    assert waiting is not None
    assert [(each.request, each.outcome) for each in waiting[1]] == [
        ("req_1", Outcome.COMPLETED),
        ("req_2", Outcome.LOST),
    ]
    assert (waiting[1][1].output_tokens, waiting[1][1].estimated) == (1024, True)


def test_a_lost_exchange_is_lost_once_however_often_the_process_dies(tmp_path: Path) -> None:
    of = journal(tmp_path)
    of.begin(began("req_1"))
    for _ in range(3):
        die(of)
        of = journal(tmp_path)
    assert [(each[2], each[3]) for each in shipped(of)] == [("req_1", Outcome.LOST)]
    die(of)
    assert shipped(journal(tmp_path)) == []


def test_every_run_has_an_epoch_of_its_own(tmp_path: Path) -> None:
    of = journal(tmp_path)
    exchange(of, "req_1")
    die(of)
    again = journal(tmp_path)
    exchange(again, "req_2")
    (first, second) = shipped(again)
    assert first[0] != second[0]
    assert (first[1], second[1]) == (1, 1)


def test_segments_are_deleted_once_counted_and_never_before(tmp_path: Path) -> None:
    of = journal(tmp_path)
    for number in range(250):
        exchange(of, f"req_{number}")
        of.maintain()
    before = len(list(tmp_path.glob("*.segment")))
    assert before > 3
    assert len(shipped(of)) == 250
    assert len(list(tmp_path.glob("*.segment"))) == 2


def test_a_segment_with_a_running_exchange_stays_and_so_does_everything_after_it(tmp_path: Path) -> None:
    of = journal(tmp_path)
    running = of.begin(began("req_running"))
    for number in range(250):
        exchange(of, f"req_{number}")
        of.maintain()
    shipped(of)
    assert len(list(tmp_path.glob("*.segment"))) > 3
    of.settle(running, usage("req_running"))
    shipped(of)
    assert len(list(tmp_path.glob("*.segment"))) == 2


def test_a_run_that_is_wholly_counted_leaves_no_file(tmp_path: Path) -> None:
    of = journal(tmp_path)
    exchange(of, "req_1")
    shipped(of)
    of.close()
    assert not list(tmp_path.glob("*.segment"))


def test_runs_that_die_one_after_the_other_never_take_more_than_the_limit(tmp_path: Path) -> None:
    most, ended = 6, 0
    for _ in range(3 * most):
        of = journal(tmp_path, segments=most)
        if of.ready():
            exchange(of, f"req_{ended}")
            ended += 1
        of.maintain()
        assert len(list(tmp_path.glob("*.segment"))) <= most
        die(of)
    assert ended >= most - 1
    of = journal(tmp_path, segments=most)
    with pytest.raises(ProxyError, match="journal_unavailable"):
        of.begin(began("req_too_many"))
    assert len(shipped(of)) == ended
    exchange(of, "req_again")


def test_admission_stops_while_what_runs_can_still_settle(tmp_path: Path) -> None:
    of = journal(tmp_path, segments=3)
    running: list[int] = []
    while of.epoch.ready():
        running.append(of.begin(began(f"req_{len(running)}")))
        of.maintain()
    with pytest.raises(ProxyError, match="journal_unavailable"):
        of.begin(began("req_too_many"))
    for number in running:
        of.settle(number, usage())
    assert len(shipped(of)) == len(running)
    of.maintain()
    exchange(of, "req_after")


def test_operators_hear_that_it_fills_once_while_everything_is_admitted(tmp_path: Path) -> None:
    said: list[tuple[str, int]] = []

    def log(event: str, /, **fields: Field) -> None:
        said.append((event, int(fields["segments"] or 0)))

    filling = Journal(tmp_path, 16_384, 8 * 16_384, log)

    def fill_until(segments: int) -> None:
        while filling.segment_count < segments:
            exchange(filling, new_id("req"))
            filling.maintain()

    fill_until(6)
    assert said == [("journal_filling", 5)]
    shipped(filling)
    filling.maintain()
    fill_until(5)
    assert said == [("journal_filling", 5)] * 2
    filling.close()


def test_a_full_disk_refuses_admission_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of = journal(tmp_path)

    def full(*_arguments: object) -> Segment:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(Segment, "create", full)
    while of.epoch.ready():
        exchange(of, "req_before")
    with pytest.raises(ProxyError, match="journal_unavailable"):
        exchange(of, "req_too_many")
    monkeypatch.undo()
    of.maintain()
    exchange(of, "req_after")


def refuse_records(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object) -> Segment:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(Epoch, "_append", full)
    monkeypatch.setattr(Segment, "create", full)


def test_an_end_that_the_disk_refuses_is_kept_and_nothing_is_admitted_until_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = journal(tmp_path)
    number = of.begin(began("req_1"))
    refuse_records(monkeypatch)
    of.settle(number, usage("req_1"))
    assert not of.ready()
    with pytest.raises(ProxyError, match="journal_unavailable"):
        of.begin(began("req_2"))
    monkeypatch.undo()
    of.maintain()
    exchange(of, "req_2")
    assert [(each[2], each[3]) for each in shipped(of)] == [
        ("req_1", Outcome.COMPLETED),
        ("req_2", Outcome.COMPLETED),
    ]


def test_ends_that_the_disk_refuses_keep_their_order_and_the_sequences_that_were_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = journal(tmp_path)
    numbers = [of.begin(began(f"req_{each}")) for each in range(3)]
    told = []
    refuse_records(monkeypatch)
    for each in (2, 0, 1):
        if each == 1:
            monkeypatch.undo()  # the disk has room again, and nobody has looked yet
        told.append((of.next_sequence, f"req_{each}"))
        of.settle(numbers[each], usage(f"req_{each}"))
    of.maintain()
    assert of.ready()
    assert [each[1:3] for each in shipped(of)] == told == [(1, "req_2"), (2, "req_0"), (3, "req_1")]


def test_a_start_on_a_full_disk_keeps_what_was_lost_and_admits_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = journal(tmp_path)
    of.begin(began("req_1"))
    die(of)
    refuse_records(monkeypatch)
    again = journal(tmp_path)
    with pytest.raises(ProxyError, match="journal_unavailable"):
        again.begin(began("req_2"))
    monkeypatch.undo()
    again.maintain()
    assert again.ready()
    assert [(each[2], each[3]) for each in shipped(again)] == [("req_1", Outcome.LOST)]


@pytest.mark.parametrize("cut_bytes", [1, 7, 8, 9, 40])
def test_a_torn_record_at_the_end_is_as_if_it_was_never_written(tmp_path: Path, cut_bytes: int) -> None:
    of = journal(tmp_path)
    exchange(of, "req_1")
    end = of.epoch.segments[-1].end
    of.begin(began("req_torn"))
    torn_end = of.epoch.segments[-1].end
    path = of.epoch.segments[-1].path
    die(of)
    raw = bytearray(path.read_bytes())
    raw[end + cut_bytes : torn_end] = bytes(torn_end - end - cut_bytes)
    path.write_bytes(raw)
    assert [each[2] for each in shipped(journal(tmp_path))] == ["req_1"]


@pytest.mark.parametrize("offset", [HEAD.size, HEAD.size + 4, HEAD.size + 8, HEAD.size + 20])
def test_a_flipped_bit_ends_the_segment_and_not_the_process(tmp_path: Path, offset: int) -> None:
    of = journal(tmp_path)
    exchange(of, "req_1")
    path = of.epoch.segments[-1].path
    die(of)
    raw = bytearray(path.read_bytes())
    raw[offset] ^= 1
    path.write_bytes(raw)
    shipped(journal(tmp_path))


@pytest.mark.parametrize("content", [b"", bytes(100), b"no segment at all" * 10])
def test_a_file_that_is_no_segment_is_left_out(tmp_path: Path, content: bytes) -> None:
    tmp_path.joinpath("x.segment").write_bytes(content)
    exchange(journal(tmp_path), "req_1")


def test_a_record_holds_nothing_but_what_the_console_counts() -> None:
    allowed = {field.name for field in msgspec.structs.fields(UsageRecord)} | {"number", "charged"}
    assert {field.name for field in msgspec.structs.fields(Began)} <= allowed
