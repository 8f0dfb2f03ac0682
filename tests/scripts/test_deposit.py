"""`sealgate deposit` against a real vault: the key goes in sealed, to the right place, or not at all."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pty
import select
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from sealgate.envelope import fingerprint
from sealgate.scripts.deposit import Order, deposit
from sealgate.scripts.failures import Exit, ScriptError
from sealgate.scripts.records import Ways
from sealgate.scripts.talking import Answer, Connection
from tests.scripts.house import House, house
from tests.vault.deployment import ORIGIN, Addresses, canary_key, unbase64
from tests.vault.people import connected_people

pytestmark = pytest.mark.asyncio(loop_scope="module")

SEEDED = ("deposit", "--application")


async def pinned(here: House) -> str:
    """The words of the vault's sealing key, as somebody on the vault's machine would read them."""
    at = Addresses(here.seeded.organization, here.seeded.application)
    issued = await here.vault.ticket(at)
    host = {"host": here.config.vault_url.removeprefix("http://")}
    seen = (await here.vault.post("/deposit/ticket", {"ticket": issued.ticket}, host)).json
    return fingerprint((each["suite"], unbase64(each["public_key"])) for each in seen["keys"]).words


async def opened(here: House, credential: str) -> bytes:
    at = Addresses(here.seeded.organization, here.seeded.application)
    return (await here.vault.open(at, credential))[1]


async def addon(here: House) -> Any:
    path = f"/api/v1/applications/{here.seeded.application}/add-on"
    return (await asyncio.to_thread(here.connection().ask, "GET", path)).plain()


async def test_a_key_from_a_pipe_is_sealed_and_can_be_opened_by_a_proxy_alone(here: House) -> None:
    key, words = canary_key(), await pinned(here)
    done = await here.sealgate(
        *SEEDED, here.seeded.application, "--origin", ORIGIN, "--fingerprint", words, typed=key + b"\n"
    )
    assert done.code == 0, done.told
    assert "sealed    cred_" in done.out
    assert f"key       …{key[-4:].decode()}" in done.out
    found = await addon(here)
    assert found["state"] == "active"
    assert await opened(here, found["credential"]) == key
    assert key.decode() not in done.told
    assert b"Larkspur" in done.err.encode()
    stored = b"".join(p.read_bytes() for p in here.config.data_dir.rglob("*") if p.is_file())
    assert key not in stored


async def test_a_second_key_needs_no_destination_and_takes_over(here: House) -> None:
    words = await pinned(here)
    first, second = canary_key(), canary_key()
    pin = ("--fingerprint", words)
    await here.sealgate(*SEEDED, here.seeded.application, "--origin", ORIGIN, *pin, typed=first)
    done = await here.sealgate(*SEEDED, here.seeded.application, *pin, typed=second + b"\r\n")
    assert done.code == 0, done.told
    assert "version 2" in done.out
    assert await opened(here, (await addon(here))["credential"]) == second


async def test_a_key_for_another_destination_takes_over_once_it_is_there(here: House) -> None:
    words, key = await pinned(here), canary_key()
    pin = ("--fingerprint", words)
    await here.sealgate(*SEEDED, here.seeded.application, "--origin", ORIGIN, *pin, typed=canary_key())
    europe = "https://eu.api.openai.com"
    done = await here.sealgate(*SEEDED, here.seeded.application, "--origin", europe, *pin, typed=key)
    assert done.code == 0, done.told
    assert (await addon(here))["origin"] == europe


async def test_without_a_terminal_and_a_pin_nothing_is_read_and_the_words_are_shown(here: House) -> None:
    done = await here.sealgate(*SEEDED, here.seeded.application, "--origin", ORIGIN, typed=canary_key())
    assert done.code == 77
    assert f"--fingerprint {await pinned(here)}" in done.err
    assert (await addon(here))["state"] == "awaited"


async def test_another_fingerprint_than_the_pinned_one_ends_it(here: House) -> None:
    other = fingerprint([(1, b"\x01" * 32)])
    for written in (other.words, other.hexadecimal, "lusab"):
        done = await here.sealgate(
            *SEEDED, here.seeded.application, "--origin", ORIGIN, "--fingerprint", written, typed=canary_key()
        )
        assert done.code == 77
        assert "another fingerprint than the pinned one" in done.err


KEYS = {
    "empty": (b"", "There is no key"),
    "space": (b"sk-sim-canary 0123456789abcdef", "contains a space"),
    "two lines": (b"sk-sim-canary-0123456789\nabcdef0123456789", "line break"),
    "short": (b"sk-sim-canary", "too short"),
    "control": (b"sk-sim-canary-0123456789\x00abcdef", "control"),
    "not ascii": ("sk-sim-canary-0123456789-ä".encode(), "no provider key has"),
    "long": (b"k" * 511, "too long"),
    "huge": (b"k" * 9_000, "far too long"),
}


async def test_what_cannot_be_a_key_is_refused_without_being_quoted(here: House) -> None:
    words = await pinned(here)
    for typed, told in KEYS.values():
        done = await here.sealgate(
            *SEEDED, here.seeded.application, "--origin", ORIGIN, "--fingerprint", words, typed=typed
        )
        assert done.code == 65, done.told
        assert told in done.err
        assert "canary" not in done.told
        assert "kkkk" not in done.told


async def test_an_unclear_or_unknown_destination_lists_those_of_the_vault(here: House) -> None:
    for words in ((), ("--origin", "https://evil.example"), ("--provider", "other")):
        done = await here.sealgate(*SEEDED, here.seeded.application, *words, typed=canary_key())
        assert done.code == 65
        assert f"--provider openai --origin {ORIGIN}" in done.err


async def test_an_unknown_application_is_told(here: House) -> None:
    done = await here.sealgate(*SEEDED, "nowhere", "--origin", ORIGIN, typed=canary_key())
    assert done.code == 1
    assert "There is nothing here" in done.err


class Lying(Connection):
    """A console that asks the vault for something else than it was asked for."""

    def __init__(self, here: House, change: Callable[[dict[str, Any]], None]) -> None:
        super().__init__(here.config.public_url, {"authorization": f"Bearer {here.token}"})
        self._change = change

    def ask(self, method: str, path: str, body: object = None, headers: Any = None) -> Answer:
        if path.endswith("/tickets"):
            assert isinstance(body, dict)
            self._change(body)
        return super().ask(method, path, body, headers)


def ways(here: House, reads: list[str], **changes: Any) -> Ways:
    def read_key() -> bytearray:
        reads.append("read")
        return bytearray(canary_key())

    usual: dict[str, Any] = {
        "read_key": read_key,
        "confirmed": lambda _question: True,
        "say": lambda _line: None,
    }
    return Ways(**(usual | changes))


def plain(url: str) -> Connection:
    return Connection(url, {})


async def test_a_console_that_asked_for_another_destination_gets_no_key(here: House) -> None:
    def elsewhere(body: dict[str, Any]) -> None:
        body["origin"] = "https://eu.api.openai.com"

    reads: list[str] = []
    order = Order(here.seeded.application, origin=ORIGIN)
    with pytest.raises(ScriptError, match="not what was asked for") as refused:
        await asyncio.to_thread(deposit, order, Lying(here, elsewhere), ways(here, reads), plain)
    assert refused.value.exit_code is Exit.NOT_ALLOWED
    assert reads == []


async def test_no_is_taken_for_an_answer_before_a_key_is_read(here: House) -> None:
    reads: list[str] = []
    order = Order(here.seeded.application, origin=ORIGIN)
    asking = ways(here, reads, confirmed=lambda _question: False)
    with pytest.raises(ScriptError, match="no key was read"):
        await asyncio.to_thread(deposit, order, here.connection(), asking, plain)
    assert reads == []


async def test_the_key_that_was_read_is_wiped_even_when_it_is_refused(here: House) -> None:
    for text in (canary_key(), b"too short"):
        taken = bytearray(text)
        asking = ways(here, [], read_key=lambda taken=taken: taken)
        order = Order(here.seeded.application, origin=ORIGIN)
        with contextlib.suppress(ScriptError):
            await asyncio.to_thread(deposit, order, here.connection(), asking, plain)
        assert set(taken) == {0}


async def test_at_a_terminal_the_fingerprint_is_asked_and_the_key_is_not_shown(here: House) -> None:
    key = canary_key()
    words = ("deposit", "--application", here.seeded.application, "--origin", ORIGIN)
    shown = await asyncio.to_thread(_at_terminal, here, words, key)
    assert "Is this the fingerprint" in shown
    assert "it is not shown" in shown
    assert key.decode() not in shown
    assert await opened(here, (await addon(here))["credential"]) == key


def _at_terminal(here: House, words: tuple[str, ...], key: bytes) -> str:
    """Run it on a pseudo-terminal; answer yes, type the key; give everything that the terminal showed.

    `setsid` makes the terminal the command's own.
    """
    ours, its = pty.openpty()
    added = {"SEALGATE_TOKEN": here.token, "SEALGATE_CONSOLE": here.config.public_url}
    command = ("setsid", "--ctty", sys.executable, "-m", "sealgate", *words)
    with subprocess.Popen(command, stdin=its, stdout=its, stderr=its, env=os.environ | added) as running:
        os.close(its)
        shown = b""
        answers = [(b"[y/N] ", b"y\n"), (b"not shown): ", key + b"\n")]
        while piece := _read(ours, shown):
            shown += piece
            if answers and answers[0][0] in shown:
                os.write(ours, answers.pop(0)[1])
    os.close(ours)
    assert running.returncode == 0, shown
    return shown.decode()


def _read(terminal: int, shown: bytes) -> bytes:
    """What comes next; nothing once the other end is closed."""
    ready, _, _ = select.select([terminal], [], [], 60)
    assert ready, shown
    with contextlib.suppress(OSError):  # Linux: the other end is closed
        return os.read(terminal, 1024)
    return b""


async def test_where_a_passkey_is_needed_the_command_reads_no_key_and_says_where_to_go() -> None:
    async with house(deposits_need_passkey=("all",)) as here:
        async with connected_people(here.vault) as people:
            first = await here.sealgate(*SEEDED, here.seeded.application, "--origin", ORIGIN)
            assert first.code == 1
            assert "sealgate vault administrators invite" in first.err
            await people.enrolled("Ada", here.seeded.organization)
        done = await here.sealgate(
            *SEEDED, here.seeded.application, "--origin", ORIGIN, typed=canary_key() + b"\n"
        )
        assert done.code == 77
        assert "passkey" in done.err
        assert "console" in done.err
        assert (await addon(here))["state"] == "awaited"
