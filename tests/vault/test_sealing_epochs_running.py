"""New sealing keys in a running vault: asked for by command, seen by depositors, done by the pass."""

from __future__ import annotations

import asyncio
import io
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing

import pytest

from sealgate.envelope import fingerprint
from sealgate.ids import new_id
from tests.vault.deployment import Addresses, Clock, Deployment, canary_key, unbase64


async def words_of(vault: Deployment, ticket: str) -> str:
    """The fingerprint of what a ticket offers."""
    seen = (await vault.view(ticket)).json
    return fingerprint((each["suite"], unbase64(each["public_key"])) for each in seen["keys"]).words


async def sealgate(vault: Deployment, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command as the operator does."""
    config = vault.config
    settings = config.runtime_dir.parent / "sealgate.toml"
    settings.write_text(
        f'data_dir = "{config.data_dir.parent}"\nruntime_dir = "{config.runtime_dir}"\n'
        f'instance = "{config.instance}"\n[proxy]\nid = "{new_id("prx")}"\n'
    )
    settings.chmod(0o600)
    argv = [
        sys.executable,
        "-m",
        "sealgate",
        "vault",
        "rotate-sealing-keys",
        "--config",
        str(settings),
        *words,
    ]
    return await asyncio.to_thread(
        subprocess.run, argv, capture_output=True, text=True, check=False, timeout=60
    )


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not happened():
            await asyncio.sleep(0.02)


def epochs(vault: Deployment) -> set[tuple[int]]:
    with closing(sqlite3.connect(vault.config.data_dir / "vault.db")) as connection:
        return set(connection.execute("SELECT epoch FROM keyring"))


async def test_the_command_begins_new_keys_and_shows_the_words_that_depositors_see(
    vault: Deployment, at: Addresses
) -> None:
    key, later = canary_key(), canary_key()
    credential = await vault.sealed_key(at, key)
    before = await words_of(vault, (await vault.ticket(at)).ticket)
    done = await sealgate(vault, "--organization", at.organization)
    assert done.returncode == 0, done.stderr
    issued = await vault.ticket(at, credential)
    after = await words_of(vault, issued.ticket)
    assert after != before
    assert done.stdout == f"epoch        2\nsealing keys {after}\n"
    assert (await vault.open(at, credential))[1] == key
    assert (await vault.deposit(issued.ticket, later)).status == 200
    assert (await vault.open(at, credential))[1] == later


async def test_the_pass_follows_by_itself_and_the_old_keys_end(
    vault: Deployment, at: Addresses, clock: Clock, log: io.StringIO
) -> None:
    kept = [(each, await vault.sealed_key(each, canary_key())) for each in (at, Addresses())]
    clock.now_s += 1
    done = await sealgate(vault)
    assert done.stdout == "2 organizations get new sealing keys, one after the other.\n"
    await until(lambda: epochs(vault) == {(2,)})
    for each, credential in kept:
        assert (await vault.open(each, credential))[1].startswith(b"sk-sim-canary-")
    assert log.getvalue().count("sealing_keys_destroyed") == 2


@pytest.mark.parametrize(
    "organization", ["org_" + "a" * 20, "org_", "app_" + "a" * 20, "x'; DROP TABLE keyring"]
)
async def test_an_organization_that_is_none_is_refused_and_gets_no_keys(
    vault: Deployment, organization: str
) -> None:
    done = await sealgate(vault, "--organization", organization)
    assert done.returncode != 0
    assert "sealgate: " in done.stderr
    assert epochs(vault) == set()


async def test_an_altered_keyring_is_not_rotated(vault: Deployment, at: Addresses) -> None:
    await vault.sealed_key(at, canary_key())
    with closing(sqlite3.connect(vault.config.data_dir / "vault.db")) as connection, connection:
        connection.execute("UPDATE keyring SET made_at = 1 WHERE suite = 2")
    done = await sealgate(vault, "--organization", at.organization)
    assert done.returncode != 0
    assert "look for alarms" in done.stderr


async def test_a_vault_that_is_stopped_is_said_to_be(vault: Deployment) -> None:
    (vault.config.runtime_dir / "vault-operator.sock").unlink()
    done = await sealgate(vault)
    assert done.returncode == 69
    assert "No vault answers" in done.stderr


async def test_a_browser_may_use_either_suite(vault: Deployment, at: Addresses) -> None:
    for suite in (1, 2):
        issued, key = await vault.ticket(at), canary_key()
        assert (await vault.deposit(issued.ticket, key, suite)).status == 200
        assert (await vault.open(at, issued.credential))[1] == key


async def test_an_envelope_to_a_key_of_another_epoch_is_refused(vault: Deployment, at: Addresses) -> None:
    first = await vault.ticket(at)
    seen = (await vault.view(first.ticket)).json
    await sealgate(vault, "--organization", at.organization)
    second = await vault.ticket(at)
    old = unbase64(seen["keys"][0]["key_id"])
    assert (await vault.deposit(second.ticket, canary_key(), key_id=old)).code == "envelope_invalid"
    assert (await vault.deposit(first.ticket, canary_key())).status == 200


async def test_the_console_is_told_the_words_that_the_next_depositor_sees(
    vault: Deployment, at: Addresses
) -> None:
    assert (await vault.list(at)).sealing_words == ""
    assert epochs(vault) == set()  # looking makes nothing
    issued = await vault.ticket(at)
    assert (await vault.list(at)).sealing_words == await words_of(vault, issued.ticket)
    await sealgate(vault, "--organization", at.organization)
    issued = await vault.ticket(at)
    assert (await vault.list(at)).sealing_words == await words_of(vault, issued.ticket)


async def test_an_altered_keyring_has_no_words_to_show(vault: Deployment, at: Addresses) -> None:
    await vault.sealed_key(at, canary_key())
    with closing(sqlite3.connect(vault.config.data_dir / "vault.db")) as connection, connection:
        connection.execute("DELETE FROM keyring WHERE suite = 1")
    assert (await vault.list(at)).sealing_words == ""
