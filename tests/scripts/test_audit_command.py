"""`sealgate vault audit` against a running vault, a stopped one and one whose audit was edited."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from sealgate.messages.auditing import AuditEntry, Detail
from sealgate.scripts.audit_commands import line, moment
from sealgate.scripts.failures import ScriptError
from tests.scripts.test_operating import folder, run, said, settings, vault_of
from tests.vault.audits import edit
from tests.vault.deployment import Addresses, canary_key

__all__ = ["folder", "settings"]


async def test_it_shows_what_happened_to_a_credential(settings: Path) -> None:
    async with vault_of(settings) as vault:
        at = Addresses()
        credential = await vault.sealed_key(at, canary_key())
        await vault.revoke(at, credential)
        result = await said("vault", "audit", "--config", str(settings), "--credential", credential)
        only = await said("vault", "audit", "--config", str(settings), "--event", "revoked", "--json")
        newest = await said("vault", "audit", "--config", str(settings), "--last", "1")
    assert result.exit_code == 0, result.output
    events = [words.split()[3] for words in result.output.splitlines()]
    assert events == ["ticket_issued", "deposited", "revoked"]
    (entry,) = map(json.loads, only.output.splitlines())
    assert (entry["event"], entry["details"]["credential"]) == ("revoked", credential)
    assert len(newest.output.splitlines()) == 1


async def test_a_stopped_vaults_audit_is_read_from_its_files(settings: Path) -> None:
    async with vault_of(settings):
        pass
    shown = await said("vault", "audit", "--config", str(settings))
    assert shown.output.splitlines()[0] == "The vault is stopped; this is what its files say."
    assert shown.output.splitlines()[-1].split()[3] == "stopped"
    found = await said("vault", "audit", "--config", str(settings), "--event", "started", "--json")
    assert json.loads(found.output)["event"] == "started"
    wrong = await said("vault", "audit", "--config", str(settings), "--event", "no such")
    assert (wrong.exit_code, "malformed" in wrong.output) == (1, True)


async def test_the_check_says_that_it_is_whole_and_what_to_note(settings: Path) -> None:
    async with vault_of(settings):
        result = await said("vault", "audit", "--check", "--config", str(settings))
        assert result.exit_code == 0, result.output
        assert "The audit is whole: " in result.output
        end = next(words for words in result.output.splitlines() if words.startswith("end "))[4:]
        again = await said("vault", "audit", "--check", "--noted", end, "--config", str(settings))
        assert again.exit_code == 0, again.output
    stopped = await said("vault", "audit", "--check", "--noted", end, "--config", str(settings))
    assert stopped.exit_code == 0, stopped.output


@pytest.mark.parametrize("runs", [True, False], ids=["running", "stopped"])
async def test_the_check_names_what_was_changed_and_fails(settings: Path, runs: bool) -> None:
    words = ("vault", "audit", "--check", "--config", str(settings))
    async with vault_of(settings):
        await said("vault", "audit", "--config", str(settings))
        edit(settings.parent / "vault" / "vault.db", "DELETE FROM audit WHERE number = 1")
        result = await said(*words) if runs else None
    result = result or await said(*words)
    assert result.exit_code == 1
    assert "NOT whole: 1 findings" in result.output
    assert "entry 1: missing" in result.output
    printed = (await said(*words, "--json")).output
    assert json.loads(printed)["findings"] == [{"fault": "missing", "number": 1, "until": 1}]


async def test_what_is_accepted_is_no_finding_any_more(settings: Path) -> None:
    words = ("vault", "audit", "--check", "--config", str(settings))
    async with vault_of(settings):
        await said("vault", "audit", "--config", str(settings))
        edit(settings.parent / "vault" / "vault.db", "DELETE FROM audit WHERE number IN (1, 2)")
        assert "entries 1 to 2: missing" in (await said(*words)).output
        result = await said(*words, "--accept")
    assert result.exit_code == 0, result.output
    assert "1 earlier findings were accepted" in result.output
    assert (await said(*words)).exit_code == 0
    assert (await said(*words, "--accept")).exit_code == 69  # it adds an entry, and only the vault can


@pytest.mark.parametrize(
    ("words", "code"),
    [(("--noted", "1:ab"), 64), (("--accept",), 64), (("--since", "yesterday"), 65)],
    ids=["noted", "accept", "since"],
)
def test_what_does_not_go_together_is_told(settings: Path, words: tuple[str, ...], code: int) -> None:
    result = run("vault", "audit", "--config", str(settings), *words)
    assert result.exit_code == code
    assert "Traceback" not in result.output


def test_times_are_utc_or_so_long_ago() -> None:
    assert moment("") == 0
    assert moment("1970-01-02") == 86_400
    assert moment("1970-01-01T01:00:00+01:00") == 0
    assert abs(moment("2h") - (time.time() - 7_200)) < 5
    with pytest.raises(ScriptError, match="no time"):
        moment("2h ago")


def test_an_entry_that_is_not_the_vaults_says_so() -> None:
    entry = AuditEntry(number=3, at=0.0, event="", details={}, genuine=False)
    assert "NOT AN ENTRY" in line(entry)
    details: dict[str, Detail] = {"staged": True, "code": ""}
    staged = AuditEntry(number=4, at=0.0, event="deposited", details=details, genuine=True)
    assert line(staged) == "       4  1970-01-01 00:00:00  deposited  staged=yes"


async def test_opens_are_shown_by_proxy_and_by_the_minute(settings: Path) -> None:
    words = ("vault", "opens", "--config", str(settings), "--since", "1970-01-01")
    async with vault_of(settings) as vault:
        at = Addresses()
        credential = await vault.sealed_key(at, canary_key())
        for _ in range(3):
            await vault.open(at, credential)
        sums = await said(*words)
        minutes = await said(*words, "--credential", credential)
    stopped = await said(*words, "--json")
    assert sums.exit_code == 0, sums.output
    (told,) = sums.output.splitlines()
    assert told.split()[:5] == [credential, "3", "opened", "0", "refused"]
    assert "prx_" in told
    assert minutes.output.split()[2:4] == ["3", "opened"]
    hour = json.loads(stopped.output.splitlines()[-1])
    assert (hour["credential"], sum(hour["opened"])) == (credential, 3)
