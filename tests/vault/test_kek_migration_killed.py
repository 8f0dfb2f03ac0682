"""From one keeper of KEKs to another, killed at each moment: everything opens, and is finished.

Two keepers at a time: a file, a token (SoftHSM), KMS (moto over HTTP), the transit engine's stand-in.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from sealgate.vault.kek_config import KekConfig
from sealgate.vault.keks import CURRENT, LIVE
from tests.vault.keepers import all_keepers
from tests.vault.keks import Kept, Ring
from tests.vault.moments import Kills, each_moment

pytestmark = [
    pytest.mark.softhsm,
    pytest.mark.usefixtures("aws_credentials", "row_by_row"),
]

ROOT = Path(__file__).parents[2]
MOVES = (
    ("file", "pkcs11"),
    ("file", "transit"),
    ("file", "aws-kms"),
    ("pkcs11", "transit"),
)
each_move = pytest.mark.parametrize(("one", "other"), MOVES, ids=[" to ".join(move) for move in MOVES])


@pytest.fixture
def reached(kms: str, token: KekConfig, tmp_path: Path) -> Iterator[KekConfig]:
    """Every keeper at once."""
    with all_keepers(kms, tmp_path, token) as config:
        yield config


def move(ring: Ring, other: str) -> None:
    ring.do(lambda changes: changes.migrate(other, ""))


@each_move
def test_killed_at_any_moment_of_a_migration_everything_opens_and_the_same_command_finishes_it(
    tmp_path: Path, reached: KekConfig, one: str, other: str
) -> None:
    config = msgspec.structs.replace(reached, provider=one)
    kills = Kills(tmp_path / "vault" / "data", tmp_path / "copies")
    (tmp_path / "copies").mkdir()
    with Ring(tmp_path / "vault", config) as ring:
        kept = Kept(ring.vault, organizations=1)
        with each_moment(kills):
            move(ring, other)
            kills("the end", ())
    in_use = set()
    for number, (what, left) in enumerate(kills.found.items()):
        again = tmp_path / f"again-{number}"
        again.mkdir()
        left.rename(again / "data")
        in_use.add(started_again(again, config, kept, other, what))
    assert in_use == {1, 2}, "some kills came before or after, and some while both were needed"
    with Ring(again, config) as last:
        assert kept.all_open(last.vault)
        if one == "file":  # the other copies need what the other keepers have
            last.destroy(last.report().items[0].version)
            assert kept.all_open(last.vault)


def started_again(folder: Path, config: KekConfig, kept: Kept, other: str, what: str) -> int:
    """Everything opens before anything goes on, and after; gives how many versions were in use."""
    with Ring(folder, config) as ring:
        assert kept.all_open(ring.vault), what
        in_use = len(ring.counts())
        ring.resume()
        move(ring, other)
        items = ring.report().items
        assert [each.state for each in items] == [LIVE, CURRENT], what
        assert [each.health for each in items] == ["ok", "ok"], what
        assert items[1].provider == other, what
        assert set(ring.counts()) == {items[1].version}, what
        assert kept.all_open(ring.vault), what
        assert "alarm" not in ring.log.getvalue(), what
        return in_use


PROGRAM = """
import sys
from pathlib import Path
import msgspec
from sealgate.vault import kek_ring, rewrapping
from sealgate.vault.kek_config import KekConfig
from tests.vault.keks import Ring
rewrapping.BATCH_ROWS = 1
config = msgspec.json.decode(sys.argv[2], type=KekConfig)
with Ring(Path(sys.argv[1]), config) as ring:
    ring.log.write = lambda text: print(text.split()[3], flush=True)
    ring.resume()
    for other in (sys.argv[3], "file") * 9:
        ring.do(lambda changes: changes.migrate(other, ""))
"""


@pytest.mark.parametrize(("other", "lines"), [("pkcs11", 2), ("pkcs11", 5), ("transit", 3)])
def test_killed_in_full_migration_to_and_fro_everything_opens(
    tmp_path: Path, reached: KekConfig, other: str, lines: int
) -> None:
    folder = tmp_path / "vault"
    with Ring(folder, reached) as ring:
        kept = Kept(ring.vault, organizations=2)
    argv = [sys.executable, "-c", PROGRAM, str(folder), msgspec.json.encode(reached).decode(), other]
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(lines):
            assert process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    with Ring(folder, reached) as again:
        assert kept.all_open(again.vault)
        assert again.resume().left == 0
        assert set(again.counts()) == {again.ring.version}
        assert kept.all_open(again.vault)
