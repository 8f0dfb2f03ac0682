"""What the machine refuses or does wrong: no room, no lock, no time, no certificate. Each has its words."""

from __future__ import annotations

import asyncio
import http.client
import io
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from sealgate.messages.frames import RefusedError
from sealgate.vault import fields, page_guards, process
from sealgate.vault.config import VaultConfig
from sealgate.vault.database import Database
from sealgate.vault.faults import StartError, StorageError
from sealgate.vault.page_assets import load_assets, transport_headers
from tests.listening.making import make_files
from tests.vault.deployment import HOST, Addresses, Clock, Deployment, canary_key, running, vault_config
from tests.vault.still import StillVault
from tests.vault.test_process import ROOT


def test_a_system_that_allows_memory_dumps_is_refused() -> None:
    program = (
        "import ctypes\n"
        "class Libc:\n"
        "    def __init__(self, *_args, **_options): pass\n"
        "    def prctl(self, *_args): return -1\n"
        "from sealgate.vault import hygiene\n"
        "ctypes.CDLL = Libc\n"
        "try:\n"
        "    hygiene.harden_process()\n"
        "except ValueError as error:\n"
        "    print(error.code, error.hint)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "dumpable run it on Linux\n"


def test_a_subject_that_no_utf_8_can_say_is_malformed() -> None:
    with pytest.raises(RefusedError, match="subject is malformed"):
        fields.check_subject("\ud800")


def test_a_start_that_is_interrupted_lets_the_database_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_connection: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sealgate.vault.database.schema_objects", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Database(tmp_path / "vault.db")
    monkeypatch.undo()
    Database(tmp_path / "vault.db").close()


@pytest.mark.parametrize("name", ["sealing.html", "sealing.js"])
def test_a_page_that_was_not_built_is_named_with_what_to_do(assets: Path, name: str) -> None:
    (assets / name).unlink()
    with pytest.raises(StartError, match="hint: ") as refused:
        load_assets(assets)
    assert refused.value.code


def test_browsers_are_told_to_stay_with_https_where_there_is_https() -> None:
    assert [name for name, _ in transport_headers("https://vault.example")] == ["strict-transport-security"]
    assert not list(transport_headers("http://vault.localhost"))


async def test_memory_that_cannot_be_locked_is_told(
    config: VaultConfig, assets: Path, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_args: object) -> int:
        return -1

    monkeypatch.setattr("sealgate.messages.slot._libc.mlock", refuses)
    async with running(config, Clock(), log, assets):
        assert "memory_not_locked" in log.getvalue()


async def test_counts_are_written_now_and_then_and_a_full_disk_is_told(
    config: VaultConfig, assets: Path, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "FLUSH_EVERY_S", 0.0)

    def fails(*_args: object) -> None:
        raise StorageError("OperationalError")

    async with running(config, Clock(), log, assets) as vault:
        credential = await vault.sealed_key(Addresses(), canary_key())
        assert credential
        monkeypatch.setattr("sealgate.vault.opens.Opens.pieces", fails)
        async with asyncio.timeout(10):
            while "database_failed error=StorageError operation=flush" not in log.getvalue():
                await asyncio.sleep(0)
        monkeypatch.undo()


async def test_counts_that_find_no_room_at_a_stop_are_told_and_hold_nothing_up(
    config: VaultConfig, assets: Path, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_args: object) -> None:
        raise StorageError("OperationalError")

    async with running(config, Clock(), log, assets):
        monkeypatch.setattr("sealgate.vault.opens.Opens.pieces", fails)
    assert "database_failed error=StorageError operation=flush" in log.getvalue()


async def test_an_anchor_that_cannot_be_shortened_is_told_and_tried_again(
    config: VaultConfig, assets: Path, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "FLUSH_EVERY_S", 0.0)

    async def fails(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    async with running(config, Clock(), log, assets):
        monkeypatch.setattr("sealgate.vault.witness.Witness.shorten", fails)
        async with asyncio.timeout(10):
            while "operation=shorten-anchor" not in log.getvalue():
                await asyncio.sleep(0)
        monkeypatch.undo()


def test_a_fault_outside_any_request_is_named_by_its_kind_alone() -> None:
    assert process._name_of(ZeroDivisionError("canary")) == "ZeroDivisionError"
    assert process._name_of(None) == "none"


def asked(port: int, files: Any) -> int:
    """A page over TLS."""
    context = ssl.create_default_context(cafile=str(files.certificate))
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=HOST) as connection,
    ):
        client = http.client.HTTPConnection(HOST)
        client.sock = connection
        client.request("GET", "/healthz", headers={"host": HOST})
        return client.getresponse().status


async def test_the_sealing_page_is_served_over_tls(folder: Path, assets: Path, log: io.StringIO) -> None:
    files = make_files(folder, HOST)
    config = vault_config(folder, tls=files, public_url=f"https://{HOST}")
    async with running(config, Clock(), log, assets) as vault:
        assert await asyncio.to_thread(asked, vault.vault.port, files) == 200


async def test_a_start_that_fails_half_way_leaves_no_socket_behind(
    config: VaultConfig, assets: Path, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(_server: object) -> None:
        raise StartError("socket", "no socket", "make room")

    monkeypatch.setattr("sealgate.messages.server.Server.start", fails)
    with pytest.raises(StartError):
        async with running(config, Clock(), log, assets):
            pass
    monkeypatch.undo()
    async with running(config, Clock(), log, assets) as vault:
        assert vault.vault.port


def begun(vault: Deployment, length: int = 50) -> socket.socket:
    """A post whose body does not come."""
    connection = socket.create_connection(("127.0.0.1", vault.vault.port), timeout=10)
    head = (
        f"POST /deposit/ticket HTTP/1.1\r\nhost: {HOST}\r\norigin: {vault.config.public_url}\r\n"
        f"content-type: application/json\r\ncontent-length: {length}\r\n\r\n{{"
    )
    connection.sendall(head.encode())
    return connection


async def test_a_body_that_does_not_come_is_given_up(
    vault: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_guards, "BODY_TIMEOUT_S", 0.05)
    connection = await asyncio.to_thread(begun, vault)
    with connection:
        answer = await asyncio.to_thread(connection.recv, 4096)
    assert b" 408 " in answer.splitlines()[0]
    assert b"too_slow" in answer or b"connection: close" in answer.lower()


async def test_a_body_that_breaks_off_is_no_fault_of_ours(vault: Deployment, log: io.StringIO) -> None:
    began = time.monotonic()
    (await asyncio.to_thread(begun, vault)).close()
    async with asyncio.timeout(10):
        while (await vault.request("GET", "/healthz")).status != 200 or time.monotonic() < began + 0.05:
            await asyncio.sleep(0)
    assert "page_failed" not in log.getvalue()


def test_whether_somebody_else_wrote_is_not_guessed_where_it_cannot_be_read(tmp_path: Path) -> None:
    with StillVault(tmp_path) as vault:
        database = vault.foundation.database
        assert [database.was_touched(), database.was_touched()] == [True, False]  # never asked before
    with pytest.raises(StorageError, match="ProgrammingError"):
        database.was_touched()
