"""The commands of erasure against a running vault, and checking a receipt without one."""

from __future__ import annotations

from pathlib import Path

import pytest

from sealgate.messages.erasing import ErasureKind, ErasureRow
from sealgate.scripts import erasure_commands
from tests.scripts.test_operating import folder, run, said, settings, vault_of
from tests.vault.deployment import Addresses, canary_key

__all__ = ["folder", "settings"]


async def test_an_operator_erases_and_the_receipt_verifies_anywhere(settings: Path, tmp_path: Path) -> None:
    at = Addresses()
    config = ("--config", str(settings))
    async with vault_of(settings) as vault:
        credential = await vault.sealed_key(at, canary_key())
        erased = await said("vault", "erase", "credential", credential, "--yes", *config)
        assert erased.exit_code == 0, erased.output
        assert (await vault.notice()).credential == credential
        key = (await said("vault", "receipt-key", *config)).output.strip()
        listed = (await said("vault", "receipts", *config)).output
        assert credential in listed
        again = await said("vault", "receipt", listed.split()[0], *config)
        assert again.exit_code == 0
    file = tmp_path / "receipt.json"
    file.write_text(again.output)
    good = run("vault", "verify-receipt", str(file), "--public-key", key)
    assert (good.exit_code, credential in good.output, "not yet" in good.output) == (0, True, True)
    file.write_text(again.output.replace('"payload":"e', '"payload":"f'))
    assert run("vault", "verify-receipt", str(file), "--public-key", key).exit_code == 1


async def test_without_a_yes_nothing_is_erased(settings: Path) -> None:
    at = Addresses()
    async with vault_of(settings) as vault:
        credential = await vault.sealed_key(at, canary_key())
        refused = await said("vault", "erase", "credential", credential, "--config", str(settings))
        assert refused.exit_code != 0
        assert await vault.open(at, credential)


@pytest.mark.parametrize("key", ["x", "A" * 43], ids=["no key", "another"])
def test_a_file_that_is_no_receipt_is_named(tmp_path: Path, key: str) -> None:
    (tmp_path / "r").write_text("{}")
    assert run("vault", "verify-receipt", str(tmp_path / "r"), "--public-key", key).exit_code == 1
    assert run("vault", "verify-receipt", str(tmp_path / "no"), "--public-key", "A" * 43).exit_code == 65


def test_a_line_says_what_an_erasure_waits_for_or_since_when_it_is_final() -> None:
    waiting = ErasureRow(
        receipt="rcpt_a",
        kind=ErasureKind.CREDENTIAL,
        subject="cred_a",
        organization="",
        application="",
        began_at=0.0,
        erased_at=0.0,
        credentials=1,
        versions=1,
        final_by=86_400.0,
        final_at=None,
        waits_for=("sealing-keys", "file-1"),
    )
    text = " ".join(erasure_commands.lines((waiting,)))
    assert "1970-01-02; waits for old sealing keys being destroyed, KEK file-1" in text


def test_where_nothing_was_erased_the_list_says_so() -> None:
    assert list(erasure_commands.lines(())) == ["Nothing was erased so far."]
