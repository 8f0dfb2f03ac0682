"""The applications that this proxy knows: loaded at first sight, kept current by the feed's change log.

Counterpart: the console's feed server, and `snapshot.py` for a start without it. Must never serve a document
that the console has not confirmed for longer than the configured age.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping

import msgspec

from sealgate.log import Log
from sealgate.messages.client import Client, NotConnectedError
from sealgate.messages.feed import (
    Application,
    AskApplication,
    AskChanges,
    Changes,
    SessionKeyEntry,
    UnknownApplication,
)
from sealgate.messages.frames import UNREADABLE, RefusedError, UnreadableError
from sealgate.messages.opening import Open
from sealgate.policy.document import Policy, PolicyError, decode_policy
from sealgate.policy.plans import by_plan
from sealgate.proxy.alike import Alike
from sealgate.proxy.errors import ProxyError
from sealgate.proxy.snapshot import Snapshot, SnapshotFile
from sealgate.proxy.ways import Way, ways_of
from sealgate.session import InvalidSession, SessionKeyError, SessionPublicKey

UNKNOWN_S = 30.0
"""How long an unknown id is not asked for again; the change log ends it early."""
UNKNOWN_LIMIT = 10_000
LONG_POLL_S = 25.0
REFRESH_AT_ONCE = 32
SNAPSHOT_GRACE_S = 1.0
"""Time that the console gets at start to say what changed before a snapshot is served as it is."""


class Known(msgspec.Struct, frozen=True, eq=False):
    """One application, ready for use. A changed document makes a new object: identity tells currency."""

    document: Application
    plans: Mapping[str | None, Policy]
    """What sessions may do by their plan; under None, those without one."""
    keys: tuple[SessionPublicKey, ...]
    origins: frozenset[bytes]
    ways: tuple[Way, ...]
    """Where answers may come from; none while the add-on is not activated."""
    since_s: float = msgspec.field(default_factory=time.monotonic)
    """When this document came."""

    @property
    def opening(self) -> Open | None:
        """What to ask the vault for first."""
        return self.ways[0].opening if self.ways else None

    def policy_of(self, plan: str | None) -> Policy:
        """What a session of this plan may do; `ProxyError` where the application has other plans only."""
        found = self.plans.get(plan if len(self.plans) > 1 else None)
        if found is None:
            raise ProxyError("plan_unknown")
        return found


def known(document: Application, alike: Alike) -> Known:
    """Check a document; raises `PolicyError`, `SessionKeyError`."""
    policy = alike.shared(decode_policy(document.policy))
    return Known(
        document=document,
        plans=by_plan(policy),
        keys=tuple(_session_key(key) for key in document.session_keys),
        origins=frozenset(origin.encode() for origin in document.origins),
        ways=ways_of(document, policy),
    )


def _session_key(entry: SessionKeyEntry) -> SessionPublicKey:
    if entry.algorithm == "Ed25519":
        return SessionPublicKey(entry.kid, "Ed25519", entry.public_key)
    if entry.algorithm == "ES256":
        return SessionPublicKey(entry.kid, "ES256", entry.public_key)
    raise SessionKeyError("a session key's algorithm is not known", "Use Ed25519 or ES256.")


class Applications:
    """An LRU of known applications. `on_changed(id, Known | None)` runs after every change of one."""

    def __init__(
        self,
        feed: Client,
        snapshot: SnapshotFile,
        log: Log,
        *,
        limit: int,
        age_s: float,
        on_changed: Callable[[str, Known | None], None],
    ) -> None:
        self._feed, self._snapshot, self._log = feed, snapshot, log
        self._limit, self._age_s, self._on_changed = limit, age_s, on_changed
        self._known: OrderedDict[str, Known] = OrderedDict()
        self._unknown: dict[str, float] = {}
        self._alike = Alike()
        self._fetches: dict[str, asyncio.Task[Known]] = {}
        self._cursor = 0
        self._confirmed_at = 0.0
        self._usable_until = 0.0
        self._unsaved = False
        self._connected = asyncio.Event()
        self._followed = False
        self._started_at = time.time()

    def __len__(self) -> int:
        return len(self._known)

    def ids(self) -> list[tuple[str, int]]:
        """(id, version) of every known application, least recently used first."""
        return [(each, known.document.version) for each, known in self._known.items()]

    def all(self) -> Iterator[Known]:
        """Every known application, least recently used first."""
        return iter(self._known.values())

    def confirmed_s_ago(self) -> float:
        """For how long the console has not said what changed; 0.0 while it is followed."""
        return 0.0 if math.isinf(self._usable_until) else max(0.0, time.time() - self._confirmed_at)

    def get(self, application: str, now_s: float) -> Known | None:
        """What is known and may be served at this Unix time; never asks."""
        found = self._known.get(application)
        if found is None or now_s > self._usable_until:
            return None
        self._known.move_to_end(application)
        return found

    def fetch(self, application: str) -> asyncio.Task[Known]:
        """Ask the console, once for all who wait. Fails with `InvalidSession` or `ProxyError`."""
        task = self._fetches.get(application)
        if task is None:
            task = asyncio.ensure_future(self._fetch(application))
            self._fetches[application] = task
            task.add_done_callback(lambda _done: self._fetches.pop(application, None))
        return task

    @property
    def informed(self) -> bool:
        """True once the change log was followed; with a snapshot, after a grace, also without the console."""
        return self._followed or (bool(self._known) and time.time() > self._started_at + SNAPSHOT_GRACE_S)

    def connected(self) -> None:
        """The console is there (again)."""
        self._connected.set()

    def disconnected(self) -> None:
        """The console is away: what was confirmed until now may be served for a while."""
        self._connected.clear()
        if math.isinf(self._usable_until):
            self._confirmed_at = time.time()
            self._usable_until = self._confirmed_at + self._age_s

    def load_snapshot(self) -> None:
        """Take what the last run knew."""
        snapshot = self._snapshot.load()
        if snapshot is None:
            return
        for document in snapshot.applications:
            self._keep(document)
        self._cursor = snapshot.cursor
        self._confirmed_at = snapshot.confirmed_at
        self._usable_until = snapshot.confirmed_at + self._age_s
        self._unsaved = False

    async def follow(self) -> None:
        """Follow the change log for ever."""
        wait_s = 0.0
        while True:
            await self._connected.wait()
            try:
                changes = await self._feed.ask(
                    AskChanges(cursor=self._cursor, wait_s=wait_s), timeout_s=wait_s + 10
                )
                if isinstance(changes, Changes):
                    await self._apply(changes)
                    self._followed = True
                wait_s = LONG_POLL_S
            except NotConnectedError:
                wait_s = 0.0
                await asyncio.sleep(0.05)
            except RefusedError:
                await asyncio.sleep(1.0)

    async def save(self) -> None:
        """Write the snapshot if something changed; the file work is off the loop."""
        if self._unsaved or (self._known and math.isinf(self._usable_until)):
            self._unsaved = False
            await asyncio.to_thread(self._snapshot.save, self._to_snapshot())

    @property
    def unsaved(self) -> bool:
        """True while the snapshot on disk is behind."""
        return self._unsaved

    def _to_snapshot(self) -> Snapshot:
        confirmed_at = time.time() if math.isinf(self._usable_until) else self._confirmed_at
        documents = tuple(known.document for known in self._known.values())
        return Snapshot(self._cursor, confirmed_at, documents)

    async def _apply(self, changes: Changes) -> None:
        """Take a batch of changes; the cursor moves only when every document was had."""
        if changes.reset:
            self._unknown.clear()
        changed = list(self._known) if changes.reset else list(changes.applications)
        for application in changed:
            self._unknown.pop(application, None)
        stale = [application for application in changed if application in self._known]
        for start in range(0, len(stale), REFRESH_AT_ONCE):
            await asyncio.gather(*(self._refresh(each) for each in stale[start : start + REFRESH_AT_ONCE]))
        self._unsaved = self._unsaved or changes.cursor != self._cursor
        self._cursor = changes.cursor
        self._usable_until = math.inf

    async def _refresh(self, application: str) -> None:
        try:
            reply = await self._feed.ask(AskApplication(application=application))
        except UnreadableError as error:
            self._damaged(application, error.refusal.code)
            return
        if isinstance(reply, Application):
            self._keep(reply)
        elif isinstance(reply, UnknownApplication):
            self._forget(application)

    async def _fetch(self, application: str) -> Known:
        if self._unknown.get(application, 0.0) > time.monotonic():
            raise InvalidSession
        try:
            reply = await self._feed.ask(AskApplication(application=application))
        except (NotConnectedError, RefusedError) as error:
            raise ProxyError("configuration_unavailable") from error
        if not isinstance(reply, Application) or reply.application != application:
            self._remember_unknown(application)
            raise InvalidSession
        self._keep(reply)
        found = self._known.get(application)
        if found is None:
            raise ProxyError("policy_damaged")
        return found

    def _keep(self, document: Application) -> None:
        before = self._known.get(document.application)
        if before is not None and before.document.version > document.version:
            return
        try:
            now = known(document, self._alike)
        except (PolicyError, SessionKeyError) as error:
            self._damaged(document.application, error.code)
            return
        except UNREADABLE:
            self._damaged(document.application, "unreadable")
            return
        self._known[document.application] = now
        self._known.move_to_end(document.application)
        while len(self._known) > self._limit:
            self._known.popitem(last=False)
        self._unsaved = True
        if before is not None:
            self._on_changed(document.application, now)

    def _damaged(self, application: str, code: str) -> None:
        """Its newest document cannot be read, and an older one may allow too much: serve it no more."""
        self._log("application_damaged", application=application, code=code)
        self._forget(application)

    def _forget(self, application: str) -> None:
        if self._known.pop(application, None) is not None:
            self._unsaved = True
            self._on_changed(application, None)

    def _remember_unknown(self, application: str) -> None:
        if len(self._unknown) >= UNKNOWN_LIMIT:
            self._unknown.clear()
        self._unknown[application] = time.monotonic() + UNKNOWN_S
