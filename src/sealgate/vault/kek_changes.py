"""What operators do with KEKs while the vault runs: status, rotation, migration, destruction.

Counterparts: `operator`, which asks; `keks` and `kek_ring`, which are changed; `rewrapping`, which does the
long part. Every step stands by itself: a kill between two of them loses nothing, and the next start goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Mapping, Set

import msgspec
from msgspec import structs

from sealgate.log import Log
from sealgate.messages.frames import Refusal, RefusedError
from sealgate.messages.operating import KekReport, KekVersion
from sealgate.vault.approvals import Action, Approvals
from sealgate.vault.faults import AlarmError, StartError
from sealgate.vault.foundation import Foundation
from sealgate.vault.kek import KekDescription, KekError, KekUnavailableError
from sealgate.vault.kek_config import PROVIDERS
from sealgate.vault.kek_folder import KekEntry
from sealgate.vault.kek_ring import KekRing
from sealgate.vault.keks import CURRENT, DESTROYED, DESTROYING, LIVE, KekRecord, Keks
from sealgate.vault.rewrapping import Rewrapping

SHOWN_CHARS = 100
"""How much of a name that is none a refusal says again."""
_SAMPLE = b"sealgate kek trial"
AGAIN_AFTER_S = 5.0
"""Pause before rewrapping that met a fault (disk full, KMS away) is tried again."""


class KekChanges:
    """One change at a time."""

    def __init__(
        self,
        instance: str,
        base: Foundation,
        approvals: Approvals,
        *,
        clock: Callable[[], float],
        log: Log,
        again_after_s: float = AGAIN_AFTER_S,
    ) -> None:
        self._ring = base.kek
        self._keks = base.keks
        self._approvals = approvals
        self._clock = clock
        self._log = log
        self._again_after_s = again_after_s
        self._rewrapping = Rewrapping(instance, base.database, base.kek, base.seal, log)
        self._task: asyncio.Task[None] | None = None
        self._changing = asyncio.Lock()
        self._fault = ""

    def resume(self) -> None:
        """At start: go on with what an earlier run left half done."""
        records = self._keks.records()
        if self._pending() or any(each.state == DESTROYING for each in records):
            self._start()
        for each in records:
            if each.state == DESTROYED:
                self._ring.forget(each.version)

    async def settled(self) -> None:
        """Wait until nothing is being wrapped anew."""
        if self._task is not None:
            await asyncio.shield(self._task)

    async def close(self) -> None:
        """Stop between two batches."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    @property
    def is_rewrapping(self) -> bool:
        """True while rows are being wrapped anew."""
        return self._task is not None and not self._task.done()

    @property
    def fault(self) -> str:
        """What the last try ended with, which is repeated by itself; empty if all is well."""
        return self._fault

    async def report(self) -> KekReport:
        """Every version, and how far a change has come."""
        # Of the moment in which rows are counted: keepers are asked after it, and that may take seconds.
        rewrapping, fault = self.is_rewrapping, self._fault
        report = await _report(self._keks, self._ring, self._rewrapping)
        return structs.replace(report, rewrapping=rewrapping, fault=fault)

    async def rotate(self, key: str) -> KekReport:
        """A new version at the current provider; where a change was interrupted, goes on with that one."""
        async with self._changing:
            if self._pending():
                self._start()
            else:
                await self._make_current(self._provider, key)
        return await self.report()

    async def migrate(self, to: str, key: str) -> KekReport:
        """A new version at another provider; goes on with an interrupted one. There already: nothing."""
        if to not in PROVIDERS:
            raise _refused(
                "kek_provider_unknown",
                f"there is no KEK provider {to[:SHOWN_CHARS]!r}",
                f"use one of {', '.join(PROVIDERS)}",
            )
        async with self._changing:
            if self._pending():
                self._check_same(to)
                self._start()
            elif to != self._provider:
                await self._make_current(to, key)
        return await self.report()

    async def destroy(self, version: str) -> KekReport:
        """Destroy a version's key, once two administrators approved it and nothing is wrapped by it.

        Raises `NotApprovedError` until then.
        """
        async with self._changing:
            record = self._keks.record(version)
            if record is None or record.state == DESTROYED:
                raise _refused(
                    "kek_unknown", f"there is no live KEK {version[:SHOWN_CHARS]!r}", "sealgate kek status"
                )
            if record.state == CURRENT or self._rewrapping.opens_something(version):
                raise _refused(
                    "kek_in_use", f"the KEK {version} still wraps something", "sealgate kek rotate"
                )
            if record.state == LIVE:
                proposal = self._approvals.require(Action.KEK_DESTROY, version)
                self._keks.mark(version, DESTROYING)
                self._log("kek_destroying", kek=version, proposal=proposal)
                self._approvals.use_up(proposal)
            await self._finish_destroying(version)
        return await self.report()

    @property
    def _provider(self) -> str:
        return self._ring.entries[self._ring.version].description.provider

    def _pending(self) -> bool:
        """True while anything that opens is wrapped by another version than the current one."""
        others = (version for version in self._rewrapping.counts() if version != self._ring.version)
        return any(self._rewrapping.opens_something(version) for version in others)

    def _check_same(self, to: str) -> None:
        if to != self._provider:
            raise _refused(
                "kek_busy",
                f"the change to {self._ring.version} is not finished",
                "wait until `sealgate kek status` says that no rows are left, then say it again",
            )

    async def _make_current(self, provider: str, key: str) -> None:
        known = {each.version for each in self._keks.records()}
        try:
            entry = await asyncio.to_thread(self._made, provider, key, known)
        except StartError as error:
            raise RefusedError(
                Refusal(code=error.code, message=str(error).partition(". hint: ")[0], hint=error.hint)
            ) from error
        except (KekError, KekUnavailableError) as error:
            raise _refused(
                "kek_unavailable",
                f"the new KEK cannot be used: {error}",
                "look at its keeper, then say it again",
            ) from error
        before = self._ring.version
        self._keks.add_current(entry, self._clock())
        self._log("kek_rotated", kek=entry.version, before=before, path=str(entry.path))
        self._start()

    def _made(self, provider: str, key: str, known: Set[str]) -> KekEntry:
        """A version that was tried out and that nothing uses; an interrupted change may have left one."""
        unused = (each for each in self._ring.entries.values() if each.version not in known)
        left = [] if key else [each for each in unused if each.description.provider == provider]
        entry = left[0] if left else self._ring.make(provider, key)
        if entry.version in known:
            raise StartError("kek_known", f"{entry.version} is, or was, on this ring", "name another key")
        sample = secrets.token_bytes(32)
        wrapped = self._ring.wrap_under(entry.version, sample, _SAMPLE)
        if self._ring.unwrap(wrapped, _SAMPLE, entry.version) != sample:
            raise KekError("it does not give back what it took")
        return entry

    def _start(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())

    async def _work(self) -> None:
        while True:
            try:
                await self._rewrap()
                for record in self._keks.records():
                    if record.state == DESTROYING:
                        await self._finish_destroying(record.version)
            except (OSError, AlarmError) as error:
                self._fault = type(error).__name__
                self._log("kek_rewrapping_paused", error=self._fault)
                await asyncio.sleep(self._again_after_s)
            else:
                self._fault = ""
                return

    async def _rewrap(self) -> None:
        kek = self._ring.version
        self._log("kek_rewrapping", kek=kek, rows=self._left())
        done = await self._rewrapping.run()
        self._log("kek_rewrapped", kek=kek, rows=done, left=self._left())

    def _left(self) -> int:
        counts = self._rewrapping.counts()
        return sum(counts.values()) - counts.get(self._ring.version, 0)

    async def _finish_destroying(self, version: str) -> None:
        final_at = await asyncio.to_thread(self._ring.destroy_key, version)
        # A kill may have come before this was noted: what is done waits for nobody's approval any more.
        self._approvals.close(Action.KEK_DESTROY, version)
        self._keks.mark(version, DESTROYED, self._clock() if final_at is None else final_at)
        self._ring.forget(version)
        self._log("kek_destroyed", kek=version)


async def report_of(instance: str, base: Foundation, log: Log) -> KekReport:
    """Every version, of a vault that is stopped."""
    return await _report(base.keks, base.kek, Rewrapping(instance, base.database, base.kek, base.seal, log))


async def _report(keks: Keks, ring: KekRing, rewrapping: Rewrapping) -> KekReport:
    counts = rewrapping.counts()
    records = keks.records()
    # In a thread: a keeper may be slow.
    healths = await asyncio.to_thread(lambda: [health_of(each, ring) for each in records])
    items = tuple(_row(each, counts, health) for each, health in zip(records, healths, strict=True))
    left = sum(counts.values()) - counts.get(ring.version, 0)
    return KekReport(items=items, rewrapping=False, left=left)


def _row(record: KekRecord, counts: Mapping[str, int], health: str) -> KekVersion:
    return KekVersion(
        version=record.version,
        provider=record.provider,
        state=record.state,
        details=dict(msgspec.json.decode(record.description, type=KekDescription).details),
        made_at=record.made_at,
        destroyed_at=record.destroyed_at,
        rows=counts.get(record.version, 0),
        health=health,
    )


def health_of(record: KekRecord, ring: KekRing) -> str:
    """`ok`, `gone`, or the code of why a version cannot be used now. Asks its keeper, who may be slow."""
    if record.state == DESTROYED or record.version not in ring.entries:
        return "gone"
    try:
        ring.check(record.version)
    except KekUnavailableError as error:
        return error.code
    return "ok"


def _refused(code: str, message: str, hint: str) -> RefusedError:
    return RefusedError(Refusal(code=code, message=message, hint=hint))
