"""The ring: every KEK version that lives, the current one for wrapping, each for what it wrapped.

Counterparts: `kek_folder` says which there are, `keks` which is current. To its callers a ring is one more
`KekProvider`. The vault has one thread, and proxies with keys that are open already must not wait for a
keeper: what needs one is asked `ahead`, in another thread. One that did not answer is left alone for some
seconds, and then waited for only briefly until it answers again.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Hashable, Mapping
from pathlib import Path
from typing import Never, TypeVar

from msgspec import Struct

from sealgate.log import Log
from sealgate.vault.faults import StartError
from sealgate.vault.kek import KekError, KekKind, KekProvider, KekUnavailableError
from sealgate.vault.kek_config import KekConfig
from sealgate.vault.kek_file import wipe_file, wipe_left
from sealgate.vault.kek_folder import FILE, KekEntry, add_description, add_file_kek, kek_entries
from sealgate.vault.kek_kinds import kind_of
from sealgate.vault.kek_patience import Ahead, Patience

PAUSE_S = 5.0
"""How long a keeper that did not answer is left alone."""
AGAIN_S = 0.2
"""How long one is waited for after that; if it answers later, the next call finds it."""
OPENING, CHANGING = 3, 5
"""So many times `timeout_s` is the patience with opening a key, and with making or destroying one."""
START_TRIES = 3
START_PAUSE_S = 1.0

Answer = TypeVar("Answer")


class _Absence(Struct, frozen=True):
    """A keeper that did not answer, or refused."""

    code: str
    until: float


class KekRing:
    """Opens providers when they are first needed, and keeps them."""

    def __init__(
        self, folder: Path, config: KekConfig, log: Log, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._folder = folder
        self._config = config
        self._log = log
        self._monotonic = monotonic
        self._entries = kek_entries(folder)
        self._kinds: dict[str, KekKind] = {}
        self._opened: dict[str, KekProvider] = {}
        self._patience: dict[str, Patience] = {}
        self._absent: dict[str, _Absence] = {}
        self._ahead = Ahead()
        self._current = ""

    @property
    def version(self) -> str:
        """The current version."""
        return self._current

    @property
    def entries(self) -> Mapping[str, KekEntry]:
        """Every version that has a file here, by version."""
        return self._entries

    def use(self, version: str) -> None:
        """Make a version the current one."""
        self._current = version

    def wrap(self, data_key: bytes | bytearray, context: bytes) -> bytes:
        """Wrap under the current version."""
        return self.wrap_under(self._current, data_key, context)

    def wrap_under(self, version: str, data_key: bytes | bytearray, context: bytes) -> bytes:
        """Wrap under one version; raises `KekUnavailableError`."""
        return self._ask(version, lambda kek: kek.wrap(data_key, context))

    def unwrap(self, wrapped: bytes, context: bytes, version: str) -> bytearray:
        """Unwrap under the version that wrapped; raises `KekError` for one that is not on the ring."""
        return self._ask(version, lambda kek: kek.unwrap(wrapped, context, version))

    def is_here(self, version: str) -> bool:
        """True for a key that lies here, and for one that is not on the ring: nobody need be asked."""
        entry = self._entries.get(version)
        return entry is None or entry.key is not None

    async def ahead(self, what: Hashable, work: Callable[[], Answer]) -> Answer:
        """Do work that asks a keeper beside the event loop, once for all who want `what`; gives its end."""
        return await self._ahead.run(what, work)

    async def awake(self) -> None:
        """Find out beside the event loop whether the current version can be used, before work that needs it.

        If it cannot, that is known afterwards, and the work is refused at once.
        """
        if not self.is_here(self._current):
            with contextlib.suppress(KekError, KekUnavailableError):
                await self.ahead("health", self.health)

    def health(self) -> None:
        """Raise `KekUnavailableError` if the current version cannot be used now."""
        self.check(self._current)

    def check(self, version: str) -> None:
        """Raise `KekError` or `KekUnavailableError` if a version cannot be used now."""
        self._ask(version, lambda kek: kek.health())

    def await_keeper(self, version: str, sleep: Callable[[float], None] = time.sleep) -> None:
        """At start: ask a few times; raises `StartError` if the keeper stays away."""
        for _ in range(START_TRIES - 1):
            try:
                self._patiently(version, lambda kek: kek.health())
            except KekUnavailableError as error:
                self._log("kek_unavailable", kek=version, code=error.code)
                sleep(START_PAUSE_S)
            else:
                return
        try:
            self._patiently(version, lambda kek: kek.health())
        except KekUnavailableError as error:
            raise unavailable(error) from error

    def make(self, provider: str, key: str, *, first: bool = False) -> KekEntry:
        """A new version that nothing uses yet; one that an interrupted try left is taken up.

        Raises `StartError` for settings that cannot work, `KekUnavailableError`, `OSError` (disk full).
        """
        if provider == FILE:
            if key:
                raise StartError("kek_key_unused", "a KEK in a file has no other name", "leave out --key")
            entry = add_file_kek(self._folder, first=first)
        else:
            made = self._changing(provider, lambda kind: kind.make(key))
            entry = add_description(self._folder, made)
        self._entries = {**self._entries, entry.version: entry}
        return entry

    def destroy_key(self, version: str) -> float | None:
        """Destroy a version's key; gives when that is final (Unix seconds; None: now). Safe to repeat."""
        entry = self._entries.get(version)
        if entry is None:
            return None  # an earlier try came so far
        if entry.description.provider == FILE:
            self.forget(version)
            return None
        description = entry.description
        return self._changing(description.provider, lambda kind: kind.destroy(description))

    def forget(self, version: str) -> None:
        """Remove a destroyed version's file, which is overwritten first. Safe to repeat."""
        entry = self._entries.get(version)
        if entry is not None:
            wipe_file(entry.path)
            self._entries = {name: each for name, each in self._entries.items() if name != version}
            self._opened.pop(version, None)
        else:
            wipe_left(self._folder)

    def _provider(self, version: str) -> KekProvider:
        if version not in self._opened:
            entry = self._entries.get(version)
            if entry is None:
                raise KekError(f"the KEK {version} is not on the ring")
            self._opened[version] = entry.key or self._open(entry)
        return self._opened[version]

    def _open(self, entry: KekEntry) -> KekProvider:
        return self._kind(entry.description.provider).open(entry.description)

    def _kind(self, provider: str) -> KekKind:
        """One for all versions of a provider: they may share a session."""
        if provider not in self._kinds:
            self._kinds[provider] = kind_of(provider, self._config)
        return self._kinds[provider]

    def _ask(self, version: str, ask: Callable[[KekProvider], Answer]) -> Answer:
        absence = self._absent.get(version)
        if absence is not None and self._monotonic() < absence.until:
            raise KekUnavailableError(absence.code, f"the KEK {version} could not be used a moment ago")
        try:
            return self._patiently(version, ask, briefly=absence is not None)
        except (KekUnavailableError, StartError) as error:
            self._absent[version] = _Absence(error.code, self._monotonic() + PAUSE_S)
            self._log("kek_unavailable", kek=version, code=error.code)
            if isinstance(error, KekUnavailableError):
                raise
            # Its PIN file is gone, its extra was removed: the same to who waits.
            raise KekUnavailableError(error.code, str(error)) from error

    def _patiently(
        self, version: str, ask: Callable[[KekProvider], Answer], *, briefly: bool = False
    ) -> Answer:
        """Ask; a key that lies here at once, another one's keeper in a thread for a bounded time."""
        if self.is_here(version):
            return ask(self._provider(version))
        patience_s = self._config.timeout_s * (1 if version in self._opened else OPENING)
        keeper = self._keeper(self._entries[version].description.provider)
        return keeper.run(lambda: self._answered(version, ask), AGAIN_S if briefly else patience_s)

    def _answered(self, version: str, ask: Callable[[KekProvider], Answer]) -> Answer:
        try:
            answer = ask(self._provider(version))
        except KekError:  # its own word: it is there
            self._absent.pop(version, None)
            raise
        self._absent.pop(version, None)
        return answer

    def _changing(self, provider: str, change: Callable[[KekKind], Answer]) -> Answer:
        patience_s = self._config.timeout_s * CHANGING
        return self._keeper(provider).run(lambda: change(self._kind(provider)), patience_s)

    def _keeper(self, provider: str) -> Patience:
        return self._patience.setdefault(provider, Patience())

    def __repr__(self) -> str:
        return f"<KekRing {self._current} of {len(self._entries)}>"

    def __reduce__(self) -> Never:
        raise TypeError("a KEK ring cannot be copied or pickled")


def unavailable(error: KekUnavailableError) -> StartError:
    """The refusal to start without a KEK's keeper."""
    return StartError(
        "kek_unavailable",
        f"the KEK cannot be used ({error})",
        "look at its keeper (token, KMS, Transit) and at the [kek] settings, then start again",
    )
