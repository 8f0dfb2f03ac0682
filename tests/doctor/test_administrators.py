"""What the doctor says of administrators of the vault."""

from __future__ import annotations

from pathlib import Path

import pytest

from sealgate.doctor.administrators import administrators
from sealgate.doctor.findings import Case, Finding, State
from sealgate.settings import parse
from tests.vault.keks import Ring

ORGANIZATION = "org_" + "a" * 20


def found(tmp_path: Path, *policy: str, two: bool = False) -> tuple[Finding, ...]:
    with Ring(tmp_path) as ring:
        if two:
            ring.enrol_two()
    (tmp_path / "data").rename(tmp_path / "vault")
    settings = parse({"data_dir": str(tmp_path), "vault": {"deposits_need_passkey": list(policy)}}, "test")
    return tuple(administrators(Case(settings, 0.0, False)))


@pytest.mark.parametrize("scope", ["all", ORGANIZATION])
def test_deposits_that_nobody_could_approve_are_a_problem(tmp_path: Path, scope: str) -> None:
    first, *_ = found(tmp_path, scope)
    assert first.state is State.PROBLEM
    assert scope in first.message
    assert "invite" in first.hint


@pytest.mark.parametrize("policy", [(), ("all",), (ORGANIZATION,)], ids=str)
def test_with_two_enrolled_there_is_no_problem(tmp_path: Path, policy: tuple[str, ...]) -> None:
    (only,) = found(tmp_path, *policy, two=True)
    assert (only.state, only.message) == (State.OK, "2 enrolled for the whole vault; enough")


def test_with_nobody_enrolled_it_says_what_cannot_be_done(tmp_path: Path) -> None:
    (only,) = found(tmp_path)
    assert (only.state, "destroying a KEK takes 2" in only.message) == (State.OK, True)


def test_without_a_database_nothing_is_said(tmp_path: Path) -> None:
    settings = parse({"data_dir": str(tmp_path)}, "test")
    (only,) = administrators(Case(settings, 0.0, False))
    assert only.state is State.SKIPPED
