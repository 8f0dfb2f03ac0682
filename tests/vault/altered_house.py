"""A vault with one key, and somebody else's hand on its database: for tests of what is altered or fails."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from sealgate.ids import new_id
from sealgate.messages.tickets import (
    Credentials,
    ListCredentials,
    Switch,
)
from tests.vault.deployment import Addresses, canary_key, owner, ticket_order
from tests.vault.still import StillVault

AT = Addresses(new_id("org"), new_id("app"))


class House:
    """A running vault with one key, and somebody else's hand on its database."""

    def __init__(self, folder: Path) -> None:
        self.vault = StillVault(folder)
        self.key = canary_key()
        self.credential = self.vault.deposit(ticket_order(AT), self.key)
        self.database = self.vault.config.data_dir / "vault.db"

    def edit(self, statement: str, *values: object) -> None:
        with closing(sqlite3.connect(self.database)) as hand, hand:
            hand.execute(statement, values)

    def rows(self, table: str) -> list[tuple[Any, ...]]:
        return self.vault.foundation.database._driver.execute(f"SELECT * FROM {table}").fetchall()

    def put_back(self, table: str, rows: list[tuple[Any, ...]]) -> None:
        self.edit(f"DELETE FROM {table}")
        for row in rows:
            self.edit(f"INSERT INTO {table} VALUES ({','.join('?' * len(row))})", *row)

    def stage_and_switch(self) -> None:
        self.vault.deposit(ticket_order(AT, self.credential, stage=True), canary_key())
        self.vault.ask(Switch(**owner(AT), credential=self.credential))

    def list(self) -> Credentials:
        answer = self.vault.ask(ListCredentials(**owner(AT)))
        assert isinstance(answer, Credentials)
        return answer

    def opens(self) -> bytes:
        return self.vault.opens(AT, self.credential)
