"""Gathers what operators may see of a running vault, without holding up anybody who wants a key.

Counterparts: `status`, which it fills, and `admin`, which asks. KEKs' keepers and the counts of rows are
asked in threads, at most every few seconds, however often somebody looks. It changes nothing.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar

from msgspec import Struct

from sealgate.messages.checking import RowsChecked
from sealgate.messages.server import Server
from sealgate.messages.tickets import CredentialState
from sealgate.vault.audit import Audit
from sealgate.vault.checking import Checking
from sealgate.vault.config import VaultConfig
from sealgate.vault.counting import Counts, count
from sealgate.vault.events import EVENTS
from sealgate.vault.faults import AlarmError, StorageError
from sealgate.vault.foundation import DATABASE_NAME, Foundation
from sealgate.vault.kek_changes import KekChanges, health_of
from sealgate.vault.keks import CURRENT, KekRecord
from sealgate.vault.lately import Lately
from sealgate.vault.quotas import Quotas
from sealgate.vault.status import (
    NO_ANSWER,
    OK,
    Checked,
    Connected,
    Counters,
    KekRingState,
    KekState,
    Readiness,
    Status,
    Stored,
)
from sealgate.vault.stores import Stores
from sealgate.vault.tally import Tally

PEERS_SHOWN = 20
FRESH_S = 10.0
PATIENCE_S = 2.5
_PEER_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_ALARMS = tuple(name for name in EVENTS if name.startswith("alarm_"))
_ROOT_IS_THERE = "SELECT instance FROM root"

Answer = TypeVar("Answer")


class Parts(Struct, frozen=True):
    """What is looked at."""

    config: VaultConfig
    base: Foundation
    stores: Stores
    keks: KekChanges
    checking: Checking
    audit: Audit
    quotas: Quotas
    tally: Tally
    sockets: Mapping[str, Server]
    """By the name of who connects there."""


class Observer:
    """Looks at one vault."""

    def __init__(
        self,
        parts: Parts,
        clock: Callable[[], float],
        monotonic: Callable[[], float] = time.monotonic,
        *,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._parts = parts
        self._clock = clock
        self._monotonic = monotonic
        self._patience_s = patience_s
        self._started_at = clock()
        self._counts = self._lately(partial(count, parts.config.data_dir / DATABASE_NAME))
        self._healths: dict[tuple[str, str], Lately[str]] = {}

    async def readiness(self) -> Readiness:
        """Whether the vault may be asked, and what is wrong if not."""
        anchor = "behind" if self._parts.base.witness.is_behind else OK
        try:
            self._parts.base.database.rows(_ROOT_IS_THERE)
            current = [each for each in self._parts.base.keks.records() if each.state == CURRENT]
        except (StorageError, AlarmError) as error:
            database = "damaged" if isinstance(error, AlarmError) else "unusable"
            return Readiness(ready=False, database=database, anchor=anchor, kek=NO_ANSWER)
        (kek,) = await self._asked(current)
        return Readiness(ready=anchor == kek == OK, database=OK, anchor=anchor, kek=kek)

    async def status(self) -> Status:
        """Everything but the organizations; raises `AlarmError` or `StorageError`."""
        from importlib.metadata import version

        parts = self._parts
        counts = await self._counts.get()
        return Status(
            instance=parts.config.instance,
            release=version("sealgate"),
            now=self._clock(),
            started_at=self._started_at,
            readiness=await self.readiness(),
            memory_locked=parts.stores.arena.locked,
            disk_free_bytes=shutil.disk_usage(parts.config.data_dir).free,
            sockets=tuple(_connected(name, server) for name, server in parts.sockets.items()),
            kek=await self._ring({} if counts is None else counts.by_kek),
            counters=_counters(parts.tally),
            checked=_checked(parts.checking.answer(anew=False)),
            audit=parts.audit.state(),
            quotas=parts.quotas.states(parts.config.opener_uids),
            two_administrators=parts.stores.administrators.are_two,
            stored=None if counts is None else _stored(counts),
        )

    async def _ring(self, rows: Mapping[str, int]) -> KekRingState:
        records = self._parts.base.keks.records()
        healths = await self._asked(records)
        return KekRingState(
            versions=tuple(_kek(*each, rows) for each in zip(records, healths, strict=True)),
            rewrapping=self._parts.keks.is_rewrapping,
            left=sum(rows.values()) - rows.get(self._parts.base.kek.version, 0),
            fault=self._parts.keks.fault,
        )

    async def _asked(self, records: Sequence[KekRecord]) -> list[str]:
        """The health of each version, as it was lately."""
        answers = await asyncio.gather(*(self._health(each).get() for each in records))
        return [answer or NO_ANSWER for answer in answers]

    def _health(self, record: KekRecord) -> Lately[str]:
        name = (record.version, record.state)
        if name not in self._healths:
            self._healths[name] = self._lately(partial(health_of, record, self._parts.base.kek))
        return self._healths[name]

    def _lately(self, ask: Callable[[], Answer]) -> Lately[Answer]:
        return Lately(ask, self._monotonic, fresh_s=FRESH_S, patience_s=self._patience_s)


def _kek(record: KekRecord, health: str, rows: Mapping[str, int]) -> KekState:
    return KekState(
        version=record.version,
        keeper=record.provider,
        state=record.state,
        made_at=record.made_at,
        destroyed_at=record.destroyed_at,
        rows=rows.get(record.version, 0),
        health=health,
    )


def _checked(found: RowsChecked) -> Checked:
    return Checked(
        ended_at=found.ended_at,
        rows=sum(each.rows for each in found.tables),
        damaged=sum(each.damaged for each in found.tables),
        under_way=found.under_way,
    )


def _connected(name: str, server: Server) -> Connected:
    # A process names itself: what has no such form is not shown.
    peers = tuple(peer if _PEER_NAME.fullmatch(peer) else "unnamed" for peer in server.peers)
    return Connected(name, peers[:PEERS_SHOWN], len(peers))


def _counters(tally: Tally) -> Counters:
    return Counters(
        opens=tally.opens,
        deposits=tally.count("deposited"),
        tickets_issued=tally.count("ticket_issued"),
        erasures=tally.count("erased"),
        open_refusals=tally.by_code("open_refused"),
        ticket_refusals=tally.by_code("ticket_refused"),
        deposit_refusals=tally.by_code("deposit_refused"),
        desk_refusals=tally.by_code("desk_refused"),
        operator_refusals=tally.by_code("operator_refused"),
        kek_faults=tally.by_code("kek_unavailable"),
        alarms={name: tally.count(name) for name in _ALARMS},
    )


def _stored(counts: Counts) -> Stored:
    return Stored(
        organizations=counts.rows["peppers"],
        credentials_active=counts.credentials.get(CredentialState.ACTIVE.value, 0),
        credentials_revoked=counts.credentials.get(CredentialState.REVOKED.value, 0),
        versions=counts.rows["versions"],
        sealing_pairs=counts.rows["keyring"],
        tickets=counts.rows["tickets"],
    )
