"""What the doctor says of erasures: due, past their day, or ordered and not answered."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sealgate.console.database import migrate
from sealgate.doctor.erasures import NEAR_S, UNANSWERED_S, erasures
from sealgate.doctor.findings import Case, Finding, State
from sealgate.ids import new_id
from sealgate.settings import Settings, parse
from tests.vault.keks import Everything, Kept, Ring

BEGAN, FINAL_BY = 1_000_000.0, 4_000_000.0


def erased(tmp_path: Path, *, destroyed: bool = False) -> Settings:
    """A stopped installation with one erasure; with `destroyed`, the KEK of its time is gone."""
    with Ring(tmp_path, approvals=Everything()) as ring:
        Kept(ring.vault)
        if destroyed:
            old = ring.ring.version
            ring.rotate()
            ring.do(lambda changes: changes.destroy(old))
    (tmp_path / "data").rename(tmp_path / "vault")
    with closing(sqlite3.connect(tmp_path / "vault" / "vault.db")) as database:
        last = database.execute("SELECT max(coalesce(destroyed_at, made_at)) FROM keks").fetchone()[0]
        database.execute(
            "INSERT INTO erasures VALUES (?, 'credential', ?, ?, ?, ?, ?, ?, ?, 0, x'00')",
            (new_id("rcpt"), new_id("cred"), new_id("org"), new_id("app"), BEGAN, BEGAN, FINAL_BY, BEGAN),
        )
        database.execute("UPDATE keks SET made_at = 1, destroyed_at = min(destroyed_at, ?)", (BEGAN + 1,))
        database.execute("UPDATE keks SET made_at = ? WHERE state = 'current'", (BEGAN + 1,))
        if not destroyed:
            database.execute("UPDATE keks SET made_at = 1")
        database.commit()
    assert last is not None
    return parse({"data_dir": str(tmp_path)}, "test")


def looked_at(settings: Settings, now_s: float) -> list[Finding]:
    return list(erasures(Case(settings, now_s, False)))


@pytest.mark.parametrize(
    ("now_s", "state"),
    [
        (FINAL_BY - NEAR_S - 1, State.OK),
        (FINAL_BY - NEAR_S + 1, State.WARNING),
        (FINAL_BY + 1, State.PROBLEM),
    ],
)
def test_an_erasure_that_is_due_or_past_its_day_is_said_with_what_it_waits_for(
    tmp_path: Path, now_s: float, state: State
) -> None:
    (found,) = looked_at(erased(tmp_path), now_s)
    assert found.state is state
    if state is not State.OK:
        assert "file-" in found.message
        assert "docs/howto/erasure.md" in found.hint


def test_a_final_erasure_is_well_for_ever(tmp_path: Path) -> None:
    (found,) = looked_at(erased(tmp_path, destroyed=True), FINAL_BY + 1)
    assert (found.state, found.message) == (State.OK, "1 erasures, 1 of them final, and none is due")


def test_an_order_that_the_vault_does_not_answer_is_said(tmp_path: Path) -> None:
    path = tmp_path / "console" / "console.db"
    migrate(path)
    with closing(sqlite3.connect(path)) as database:
        database.execute(
            "INSERT INTO erasure_orders (subject, kind, organization_id, name, ordered_at)"
            " VALUES (?, ?, ?, ?, ?)",
            (new_id("cred"), "credential", new_id("org"), "x", BEGAN),
        )
        database.commit()
    settings = parse({"data_dir": str(tmp_path)}, "test")
    assert looked_at(settings, BEGAN + UNANSWERED_S) == []
    (found,) = looked_at(settings, BEGAN + UNANSWERED_S + 1)
    assert (found.state, "has not answered" in found.message) == (State.WARNING, True)


def test_an_installation_without_erasures_says_nothing(tmp_path: Path) -> None:
    assert looked_at(parse({"data_dir": str(tmp_path)}, "test"), BEGAN) == []
