"""A vault's files, a backup of them and what happened since, for the tests of the restore ceremony."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import Any

import pytest

from sealgate.ids import new_id
from sealgate.log import LineLog
from sealgate.messages.erasing import Erase, ErasureKind
from sealgate.messages.frames import RefusedError
from sealgate.messages.tickets import Revoke
from sealgate.vault.events import EVENTS
from sealgate.vault.fates import Fate
from sealgate.vault.faults import StartError
from sealgate.vault.restoring import Comparison, opened
from tests.vault.deployment import Addresses, Clock, canary_key, owner, ticket_order, vault_config
from tests.vault.still import StillVault

AT = Addresses(new_id("org"), new_id("app"))


KEY, OTHER_KEY = canary_key(), canary_key()


class Folder:
    """A vault's files, a backup of them, and what happened since."""

    def __init__(self, path: Path) -> None:
        self.path, self.data, self.kept = path, path / "data", path / "kept"
        self.log = io.StringIO()

    def back_up(self) -> None:
        shutil.copytree(self.data, self.kept)

    def restore(self, *names: str) -> None:
        for name in names or ("vault.db",):
            shutil.copy2(self.kept / name, self.data / name)
        for name in ("vault.db-wal", "vault.db-shm"):
            (self.data / name).unlink(missing_ok=True)

    def vault(self) -> StillVault:
        return StillVault(self.path)

    def compare(self) -> Comparison:
        with opened(vault_config(self.path), clock=Clock(), log=LineLog("vault", EVENTS, self.log)) as found:
            return found.compare()

    def accept(self, epoch: int | None = None, **options: Any) -> Comparison:
        wanted = self.compare().epoch if epoch is None else epoch
        with opened(vault_config(self.path), clock=Clock(), log=LineLog("vault", EVENTS, self.log)) as found:
            return found.accept(wanted, **options)

    def content(self) -> dict[str, bytes]:
        names = sorted(each.name for each in self.data.iterdir() if not each.name.endswith(("-wal", "-shm")))
        return {name: (self.data / name).read_bytes() for name in names}

    def refusal(self) -> str:
        with pytest.raises(StartError) as error, self.vault():
            pass
        return error.value.code


def deposit(vault: StillVault, key: bytes = KEY, at: Addresses = AT, credential: str | None = None) -> str:
    return vault.deposit(ticket_order(at, credential), key)


def revoke(vault: StillVault, credential: str, at: Addresses = AT) -> None:
    vault.ask(Revoke(**owner(at), credential=credential))


def erase(vault: StillVault, kind: ErasureKind, subject: str, at: Addresses = AT) -> None:
    vault.ask(Erase(kind=kind, subject=subject, organization=at.organization))


def fate_of(comparison: Comparison, subject: str) -> Fate:
    (found,) = (each.fate for each in comparison.decided if each.subject == subject)
    return found


def refused(vault: StillVault, credential: str, at: Addresses = AT) -> str:
    with pytest.raises(RefusedError) as error:
        vault.opens(at, credential)
    return error.value.refusal.code


def older(folder: Folder) -> tuple[str, str]:
    """A backup that is restored: a credential that is kept, and one that was revoked since."""
    with folder.vault() as vault:
        kept, revoked = deposit(vault), deposit(vault)
    folder.back_up()
    with folder.vault() as vault:
        revoke(vault, revoked)
        deposit(vault)
    folder.restore()
    return kept, revoked
