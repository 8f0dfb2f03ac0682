"""A demo with a real key: how the key is read, what the demo is made of then, and what it says.

Nothing here reaches OpenAI: the vault, the console and the deposit are real, the way out is not taken.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealgate.demo.house import House, open_house
from sealgate.demo.hunt import search
from sealgate.demo.key_file import KeyFileError, read_key
from sealgate.demo.ports import Ports, settle
from sealgate.demo.programs import programs
from sealgate.demo.provider import openai, simulated
from sealgate.demo.running import Running
from sealgate.demo.showing import welcome
from sealgate.messages.tickets import CredentialRow
from sealgate.vault.destinations import BUILT_IN

KEY = b"sk-proj-canary-0123456789abcdefghijklmnopqrstuvWXYZ"
OTHER = b"sk-proj-canary-zyxwvutsrqponmlkjihgfedcba9876543210"
ANY_PORTS = Ports(**dict.fromkeys(Ports.__struct_fields__, 0))


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short one: a socket's path has 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="sgd") as name:
        yield Path(name)


def key_file(folder: Path, content: bytes, mode: int = 0o600) -> Path:
    path = folder / "openai-key"
    path.touch(mode=0o600)
    path.write_bytes(content)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"], ids=["bare", "line", "windows"])
def test_a_key_on_one_line_is_read(tmp_path: Path, end: bytes) -> None:
    assert read_key(key_file(tmp_path, KEY + end)) == KEY


REFUSED = {
    "empty": (b"", "is empty"),
    "blank": (b"  \n", "is empty"),
    "two lines": (KEY + b"\n" + KEY + b"\n", "line break"),
    "quoted": (b'"' + KEY + b'"', "begin with sk-"),
    "assigned": (b"OPENAI_API_KEY=" + KEY, "begin with sk-"),
    "spaced": (KEY[:20] + b" " + KEY[20:], "space"),
    "short": (b"sk-canary", "short"),
    "long": (KEY * 100, "longer"),
    "not ascii": ("sk-pröj-canary-0123456789abcdefghijkl".encode(), "a character that no provider key has"),
    "binary": (b"\x00\x01" * 40, "control"),
    "simulated": (b"sk-sim-0123456789abcdefWXYZ", "simulator"),
}


@pytest.mark.parametrize(("content", "why"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_key_is_refused_with_a_hint_and_not_quoted(
    tmp_path: Path, content: bytes, why: str
) -> None:
    path = key_file(tmp_path, content)
    with pytest.raises(KeyFileError, match="hint: ") as refused:
        read_key(path)
    assert why.lower() in str(refused.value).lower()
    assert str(path) in str(refused.value)
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o666, 0o620])
def test_a_file_that_others_can_read_or_write_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(KeyFileError, match="hint: chmod 0600"):
        read_key(key_file(tmp_path, KEY, mode))


def missing(folder: Path) -> Path:
    return folder / "nothing"


def directory(folder: Path) -> Path:
    return folder


def pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe", 0o600)
    return folder / "pipe"


@pytest.mark.parametrize("make", [missing, directory, pipe], ids=lambda make: make.__name__)
def test_what_is_no_readable_file_is_refused_and_not_waited_for(tmp_path: Path, make: object) -> None:
    assert callable(make)
    with pytest.raises(KeyFileError, match="hint: "):
        read_key(make(tmp_path))


@pytest.mark.parametrize("arguments", [(), ("--once",)], ids=["demo", "once"])
@pytest.mark.parametrize("content", [b"", KEY], ids=["empty", "readable by others"])
def test_the_command_refuses_before_it_makes_anything(
    tmp_path: Path, arguments: tuple[str, ...], content: bytes
) -> None:
    data = tmp_path / "data"
    done = subprocess.run(
        [sys.executable, "-m", "sealgate", "demo", "--data", str(data), *arguments],
        env=os.environ | {"SEALGATE_OPENAI_KEY_FILE": str(key_file(tmp_path, content, 0o644))},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 78
    assert "hint: " in done.stderr
    assert "canary" not in done.stdout + done.stderr
    assert not data.exists()


def test_the_real_provider_is_a_built_in_destination() -> None:
    assert openai().origin in {each.origin for each in BUILT_IN}


def test_a_real_house_trusts_the_system_s_store_and_starts_no_simulator(folder: Path) -> None:
    ports = settle(ANY_PORTS)
    real = open_house(folder, ports, openai())
    assert real.settings.egress.ca_file == ""
    assert real.settings.vault.destinations == ()
    assert list(programs(real)) == ["vault", "console", "proxy", "newsletter"]
    stand_in = open_house(folder, ports)
    assert stand_in.settings.egress.ca_file == str(stand_in.folder / "simulator" / "authority.pem")
    assert "simulator" in programs(stand_in)
    assert stand_in.provider == simulated(ports)


def test_no_model_of_the_simulator_is_offered_for_real_money() -> None:
    names = openai().models
    assert not [name for name in names if "sim" in name]
    assert names[0].endswith("-mini")


def test_the_banner_says_that_real_money_is_spent_and_whose(folder: Path) -> None:
    ports = settle(ANY_PORTS)
    said = welcome(open_house(folder, ports, openai()), "[b]Z", folder / "demo.log")
    assert "REAL MONEY IS SPENT" in said
    assert "https://api.openai.com" in said
    assert "\\[b]Z" in said
    assert "sk-sim-" not in said
    plain = welcome(open_house(folder, ports), "WXYZ", folder / "demo.log")
    assert "REAL MONEY" not in plain
    assert "the provider is simulated" in plain


async def _deposit(house: House, key: bytes) -> CredentialRow:
    lines: list[str] = []
    running = Running(house, lines.append)
    try:
        await running.start_keepers()
        _, row = await running.deposit_and_seed(key)
    finally:
        await running.stop()
    assert not search(key, [("log", "\n".join(lines).encode())])
    return row


def test_a_real_key_is_sealed_for_openai_and_stands_in_no_file(folder: Path) -> None:
    house = open_house(folder, settle(ANY_PORTS), openai())
    row = asyncio.run(_deposit(house, KEY))
    assert (row.origin, row.version, row.last_four) == ("https://api.openai.com", 1, "WXYZ")
    again = asyncio.run(_deposit(house, KEY))
    assert (again.credential, again.version) == (row.credential, 1)
    another = asyncio.run(_deposit(house, OTHER))
    assert (another.credential, another.version, another.last_four) == (row.credential, 2, "3210")
    for key in (KEY, OTHER):
        files = [(str(path), path.read_bytes()) for path in folder.rglob("*") if path.is_file()]
        assert len(files) > 5
        assert not search(key, files)


def test_a_real_key_lies_in_a_vault_of_its_own(folder: Path) -> None:
    real, stand_in = open_house(folder, settle(ANY_PORTS), openai()), open_house(folder, settle(ANY_PORTS))
    assert (real.folder, stand_in.folder) == (folder / "openai", folder)
    assert real.kept.instance != stand_in.kept.instance
    assert real.settings.vault_config().data_dir != stand_in.settings.vault_config().data_dir
