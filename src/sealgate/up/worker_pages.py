"""The pages for operators of a proxy with workers: each worker's own, side by side, by name.

Counterparts: `workers.py`, which names them; `sealgate.proxy.admin`, which each worker shows on a socket.
Metrics get a label `worker`; other pages are one document by name. Must never show more than they do.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from sealgate.proxy.admin import METRICS, Admin, AdminConnection, Json
from sealgate.proxy.config import ProxyConfig

ASK_S: Final = 1.0
_ANY_READY: Final = frozenset({b"/healthz", b"/readyz"})
"""One that answers is enough: it takes what comes."""
_SAMPLE: Final = re.compile(rb"^(\w+)(?:\{(.*)\})? (\S+)$")

Answer = tuple[int, bytes]


class WorkerPages:
    """`workers` gives the sockets by name, as they are now."""

    def __init__(self, workers: Callable[[], Mapping[str, Path]], config: ProxyConfig) -> None:
        self._workers = workers
        self._host_names = frozenset({config.admin_host.encode(), b"localhost", b"127.0.0.1", b"[::1]"})

    def connection(self) -> AdminConnection:
        """The protocol of a new connection."""
        return _Connection(self, self._host_names)

    async def page(self, target: bytes) -> tuple[int, Json | bytes]:
        """Status and body of one page, of all workers."""
        workers = self._workers()
        answers = await asyncio.gather(*(ask(path, target.decode()) for path in workers.values()))
        found = dict(zip(workers, answers, strict=True))
        if target == METRICS:
            return 200, merged({name: body for name, (_status, body) in _there(found).items()})
        well = [each is not None and each[0] == 200 for each in answers]
        status = 200 if (any(well) if target in _ANY_READY else all(well)) else 503
        pages: dict[str, Json] = {
            name: None if each is None else msgspec.json.decode(each[1]) for name, each in found.items()
        }
        return status, {"workers": pages}


class _Connection(AdminConnection):
    """One request; its answer takes a word with every worker."""

    def __init__(self, pages: WorkerPages, host_names: frozenset[bytes]) -> None:
        super().__init__(host_names)
        self._pages = pages
        self._task: asyncio.Task[None] | None = None

    def asked(self, method: bytes, target: bytes) -> None:
        """Ask the workers, then answer."""
        refused = Admin.refused(method, target)
        if refused is not None:
            self.answer(*refused)
            return
        self._task = asyncio.ensure_future(self._ask(target))

    async def _ask(self, target: bytes) -> None:
        self.answer(*await self._pages.page(target))


async def ask(path: Path, target: str) -> Answer | None:
    """A worker's page; None if it does not answer."""
    try:
        async with asyncio.timeout(ASK_S):
            reader, writer = await asyncio.open_unix_connection(str(path))
            with contextlib.closing(writer):
                writer.write(f"GET {target} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode())
                head = await reader.readuntil(b"\r\n\r\n")
                return int(head.split(b" ", 2)[1]), await reader.read()
    except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError):
        return None


def merged(pages: Mapping[str, bytes]) -> bytes:
    """Pages of the text exposition format as one: every family once, every sample with its worker."""
    families: dict[bytes, list[bytes]] = {}
    for name, page in pages.items():
        family: list[bytes] = []
        for line in page.splitlines():
            if line.startswith(b"# HELP "):
                family = families.setdefault(line.split(b" ", 3)[2], [line])
            elif line.startswith(b"# TYPE "):
                if len(family) == 1:
                    family.append(line)
            elif sample := _SAMPLE.match(line):
                labels = b'worker="' + name.encode() + b'"' + (b"," + sample[2] if sample[2] else b"")
                family.append(b"%b{%b} %b" % (sample[1], labels, sample[3]))
    return b"".join(line + b"\n" for family in families.values() for line in family)


def _there(found: Mapping[str, Answer | None]) -> dict[str, Answer]:
    return {name: each for name, each in found.items() if each is not None}
