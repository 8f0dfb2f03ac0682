"""The limit store: is it there, does it let us in, is it new enough, does it run our scripts and keep counts.

Counterpart: `sealgate.proxy.store_link`, whose way to it is gone here. Writes nothing there but the scripts,
which every proxy loads.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from typing import Final

from sealgate.doctor.findings import Case, Finding, ok, problem, warning
from sealgate.proxy.store_calls import Names, restate
from sealgate.proxy.store_config import StoreConfig
from sealgate.proxy.store_link import Links, Refused, answered
from sealgate.proxy.store_wire import Reply, StoreError

OLDEST: Final = (6, 2)
CHECK: Final = "limits"
PATIENCE_S: Final = 5.0
_VERSION: Final = re.compile(r"(\d{1,4})\.(\d{1,4})")

Answers = Mapping[str, str]


def limits(case: Case) -> Iterator[Finding]:
    """Where limits are counted."""
    store = case.settings.limits.limit_store()
    if store is None:
        yield ok(CHECK, "the proxy counts limits and budgets by itself")
        return
    try:
        info, ran = asyncio.run(_asked(store, case.settings.instance))
    except (OSError, TimeoutError, Refused) as error:
        code = str(error) if isinstance(error, Refused) else type(error).__name__
        yield problem(CHECK, f"the limit store {store.address} cannot be used: {code}", _hint(code))
        return
    yield from _told(store, info, ran)


def _hint(code: str) -> str:
    """What to do about an error."""
    if code.startswith(("NOAUTH", "WRONGPASS", "NOPERM")):
        return "look at limits.store_user, limits.store_password_file and the user's rights at the store"
    if "SSL" in code:
        return "look at limits.store_ca_file and the store's certificate"
    return "start it, or correct limits.store; until then each limit does what limits.*_while_away says"


def _told(store: StoreConfig, info: Answers, ran: Reply) -> Iterator[Finding]:
    name = "Valkey" if "valkey_version" in info else "Redis"
    version = info.get("valkey_version") or info.get("redis_version", "")
    match = _VERSION.match(version)
    if isinstance(ran, StoreError) or ran is None:
        code = str(ran) if ran is not None else "no answer"
        yield problem(CHECK, f"the limit store {store.address} does not run our scripts: {code}", _hint(code))
    elif match is not None and (int(match[1]), int(match[2])) < OLDEST:
        yield problem(
            CHECK, f"the limit store {store.address} is {name} {version}", "take 6.2 or newer of either"
        )
    else:
        told = f"{name} {version}" if match else "of a version that it does not tell us"
        yield ok(CHECK, f"the limit store {store.address} ({told}) answers and runs our scripts")
    if info.get("maxmemory", "0") != "0" and info.get("maxmemory_policy") not in (None, "noeviction"):
        yield warning(
            CHECK,
            f"the limit store forgets counts when its memory is full ({info['maxmemory_policy']})",
            "set maxmemory-policy to noeviction, and give it memory enough",
        )


async def _asked(store: StoreConfig, instance: str) -> tuple[Answers, Reply]:
    """What it says of itself, and what a script said that had nothing to do. As a proxy connects."""
    async with asyncio.timeout(PATIENCE_S):
        link = await Links(store, lambda _link: None, lambda _why: None).connect()
        try:
            info = await answered(link, ["INFO"])
            ran = await answered(link, restate(Names(instance), "doctor", ()))
        finally:
            link.abort("closed")
            await link.lost
    return _lines(info), ran


def _lines(info: Reply) -> Answers:
    """Empty where it does not tell."""
    if not isinstance(info, bytes):
        return {}
    pairs = (line.partition(":") for line in info.decode("utf-8", "replace").splitlines())
    return {name: value.strip() for name, _colon, value in pairs}
