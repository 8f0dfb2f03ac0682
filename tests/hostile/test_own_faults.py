"""Faults of the disk, of the loop and of connecting: each exchange still gets its one answer."""

from __future__ import annotations

import asyncio
import errno
import os
from typing import Never

import msgspec
import pytest

from sealgate.ids import new_id
from sealgate.policy.document import Limits
from sealgate.proxy import exchange, process
from sealgate.proxy.epoch import SETTLED, Epoch
from sealgate.proxy.segments import Segment
from sealgate.proxy.upstream import Upstream
from tests.proxy.world import World, until


def no_space(*_arguments: object) -> Never:
    raise OSError(errno.ENOSPC, "no space")


async def test_a_disk_that_refuses_the_end_of_an_exchange_costs_no_answer(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = Epoch._append

    def refuse_ends(epoch: Epoch, kind: int, payload: bytes) -> Segment:
        return no_space() if kind == SETTLED else append(epoch, kind, payload)

    monkeypatch.setattr(Epoch, "_append", refuse_ends)
    assert (await world.chat()).status == 200
    refused = await world.chat()
    assert (refused.status, refused.error["code"]) == (503, "journal_unavailable")
    assert (await world.admin("/readyz")).status == 503
    monkeypatch.undo()
    await until(world.running.parts.journal.ready)
    assert (await world.chat()).status == 200
    await until(lambda: len(world.console.usage) == 2)
    assert "journal_unwritten" in world.log.getvalue()


async def test_a_disk_that_does_not_flush_is_said_once_and_ends_nothing(
    stopped: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushes: list[int] = []

    def fail(descriptor: int) -> Never:
        flushes.append(descriptor)
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(process, "SAVE_S", 0.01)
    monkeypatch.setattr(os, "fdatasync", fail)
    await stopped.start_proxy()
    await stopped.connected()
    await until(lambda: len(flushes) > 3)
    assert (await stopped.chat()).status == 200
    assert stopped.log.getvalue().count("journal_not_flushed") == 1


async def test_a_connection_that_fails_in_no_known_way_ends_the_exchange(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_arguments: object) -> Never:
        raise RuntimeError("canary")

    monkeypatch.setattr(world.running.parts.pool.way_out, "connect", fail)
    answer = await world.chat()
    assert (answer.status, answer.error["code"]) == (500, "internal_error")
    assert not world.running.parts.running
    assert (await world.record()).status == 500
    assert "canary" not in world.log.getvalue()


async def test_a_connection_that_never_comes_ends_the_exchange(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(*_arguments: object) -> Never:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    monkeypatch.setattr(exchange, "CONNECT_GRACE_S", 0.05)
    monkeypatch.setattr(world.running.parts.pool.way_out, "connect", hang)
    world.publish(Limits(requests_per_minute=100, connect_s=0.05))
    answer = await world.chat()
    assert (answer.status, answer.error["code"]) == (504, "provider_timeout")
    assert not world.running.parts.running


async def test_a_connection_that_is_lost_at_once_is_an_error_that_time_may_fix(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = world.running.parts.pool

    async def lost(origin: object, _make: object, _timeout_s: float) -> Upstream:
        return Upstream(pool, pool.way_out.origin(world.provider.origin))

    monkeypatch.setattr(pool.way_out, "connect", lost)
    answer = await world.chat()
    assert (answer.status, answer.error["code"]) == (502, "provider_unreachable")
    assert not pool.all


async def test_what_nobody_caught_is_an_event_and_not_a_traceback(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    fault = {"message": "canary words", "exception": ValueError("canary")}
    asyncio.get_running_loop().call_exception_handler(fault)
    assert "loop_fault" in world.log.getvalue()
    assert "ValueError" in world.log.getvalue()
    assert "canary" not in world.log.getvalue() + capfd.readouterr().err


@pytest.mark.parametrize(
    "policy",
    [b"\x91" * 100_000 + b"\xc0", b"\x81\xa6models" + b"\x91" * 900 + b"\xc0", b"\x05"],
    ids=["nested beyond measure", "nested", "a number"],
)
async def test_one_document_that_cannot_be_read_disturbs_no_other_application(
    world: World, policy: bytes
) -> None:
    assert (await world.chat()).status == 200
    bad = world.document(application=new_id("app"), policy=msgspec.Raw(policy))
    world.console.publish(bad)
    refused = await world.chat(token=world.token(application=bad.application))
    assert refused.status == 503
    world.publish()
    await until(lambda: (world.application, 2) in world.running.parts.applications.ids())
    assert (await world.chat()).status == 200
    assert "console_lost" not in world.log.getvalue()


async def test_a_known_application_whose_new_document_cannot_be_read_is_served_no_more(world: World) -> None:
    assert (await world.chat()).status == 200
    world.publish(policy=msgspec.Raw(b"\x91" * 100_000 + b"\xc0"))
    await until(lambda: not world.running.parts.applications.ids())
    assert (await world.chat()).status == 503
    world.publish()
    assert (await world.chat()).status == 200
    assert "application_damaged" in world.log.getvalue()
