"""Every refusal at start in one table: what somebody did to the files, and the code that is said with a hint.

What was refused is not touched: with the same files in order again, the vault opens what it had.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sealgate.ids import new_id
from sealgate.vault.faults import StartError
from tests.vault.deployment import Addresses, canary_key, ticket_order
from tests.vault.still import StillVault

AT = Addresses(new_id("org"), new_id("app"))


def other_kek(data: Path) -> None:
    with StillVault(data.parent / "other"):
        pass
    (data / "kek").unlink()
    shutil.copy(data.parent / "other" / "data" / "kek", data / "kek")


def linked_kek(data: Path) -> None:
    (data / "kek").rename(data / "elsewhere")
    (data / "kek").symlink_to(data / "elsewhere")


def no_kek_inside(data: Path) -> None:
    (data / "kek").chmod(0o600)
    (data / "kek").write_bytes(b"a password")


WRONG: dict[str, tuple[Callable[[Path], object], str]] = {
    "the KEK is missing": (lambda data: (data / "kek").unlink(), "kek_missing"),
    "another vault's KEK": (other_kek, "wrong_kek"),
    "others may read the KEK": (lambda data: (data / "kek").chmod(0o444), "kek_unsafe"),
    "the KEK is a link": (linked_kek, "kek_unreadable"),
    "no KEK in its file": (no_kek_inside, "kek_malformed"),
    "others may write to the folder": (lambda data: data.chmod(0o777), "folder_unsafe"),
    "others may read the database": (lambda data: (data / "vault.db").chmod(0o644), "file_unsafe"),
    "others may read the anchor": (lambda data: (data / "anchor").chmod(0o644), "file_unsafe"),
    "the database is missing": (lambda data: (data / "vault.db").unlink(), "database_missing"),
    "the anchor is missing": (lambda data: (data / "anchor").unlink(), "rolled_back"),
    "the database is none": (lambda data: (data / "vault.db").write_text("x" * 9000), "database_unreadable"),
    "the anchor is none": (lambda data: (data / "anchor").write_text("anything\n"), "anchor_damaged"),
}


@pytest.mark.parametrize(("wrong", "code"), WRONG.values(), ids=WRONG)
def test_a_start_on_files_that_are_not_in_order_is_refused_with_a_hint_and_changes_nothing(
    tmp_path: Path, wrong: Callable[[Path], object], code: str
) -> None:
    key = canary_key()
    with StillVault(tmp_path) as vault:
        credential = vault.deposit(ticket_order(AT), key)
    data, kept = tmp_path / "data", tmp_path / "kept"
    shutil.copytree(data, kept)
    wrong(data)
    names = sorted(data.iterdir())
    with pytest.raises(StartError, match="hint: ") as refused:
        StillVault(tmp_path)
    assert refused.value.code == code
    assert sorted(data.iterdir()) == names, "something was made anew"
    shutil.rmtree(data)
    shutil.copytree(kept, data)
    with StillVault(tmp_path) as again:
        assert again.opens(AT, credential) == key


def test_a_second_vault_on_the_same_folder_and_another_instance_are_refused(tmp_path: Path) -> None:
    with StillVault(tmp_path):
        with pytest.raises(StartError, match="hint: ") as refused:
            StillVault(tmp_path)
        assert refused.value.code == "folder_in_use"
    with pytest.raises(StartError, match="hint: ") as refused:
        StillVault(tmp_path, instance="inst_" + "b" * 20)
    assert refused.value.code == "other_instance"
