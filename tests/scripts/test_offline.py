"""A key is sealed on a machine without a network, and its envelope handed in from another one."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from sealgate.envelope import SealingPrivateKey, encode_text
from sealgate.scripts.failures import ScriptError
from sealgate.scripts.offline import _write, load
from tests.scripts.house import House, Ran, anew, run
from tests.scripts.test_deposit import addon, opened, pinned
from tests.vault.deployment import ORIGIN, canary_key
from tests.vault.moments import room_for

pytestmark = pytest.mark.asyncio(loop_scope="module")

NO_NETWORK = """
import socket, sys
def refuse(*_args, **_options):
    sys.stderr.write("a socket was made\\n")
    raise SystemExit(99)
socket.socket.__init__ = socket.create_connection = socket.getaddrinfo = refuse
def audit(event, _arguments):
    if event.startswith("socket."):
        refuse()
sys.addaudithook(audit)
"""
"""What runs before the command: any socket, also one made in C, ends it."""


async def saved(here: House, *more: str) -> Path:
    path = here.folder / "vault-key.json"
    words = ("--origin", ORIGIN, "--save-vault-key", str(path), *more)
    done = await here.sealgate("deposit", "--application", here.seeded.application, *words)
    assert done.code == 0, done.told
    return path


async def sealed_offline(here: House, typed: bytes, *words: str) -> Ran:
    """Run `sealgate seal` where no socket can be made, with nothing of the console in its environment."""
    return await run(("seal", *words), typed, _elsewhere(), here.folder, NO_NETWORK)


async def sealed_anew(here: House, typed: bytes, *words: str) -> Ran:
    """The same in a Python of its own, where loading the command makes no socket either."""
    return await anew(("seal", *words), typed, _elsewhere() | guard(here), here.folder)


def _elsewhere() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("SEALGATE_")}


def guard(here: House) -> dict[str, str]:
    """The environment in which Python begins with `NO_NETWORK`."""
    folder = here.folder / "guard"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(NO_NETWORK)
    return {"PYTHONPATH": str(folder)}


async def handed_in(here: House, vault_key: Path, envelope: Path) -> Ran:
    words = ("--vault-key", str(vault_key), "--envelope", str(envelope))
    return await here.sealgate("deposit", "--application", here.seeded.application, *words)


async def test_a_key_sealed_without_a_network_is_handed_in_elsewhere_and_opens(here: House) -> None:
    key, words, vault_key = canary_key(), await pinned(here), await saved(here)
    output = here.folder / "envelope.txt"
    options = ("--vault-key", str(vault_key), "--fingerprint", words, "--output", str(output))
    done = await sealed_anew(here, key + b"\n", *options)
    assert done.code == 0, done.told
    assert words in done.err
    assert (output.stat().st_mode & 0o777, vault_key.stat().st_mode & 0o777) == (0o600, 0o600)
    done = await handed_in(here, vault_key, output)
    assert done.code == 0, done.told
    assert f"key       …{key[-4:].decode()}" in done.out
    found = await addon(here)
    assert found["state"] == "active"
    assert await opened(here, found["credential"]) == key
    for path in (vault_key, output):
        assert key not in path.read_bytes()
    again = await handed_in(here, vault_key, output)
    assert again.code == 1
    assert "ticket does not work" in again.err


async def test_the_guard_of_these_tests_sees_a_socket(here: House) -> None:
    words = ("status", "--console", here.config.public_url)
    environment = dict(os.environ) | {"SEALGATE_TOKEN": here.token}
    done = await run(words, b"", environment, here.folder, NO_NETWORK)
    again = await anew(words, b"", environment | guard(here), here.folder)
    assert (done.code, again.code, sys.platform) == (99, 99, "linux")


async def test_the_envelope_can_be_printed_and_the_fingerprint_pinned_in_digits(here: House) -> None:
    vault_key = await saved(here)
    digits = load(vault_key).record.fingerprint().hexadecimal
    done = await sealed_offline(here, canary_key(), "--vault-key", str(vault_key), "--fingerprint", digits)
    assert done.code == 0, done.told
    assert len(done.out.strip()) == 771
    (here.folder / "envelope.txt").write_text(done.out)
    assert (await handed_in(here, vault_key, here.folder / "envelope.txt")).code == 0


async def test_a_staged_key_may_come_that_way_too(here: House) -> None:
    first = await saved(here)
    done = await sealed_offline(
        here, canary_key(), "--vault-key", str(first), "--fingerprint", await pinned(here), "--output", "1"
    )
    assert (await handed_in(here, first, here.folder / "1")).code == 0, done.told
    first.unlink()
    staged = await saved(here, "--stage")
    pin = ("--fingerprint", await pinned(here))
    await sealed_offline(here, canary_key(), "--vault-key", str(staged), *pin, "--output", "2")
    done = await handed_in(here, staged, here.folder / "2")
    assert "version 2, staged" in done.out


def exchanged(file: dict[str, Any]) -> None:
    """Somebody on the way puts a sealing key of their own into the file."""
    theirs = SealingPrivateKey.generate().public.raw
    file["record"]["keys"][0]["public_key"] = encode_text(theirs)


async def test_a_vault_key_that_was_exchanged_on_its_way_gets_no_key(here: House) -> None:
    words, vault_key = await pinned(here), await saved(here)
    file = json.loads(vault_key.read_text())
    exchanged(file)
    vault_key.write_text(json.dumps(file))
    done = await sealed_offline(here, canary_key(), "--vault-key", str(vault_key), "--fingerprint", words)
    assert done.code == 77
    assert "another fingerprint than the pinned one" in done.err
    assert done.out == ""


async def test_without_a_pin_and_a_terminal_nothing_is_sealed(here: House) -> None:
    done = await sealed_offline(here, canary_key(), "--vault-key", str(await saved(here)))
    assert done.code == 77
    assert "--fingerprint" in done.err


FILES = {
    "nothing": b"",
    "no JSON": b"anything",
    "another format": b'{"format": "2"}',
    "binary": bytes(range(256)),
    "a list": b"[]",
}


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
async def test_a_file_that_is_no_vault_key_or_no_envelope_is_refused(here: House, content: bytes) -> None:
    path = here.folder / "file"
    path.write_bytes(content)
    done = await sealed_offline(here, canary_key(), "--vault-key", str(path))
    assert done.code == 65
    assert "is no vault-key file" in done.err
    done = await handed_in(here, await saved(here), path)
    assert done.code == 65
    assert "holds no envelope" in done.err


async def test_what_cannot_be_a_key_is_refused_offline_too(here: House) -> None:
    options = ("--vault-key", str(await saved(here)), "--fingerprint", await pinned(here))
    done = await sealed_offline(here, b"sk-sim-canary 0123456789abcdef", *options)
    assert done.code == 65
    assert "contains a space" in done.err
    assert "canary" not in done.told


@pytest.mark.parametrize(
    "change",
    [{"format": "sealgate vault key 2"}, {"more": 1}, {"record": {}}, {"ticket": 1}],
    ids=["format", "unknown", "empty record", "type"],
)
async def test_a_vault_key_file_is_read_strictly(here: House, change: dict[str, Any]) -> None:
    vault_key = await saved(here)
    vault_key.write_text(json.dumps(json.loads(vault_key.read_text()) | change))
    done = await sealed_offline(here, canary_key(), "--vault-key", str(vault_key))
    assert done.code == 65


async def test_nothing_is_overwritten_and_missing_files_are_named(here: House) -> None:
    vault_key = await saved(here)
    words = ("--application", here.seeded.application, "--origin", ORIGIN)
    done = await here.sealgate("deposit", *words, "--save-vault-key", str(vault_key))
    assert (done.code, "not there yet" in done.err) == (65, True)
    done = await sealed_offline(here, canary_key(), "--vault-key", "nowhere.json")
    assert (done.code, "nowhere.json cannot be read" in done.err) == (65, True)


async def test_what_a_full_disk_takes_half_is_removed_and_can_be_written_again(tmp_path: Path) -> None:
    path = tmp_path / "envelope.txt"
    with room_for(8), pytest.raises(ScriptError, match="cannot be written"):
        _write(path, b"x" * 100)
    assert not path.exists()
    _write(path, b"x" * 100)
    assert path.read_bytes() == b"x" * 100


OPTIONS = {
    "an envelope alone": ("--envelope", "e"),
    "a vault key alone": ("--vault-key", "k"),
    "everything": ("--vault-key", "k", "--envelope", "e", "--save-vault-key", "s"),
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
async def test_options_that_do_not_go_together_are_refused(here: House, options: tuple[str, ...]) -> None:
    done = await here.sealgate("deposit", "--application", here.seeded.application, *options)
    assert done.code == 64
