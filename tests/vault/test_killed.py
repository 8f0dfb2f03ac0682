"""A vault that dies in the middle of a change of versions: the next start finds one clear standing."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sealgate.ids import new_id
from sealgate.messages.tickets import CredentialRow, Credentials, Discard, ListCredentials, RollBack, Switch
from tests.vault.deployment import Addresses, canary_key, owner, ticket_order
from tests.vault.still import StillVault

AT = Addresses(new_id("org"), new_id("app"))
ROOT = Path(__file__).parents[2]


def stage(vault: StillVault, credential: str) -> None:
    vault.deposit(ticket_order(AT, credential, stage=True), canary_key())


def replace(vault: StillVault, credential: str) -> None:
    vault.deposit(ticket_order(AT, credential), canary_key())


def roll_back(vault: StillVault, credential: str) -> None:
    vault.ask(RollBack(**owner(AT), credential=credential))


def discard(vault: StillVault, credential: str) -> None:
    vault.ask(Discard(**owner(AT), credential=credential, version=1))


def switch(vault: StillVault, credential: str) -> None:
    vault.ask(Switch(**owner(AT), credential=credential))


def standings(vault: StillVault) -> dict[int, str]:
    listed = vault.ask(ListCredentials(**owner(AT)))
    assert isinstance(listed, Credentials)
    (shown,) = listed.items
    assert isinstance(shown, CredentialRow)
    return {each.version: each.standing.value for each in shown.versions}


Change = Callable[[StillVault, str], None]
BEFORE = {2: "active", 1: "previous"}
AFTER: dict[Change, dict[int, str]] = {
    stage: {3: "staged", 2: "active", 1: "previous"},
    replace: {3: "active", 1: "previous"},
    roll_back: {2: "staged", 1: "active"},
    discard: {2: "active"},
}
POINTS = {
    "while rows are written": ("sealgate.vault.rowseal.SealedTable.row", False),
    "before the mark": ("sealgate.vault.witness.MarkRecord", False),
    "between database and anchor": ("sealgate.vault.anchor.Anchor.append", True),
    "before proxies are told": ("sealgate.vault.credentials.Credentials._tell", True),
}


def _power_cut(*_args: object, **_options: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("change", AFTER, ids=lambda change: change.__name__)
@pytest.mark.parametrize(("place", "happened"), POINTS.values(), ids=POINTS)
def test_a_power_cut_leaves_the_standing_before_or_after_and_nothing_between(
    tmp_path: Path, change: Change, place: str, happened: bool
) -> None:
    with StillVault(tmp_path) as vault:
        credential = vault.deposit(ticket_order(AT), canary_key())
        stage(vault, credential)
        switch(vault, credential)
        with pytest.MonkeyPatch.context() as patch:
            if change in (stage, replace):
                ready = vault.ready(ticket_order(AT, credential, stage=change is stage), canary_key())
                patch.setattr(place, _power_cut)
                with pytest.raises(KeyboardInterrupt):
                    ready()
            else:
                patch.setattr(place, _power_cut)
                with pytest.raises(KeyboardInterrupt):
                    change(vault, credential)
    with StillVault(tmp_path) as again:
        expected = AFTER[change] if happened else BEFORE
        assert standings(again) == expected
        for version in expected:
            assert again.opens(AT, credential, version)


PROGRAM = """
import sys
from pathlib import Path
from tests.vault import test_killed as t
from tests.vault.still import StillVault
t.AT.organization, t.AT.application = sys.argv[2:4]
with StillVault(Path(sys.argv[1])) as vault:
    while True:
        for change in (t.switch, t.roll_back):
            change(vault, sys.argv[4])
            print(change.__name__, flush=True)
"""


@pytest.mark.parametrize("changes", [1, 2, 5, 12])
def test_killed_in_full_run_it_starts_again_and_opens_every_version(tmp_path: Path, changes: int) -> None:
    with StillVault(tmp_path) as vault:
        credential = vault.deposit(ticket_order(AT), canary_key())
        stage(vault, credential)
    argv = [sys.executable, "-c", PROGRAM, str(tmp_path), AT.organization, AT.application, credential]
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(changes):
            assert process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    with StillVault(tmp_path) as again:
        found = standings(again)
        assert found in ({2: "staged", 1: "active"}, {2: "active", 1: "previous"})
        for version in found:
            assert again.opens(AT, credential, version)
