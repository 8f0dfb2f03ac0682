"""A flood of forged tokens is not looked at for long, and stops nobody whose session is known."""

from __future__ import annotations

import time

import pytest

from sealgate.proxy.errors import ProxyError
from sealgate.proxy.forgeries import A_SECOND, AT_ONCE, KEPT, Forgeries
from sealgate.session import SigningKey
from tests.proxy.world import World


def forged(world: World) -> str:
    """Signed by a stranger in the name of a key that is known."""
    return world.token(key=SigningKey.generate(world.key.kid))


def test_so_many_are_looked_at_then_some_each_second() -> None:
    forgeries, now_s = Forgeries(), 1_000.0
    for _ in range(AT_ONCE):
        forgeries.check("app_1", now_s)
        forgeries.found("app_1", now_s)
    with pytest.raises(ProxyError) as refused:
        forgeries.check("app_1", now_s)
    assert (refused.value.code, refused.value.status) == ("too_busy", 503)
    forgeries.check("app_2", now_s)
    forgeries.check("app_1", now_s + 1.01 / A_SECOND)
    assert (forgeries.counted, forgeries.unread) == (AT_ONCE, 1)


def test_applications_with_forgeries_are_kept_in_bounds_the_longest_ago_go_first() -> None:
    forgeries, now_s = Forgeries(), 1_000.0
    for number in range(KEPT + 10):
        for _ in range(AT_ONCE):
            forgeries.found(f"app_{number}", now_s)
    assert len(forgeries) == KEPT
    forgeries.check("app_0", now_s)
    with pytest.raises(ProxyError):
        forgeries.check(f"app_{KEPT}", now_s)


async def test_in_a_flood_new_sessions_wait_and_known_ones_and_others_go_on(world: World) -> None:
    known = world.token()
    assert (await world.chat(token=known)).status == 200
    assert (await world.chat(token=forged(world))).error["code"] == "invalid_session"
    forgeries = world.running.parts.sessions.forgeries
    assert forgeries.counted == 1
    for _ in range(2 * AT_ONCE):
        forgeries.found(world.application, time.time())
    unread = await world.chat(token=forged(world))
    assert (unread.status, unread.error["code"], unread.headers["retry-after"]) == (503, "too_busy", "1")
    assert (await world.chat(token=world.token(user="new"))).status == 503
    assert (await world.chat(token=known)).status == 200
    page = (await world.admin("/metrics")).body.decode()
    assert "unread_sessions_total 2" in page


@pytest.mark.parametrize("kind", ["a stranger's key id", "garbage", "another application's"])
async def test_what_needs_no_signature_to_be_refused_does_not_count(world: World, kind: str) -> None:
    token = {
        "a stranger's key id": world.token(key=SigningKey.generate()),
        "garbage": "x.y.z",
        "another application's": world.token(application="app_" + "a" * 20),
    }[kind]
    assert (await world.chat(token=token)).error["code"] == "invalid_session"
    assert world.running.parts.sessions.forgeries.counted == 0
