"""The vault's port for operators: where it listens, whom it answers, and that nothing can be done there."""

from __future__ import annotations

import asyncio
import io
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sealgate.vault.config import VaultConfig
from sealgate.vault.faults import StartError
from tests.vault.admin_looks import ask_port, look, look_anew
from tests.vault.deployment import Clock, Deployment, running, vault_config


@pytest.fixture
async def vault(
    config: VaultConfig, clock: Clock, log: io.StringIO, assets: Path
) -> AsyncIterator[Deployment]:
    async with running(config, clock, log, assets) as deployment:
        look_anew(deployment)
        yield deployment


@pytest.mark.parametrize("host", ["evil.example", "vault.localhost", "127.0.0.1.evil.example:80", "", "a b"])
async def test_another_host_name_gets_nothing(vault: Deployment, host: str) -> None:
    for path in ("/", "/status.json", "/metrics", "/readyz", "/healthz", "/assets/status.css", "/x"):
        answer = await look(vault, path, host=host)
        assert (answer.status, answer.code) == (421, "host_unknown")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "LOCALHOST:8707", "127.0.0.1:8707"])
async def test_its_own_host_names_are_answered(vault: Deployment, host: str) -> None:
    assert (await look(vault, "/healthz", host=host)).status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("path", ["/", "/status.json", "/metrics", "/readyz", "/nowhere"])
async def test_nothing_can_be_done_through_it(vault: Deployment, method: str, path: str) -> None:
    answer = await look(vault, path, method)
    assert (answer.status, answer.code) == (405, "wrong_method")


async def test_a_head_request_has_no_body(vault: Deployment) -> None:
    answer = await look(vault, "/", "HEAD")
    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize("path", ["/nowhere", "/assets/sealing.js", "/assets/..%2f..%2fkek", "/deposit"])
async def test_what_is_not_there_is_told_with_what_is(vault: Deployment, path: str) -> None:
    answer = await look(vault, path)
    assert (answer.status, answer.code) == (404, "not_found")
    assert "/metrics" in answer.json["error"]["hint"]


async def test_a_taken_port_for_operators_is_named_with_its_setting(
    folder: Path, clock: Clock, log: io.StringIO, assets: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        config = vault_config(folder, admin_port=taken.getsockname()[1])
        with pytest.raises(StartError, match=r"hint: .*vault\.admin_port") as refused:
            async with running(config, clock, log, assets):
                pass
    assert refused.value.code == "port_taken"


async def test_a_style_sheet_that_was_not_built_is_told_at_start(
    config: VaultConfig, clock: Clock, log: io.StringIO, assets: Path
) -> None:
    (assets / "status.css").unlink()
    with pytest.raises(StartError, match="make web"):
        async with running(config, clock, log, assets):
            pass


async def test_it_listens_on_the_other_loopback_too(
    folder: Path, clock: Clock, log: io.StringIO, assets: Path
) -> None:
    async with running(vault_config(folder, admin_host="::1"), clock, log, assets) as vault:
        answer = await asyncio.to_thread(
            ask_port, vault.vault.admin_port, "GET", "/readyz", {"host": "localhost"}, at="::1"
        )
        assert answer.status == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "10.0.0.1", "::", "vault.example"])
def test_it_cannot_be_made_to_listen_beyond_this_machine(folder: Path, host: str) -> None:
    with pytest.raises(ValueError, match="hint: "):
        vault_config(folder, admin_host=host)


def test_a_port_that_there_is_not_is_refused(folder: Path) -> None:
    with pytest.raises(ValueError, match="hint: "):
        vault_config(folder, admin_port=70_000)
