"""A vault with something to erase and neighbours that stay, for the tests of erasures."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from sealgate.ids import new_id
from sealgate.messages.erasing import Erase, Erased, ErasureKind
from tests.vault.deployment import Addresses, canary_key, ticket_order
from tests.vault.still import StillVault

KINDS = list(ErasureKind)


class House:
    """A vault with an application that is to go, and a neighbour of the same organization that stays."""

    def __init__(self, folder: Path) -> None:
        self.vault = StillVault(folder)
        self.at = Addresses(new_id("org"), new_id("app"))
        self.key = canary_key()
        self.credential = self.vault.deposit(ticket_order(self.at), self.key)
        self.beside = Addresses(self.at.organization, new_id("app"))
        self.beside_key = canary_key()
        self.beside_credential = self.vault.deposit(ticket_order(self.beside), self.beside_key)
        self.other = Addresses(new_id("org"), new_id("app"))
        self.other_key = canary_key()
        self.other_credential = self.vault.deposit(ticket_order(self.other), self.other_key)

    def subject(self, kind: ErasureKind) -> str:
        return {
            ErasureKind.CREDENTIAL: self.credential,
            ErasureKind.APPLICATION: self.at.application,
            ErasureKind.ORGANIZATION: self.at.organization,
        }[kind]

    def order(self, kind: ErasureKind) -> Erase:
        application = self.at.application if kind is ErasureKind.CREDENTIAL else ""
        return Erase(
            kind=kind, subject=self.subject(kind), organization=self.at.organization, application=application
        )

    def erase(self, kind: ErasureKind) -> Erased:
        answer = self.vault.ask(self.order(kind))
        assert isinstance(answer, Erased)
        return answer

    def rows(self, table: str) -> list[tuple[Any, ...]]:
        return list(self.vault.foundation.database._driver.execute(f"SELECT * FROM {table}"))

    def execute(self, statement: str, values: tuple[Any, ...] = ()) -> None:
        with closing(sqlite3.connect(self.vault.config.data_dir / "vault.db")) as hand, hand:
            hand.execute(statement, values)

    def put_back(self, table: str, rows: list[tuple[Any, ...]]) -> None:
        marks = ",".join("?" * len(rows[0]))
        for row in rows:
            self.execute(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", row)
