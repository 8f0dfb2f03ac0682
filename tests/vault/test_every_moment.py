"""Each change of the vault, killed before each of its moments, and on a disk that is full in each: generated.

What holds in all of them: the vault starts, it stands where it stood before or where the change leads,
whatever was not touched opens, nobody is alarmed, and the same change can be done then. Who asked sees one
clear error.
"""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sealgate.messages.frames import RefusedError
from sealgate.vault import rewrapping
from tests.vault.changes import CHANGES, Change, Scene, Standing, furnish, go_on, standing
from tests.vault.keks import Ring
from tests.vault.moments import Failing, Kills, copy_files, each_moment, room_for

AT_ONCE = [name for name, change in CHANGES.items() if change.is_one_step or change.shuts]
"""What does not wait by itself until there is room."""
FRAME_BYTES = 24 + 4096
"""Of SQLite's write-ahead log."""


@dataclass
class Case:
    """A change, the files on which it is to happen, and where it leads."""

    change: Change
    scene: Scene
    folder: Path
    before: Standing
    after: Standing
    at_last: Standing
    """Once the background has done its part too."""
    if_nothing: Standing
    """The background's part alone."""

    def copied(self, into: Path) -> Path:
        into.mkdir()
        copy_files(self.folder / "data", into / "data")
        return into

    def act(self, ring: Ring) -> None:
        self.change.act(ring, self.scene)

    def stands(self, ring: Ring) -> Standing:
        return standing(ring, self.scene)

    def check(self, ring: Ring, what: str, *, in_memory: bool = False) -> None:
        """Before or after, nothing between; and then it can be done.

        `in_memory`: the process that could not write goes on, and keeps shut what it shut.
        """
        allowed = [self.if_nothing, self.at_last]
        if in_memory and self.change.shuts:
            allowed.append(self.if_nothing | {"keys": self.at_last["keys"]})
        elif self.change.is_one_step:
            assert self.stands(ring) in (self.before, self.after), what
        go_on(ring)
        found = self.stands(ring)
        assert found in allowed, (what, differences(found, self.at_last), differences(found, self.if_nothing))
        if found != self.at_last:
            self.act(ring)
            go_on(ring)
            assert self.stands(ring) == self.at_last, what
        assert "alarm" not in ring.log.getvalue(), what
        assert not list(ring.vault.config.data_dir.glob("wiped-*")), what


def differences(one: Standing, other: Standing) -> dict[str, object]:
    """For who reads that it failed."""
    return {name: (one[name], other[name]) for name in one if one[name] != other[name]}


@pytest.fixture(scope="module", autouse=True)
def one_row_at_a_time() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rewrapping, "BATCH_ROWS", 2)
        yield


@pytest.fixture(scope="module")
def furnished() -> Iterator[tuple[Scene, Path]]:
    with tempfile.TemporaryDirectory(prefix="sgm") as name:
        yield furnish(Path(name)), Path(name)


@pytest.fixture(scope="module", params=CHANGES)
def case(request: pytest.FixtureRequest, furnished: tuple[Scene, Path]) -> Iterator[Case]:
    scene, folder = furnished
    change = CHANGES[request.param]
    with tempfile.TemporaryDirectory(prefix="sgm") as name:
        here = Path(name)
        copy_files(folder / "data", here / "data")
        mine = copy.copy(scene)
        with Ring(here) as ring:
            mine.ready = change.make_ready(ring, mine)
        case = Case(change, mine, here, {}, {}, {}, {})
        with Ring(case.copied(here / "untouched")) as ring:
            case.before = case.stands(ring)
            go_on(ring)
            case.if_nothing = case.stands(ring)
        with Ring(case.copied(here / "changed")) as ring:
            case.act(ring)
            case.after = case.stands(ring)
            go_on(ring)
            case.at_last = case.stands(ring)
        yield case


def test_killed_before_any_moment_it_starts_again_and_stands_before_or_after(
    case: Case, tmp_path: Path
) -> None:
    data = case.copied(tmp_path / "killed") / "data"
    kills = Kills(data, tmp_path / "copies")
    (tmp_path / "copies").mkdir()
    with Ring(data.parent) as ring, each_moment(kills):
        case.act(ring)
        kills("the end", ())
    assert len(kills.found) > 1, "nothing was written"
    for number, (what, left) in enumerate(kills.found.items()):
        again = tmp_path / f"again-{number}"
        again.mkdir()
        left.rename(again / "data")
        with Ring(again) as ring:
            case.check(ring, what)


def test_on_a_disk_that_is_full_in_any_moment_it_is_refused_whole_and_works_then(
    case: Case, tmp_path: Path
) -> None:
    number = 0
    while True:
        number += 1
        failing = Failing(number, lasting=1 + number % 3)
        folder = case.copied(tmp_path / str(number))
        with Ring(folder) as ring:
            with each_moment(failing):
                attempt(case, ring)
            if not failing.has_failed:
                break
            case.check(ring, f"{number}: {failing.seen[number - 1]}", in_memory=True)
        with Ring(folder) as again:
            assert case.stands(again) == case.at_last, number
    assert number > 3, "it has no moments"


def check_refusal(error: RefusedError) -> None:
    assert error.refusal.code == "vault_unavailable"
    assert error.refusal.hint


def attempt(case: Case, ring: Ring) -> bool:
    """True if it was done; a refusal is one that says what to do."""
    try:
        case.act(ring)
    except RefusedError as error:
        check_refusal(error)
    except OSError:
        pass  # what pages and the operator's socket answer with 503 and `unavailable`
    else:
        return True
    return False


@pytest.mark.parametrize("case", AT_ONCE, indirect=True, scope="module")
def test_where_the_kernel_writes_no_more_it_is_refused_whole_and_works_then(
    case: Case, tmp_path: Path
) -> None:
    done, size = False, FRAME_BYTES // 2
    while not done:
        folder = case.copied(tmp_path / str(size))
        with Ring(folder) as ring:
            with room_for(size):
                done = attempt(case, ring)
            case.check(ring, f"{size} bytes", in_memory=True)
        size += FRAME_BYTES
