"""Calls to a keeper that hangs: given up in time, never repeated meanwhile, and no hindrance later."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from sealgate.log import NullLog
from sealgate.vault.events import EVENTS
from sealgate.vault.kek import KekDescription, KekError, KekUnavailableError
from sealgate.vault.kek_config import KekConfig
from sealgate.vault.kek_folder import add_description
from sealgate.vault.kek_patience import Ahead, Patience
from sealgate.vault.kek_ring import KekRing


def test_an_answer_and_an_error_come_back_to_who_asked() -> None:
    patience = Patience()
    assert patience.run(lambda: 7, 5) == 7

    def refuses() -> None:
        raise KekError("no")

    with pytest.raises(KekError, match="no"):
        patience.run(refuses, 5)
    assert patience.run(lambda: 8, 5) == 8


def test_a_call_that_hangs_is_given_up_and_the_next_one_waits_for_its_end() -> None:
    patience, over, calls = Patience(), threading.Event(), []

    def hangs() -> None:
        calls.append(1)
        over.wait(30)

    for _ in range(3):
        with pytest.raises(KekUnavailableError) as refused:
            patience.run(hangs, 0.05)
        assert refused.value.code == "timeout"
    assert len(calls) == 1
    over.set()
    assert patience.run(lambda: "there", 30) == "there"


def test_what_the_turn_took_is_not_given_again_for_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter((0.0, 5.0))  # asked, and at its turn
    monkeypatch.setattr("sealgate.vault.kek_patience.time.monotonic", lambda: next(moments))
    never = threading.Event()
    with pytest.raises(KekUnavailableError) as refused:
        Patience().run(lambda: never.wait(0.2), 5.0)
    assert refused.value.code == "timeout"


def test_a_machine_without_a_thread_to_spare_is_said_and_the_next_call_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def none_left(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    patience = Patience()
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", none_left)
        with pytest.raises(KekUnavailableError) as refused:
            patience.run(lambda: 7, 5)
        assert refused.value.code == "no_thread"
    assert patience.run(lambda: 7, 5) == 7


class Slow:
    """A keeper that answers when it is told to."""

    version = ""

    def __init__(self) -> None:
        self.may = threading.Event()
        self.answered = threading.Event()
        self.unwraps = True

    def wrap(self, data_key: bytes | bytearray, context: bytes) -> bytes:
        self.may.wait(30)
        return bytes(data_key) + context

    def unwrap(self, wrapped: bytes, context: bytes, version: str) -> bytearray:
        self.may.wait(30)
        raise KekError("not mine")

    def health(self) -> None:
        """Well, once it may speak."""
        self.may.wait(30)


def ring_of(folder: Path, keeper: Slow) -> tuple[KekRing, str]:
    entry = add_description(folder, KekDescription("transit", {"mount": "transit", "key": "k"}))
    ring = KekRing(folder, KekConfig(timeout_s=0.05), NullLog(EVENTS), lambda: 0.0)
    ring._opened[entry.version] = keeper
    ring.use(entry.version)
    return ring, entry.version


def test_a_keeper_that_answers_too_late_is_found_there_by_the_next_call(tmp_path: Path) -> None:
    keeper = Slow()
    ring, version = ring_of(tmp_path, keeper)
    for _ in range(2):  # the second one is refused at once: it is left alone
        with pytest.raises(KekUnavailableError) as refused:
            ring.wrap(b"d", b"c")
        assert refused.value.code == "timeout"
    keeper.may.set()
    while version in ring._absent:  # until the late answer is there
        threading.Event().wait(0.001)
    assert ring.wrap(b"d", b"c") == b"dc"


def test_a_keepers_own_no_is_a_sign_of_life(tmp_path: Path) -> None:
    keeper = Slow()
    ring, version = ring_of(tmp_path, keeper)
    with pytest.raises(KekUnavailableError):
        ring.unwrap(b"x", b"c", version)
    keeper.may.set()
    while version in ring._absent:
        threading.Event().wait(0.001)
    with pytest.raises(KekError):
        ring.unwrap(b"x", b"c", version)


async def test_who_is_cancelled_ahead_leaves_the_line_to_others() -> None:
    ahead = Ahead()
    may = threading.Event()
    first = asyncio.create_task(ahead.run("first", lambda: may.wait(10)))
    second = asyncio.create_task(ahead.run("second", lambda: 2))
    await asyncio.sleep(0)
    ahead._calls["second"].cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    may.set()
    assert await first
    assert await ahead.run("second", lambda: 3) == 3
