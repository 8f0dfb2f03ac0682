"""How many keys a proxy may have opened in a minute, and whose: by the user that the kernel names."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any, cast

import pytest

from sealgate.ids import new_id
from sealgate.log import LineLog
from sealgate.messages.frames import RefusedError
from sealgate.messages.opening import Renew
from sealgate.messages.server import Peer
from sealgate.vault.events import EVENTS
from sealgate.vault.quotas import ProxyRule, Quotas
from tests.vault.audits import rows
from tests.vault.deployment import (
    Addresses,
    Clock,
    canary_key,
    running,
    ticket_order,
    vault_config,
)
from tests.vault.still import StillVault

ME = os.geteuid()


class World:
    """Quotas with a clock and a log of their own."""

    def __init__(self, *rules: ProxyRule, default: int = 3) -> None:
        self.clock, self.lines = Clock(), io.StringIO()
        self.quotas = Quotas(rules, default, self.clock, LineLog("vault", EVENTS, self.lines))

    def taken(self, uid: int, count: int, name: str = "prx") -> int:
        return sum(self.quotas.take(uid, name) for _ in range(count))


def test_a_proxy_has_its_quota_in_each_minute_and_no_more() -> None:
    world = World()
    assert world.taken(1, 10) == 3
    world.clock.now_s += 60
    assert world.taken(1, 10) == 3


def test_another_name_gives_no_other_quota_and_another_user_does() -> None:
    world = World()
    assert world.taken(1, 2, "prx_a") + world.taken(1, 2, "prx_b") == 3
    assert world.taken(2, 5, "prx_a") == 3


def test_a_rule_gives_its_user_a_quota_of_its_own() -> None:
    world = World(ProxyRule(7, "edge", opens_per_minute=5), ProxyRule(8, "shop"))
    assert (world.taken(7, 9), world.taken(8, 9), world.taken(9, 9)) == (5, 3, 3)


def test_what_was_over_is_told_once_a_minute_with_the_count() -> None:
    world = World(ProxyRule(7, "edge", opens_per_minute=5))
    world.taken(7, 105, "calls-itself-so")
    world.taken(1, 4, "prx_x")
    assert world.lines.getvalue() == ""
    world.quotas.settle()
    assert world.lines.getvalue() == ""  # the minute is not over
    world.clock.now_s += 60
    world.quotas.settle()
    told = world.lines.getvalue()
    assert "opens_over_quota uid=7 proxy=edge count=100 quota=5" in told
    assert "opens_over_quota uid=1 proxy=prx_x count=1 quota=3" in told
    world.quotas.settle()
    assert world.lines.getvalue() == told


def test_the_next_minutes_first_open_tells_of_the_one_before() -> None:
    world = World()
    world.taken(1, 5)
    world.clock.now_s += 61
    world.taken(1, 1)
    assert "count=2" in world.lines.getvalue()


def test_at_the_end_the_minute_under_way_is_told() -> None:
    world = World()
    world.taken(1, 5)
    world.taken(2, 1)
    world.quotas.close()
    assert world.lines.getvalue().count("opens_over_quota") == 1


def test_how_long_to_wait_is_until_the_next_minute() -> None:
    world = World()
    world.clock.now_s = 60_000 + 45
    assert world.quotas.seconds_left() == 16


async def test_over_quota_nothing_is_opened_and_the_refusal_has_its_own_code(
    folder: Path, assets: Path, clock: Clock, log: io.StringIO
) -> None:
    config = vault_config(folder, opens_per_minute=3)
    async with running(config, clock, log, assets) as vault:
        at, key = Addresses(), canary_key()
        credential = await vault.sealed_key(at, key)
        for _ in range(3):
            assert (await vault.open(at, credential))[1] == key
        with pytest.raises(RefusedError, match="open_quota") as refused:
            await vault.open(at, credential)
        assert "ask again in " in refused.value.refusal.hint
        await vault.proxy.ask(Renew(credential=credential, version=1))  # what it holds it may keep
        clock.now_s += 60
        assert (await vault.open(at, credential))[1] == key
    assert [fields["count"] for *_, fields in rows(config.data_dir / "vault.db", "opens_over_quota")] == [1]
    assert rows(config.data_dir / "vault.db", "open_refused") == []


async def test_opens_that_are_refused_count_too(
    folder: Path, assets: Path, clock: Clock, log: io.StringIO
) -> None:
    async with running(vault_config(folder, opens_per_minute=3), clock, log, assets) as vault:
        at = Addresses()
        credential = await vault.sealed_key(at, canary_key())
        for _ in range(3):
            with pytest.raises(RefusedError, match="no_credential"):
                await vault.open(at, new_id("cred"))
        with pytest.raises(RefusedError, match="open_quota"):
            await vault.open(at, credential)


def test_a_key_of_an_organization_that_is_not_listed_looks_as_if_it_were_not_there(tmp_path: Path) -> None:
    listed, other = Addresses(), Addresses()
    rule = ProxyRule(uid=ME, name="edge", organizations=(listed.organization,))
    with StillVault(tmp_path, proxies=(rule,)) as vault:
        key = canary_key()
        ours = vault.deposit(ticket_order(listed), key)
        theirs = vault.deposit(ticket_order(other), canary_key())
        assert vault.opens(listed, ours) == key
        with pytest.raises(RefusedError) as refused:
            vault.opens(other, theirs)
        with pytest.raises(RefusedError) as unknown:
            vault.opens(other, new_id("cred"))
        assert refused.value.refusal == unknown.value.refusal
        with pytest.raises(RefusedError, match="no_credential"):
            renew(vault, theirs)
        renew(vault, ours)
        assert vault.log.getvalue().count("cause=not_listed") == 3


def test_naming_a_listed_organization_gives_no_key_of_another(tmp_path: Path) -> None:
    listed, other = Addresses(), Addresses()
    rule = ProxyRule(uid=ME, name="edge", organizations=(listed.organization,))
    with StillVault(tmp_path, proxies=(rule,)) as vault:
        theirs = vault.deposit(ticket_order(other), canary_key())
        asked = Addresses(listed.organization, other.application)
        with pytest.raises(RefusedError, match="no_credential"):
            vault.opens(asked, theirs)
        assert "cause=other_organization" in vault.log.getvalue()


@pytest.mark.parametrize(
    "changes",
    [
        {"opens_per_minute": 0},
        {"opens_per_minute": 10_000_001},
        {"opens_days": 0},
        {"audit_days": 0},
        {"proxies": (ProxyRule(1, "a b"),)},
        {"proxies": (ProxyRule(1, "a"), ProxyRule(1, "b"))},
        {"proxies": (ProxyRule(1, "a", opens_per_minute=-1),)},
        {"proxies": (ProxyRule(1, "a", organizations=("org_x",)),)},
    ],
    ids=["no opens", "too many", "no days", "no days of audit", "name", "twice", "negative", "organization"],
)
def test_limits_that_cannot_be_meant_are_refused_with_a_hint(folder: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="hint: "):
        vault_config(folder, **changes)


def renew(vault: StillVault, credential: str) -> None:
    peer = cast(Peer, _Me())
    vault._opener.handle(peer, Renew(credential=credential, version=1))


class _Me:
    name = "test"
    uid = ME
