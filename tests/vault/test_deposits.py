"""From ticket to opened key, over the real sockets and the real listener."""

from __future__ import annotations

import io
from typing import Any

import pytest

from sealgate.ids import new_id
from sealgate.messages.frames import RefusedError
from sealgate.messages.opening import CredentialEvent
from tests.vault.deployment import EVIL_ORIGIN, Addresses, Clock, Deployment, canary_key, sealed


async def test_a_deposited_key_is_opened_for_what_it_was_deposited_for(
    vault: Deployment, at: Addresses
) -> None:
    key = canary_key()
    credential = await vault.sealed_key(at, key)
    opened, found = await vault.open(at, credential)
    assert found == key
    assert (opened.version, opened.lease_s, len(opened.pseudonym_key)) == (1, 300.0, 32)


async def test_the_receipt_tells_the_last_four_characters_and_where_to_go_back_to(
    vault: Deployment, at: Addresses
) -> None:
    issued = await vault.ticket(at)
    receipt = (await vault.deposit(issued.ticket, b"sk-sim-0123456789abcdWXYZ")).json
    assert receipt["last_four"] == "WXYZ"
    assert (receipt["credential"], receipt["version"]) == (issued.credential, 1)
    assert receipt["return_url"] == f"http://console.localhost:8700/applications/{at.application}/add-on"


async def test_one_key_has_one_fingerprint_in_an_organization_and_another_in_the_next(
    vault: Deployment,
) -> None:
    key, ours = canary_key(), new_id("org")
    prints = []
    for organization in (ours, ours, new_id("org")):
        issued = await vault.ticket(Addresses(organization))
        prints.append((await vault.deposit(issued.ticket, key)).json["fingerprint"])
    assert prints[0] == prints[1] != prints[2]
    assert len(prints[0]) == 19


async def test_proxies_are_told_of_a_deposit(vault: Deployment, at: Addresses) -> None:
    credential = await vault.sealed_key(at, canary_key())
    notice = await vault.notice()
    assert (notice.credential, notice.application) == (credential, at.application)
    assert notice.event is CredentialEvent.DEPOSITED


async def test_a_replacement_is_the_next_version_of_the_same_credential(
    vault: Deployment, at: Addresses
) -> None:
    credential = await vault.sealed_key(at, canary_key())
    new_key = canary_key()
    issued = await vault.ticket(at, credential)
    assert (issued.credential, issued.version) == (credential, 2)
    assert (await vault.view(issued.ticket)).json["replaces"] is True
    assert (await vault.deposit(issued.ticket, new_key)).status == 200
    opened, found = await vault.open(at, credential)
    assert (opened.version, found) == (2, new_key)
    assert [(await vault.notice()).event for _ in range(2)] == [
        CredentialEvent.DEPOSITED,
        CredentialEvent.REPLACED,
    ]


async def test_of_two_tickets_for_one_version_only_one_counts(vault: Deployment, at: Addresses) -> None:
    credential = await vault.sealed_key(at, canary_key())
    first, second = await vault.ticket(at, credential), await vault.ticket(at, credential)
    assert (await vault.deposit(first.ticket, canary_key())).status == 200
    assert (await vault.view(second.ticket)).code == "ticket_unknown"


async def test_an_envelope_swapped_between_versions_does_not_count(vault: Deployment, at: Addresses) -> None:
    credential = await vault.sealed_key(at, canary_key())
    issued = await vault.ticket(at, credential)
    assert (await vault.deposit(issued.ticket, canary_key(), version=1)).code == "envelope_invalid"


@pytest.mark.parametrize(
    "changes",
    [
        {"instance": "inst_" + "b" * 20},
        {"organization": new_id("org")},
        {"application": new_id("app")},
        {"credential": new_id("cred")},
        {"version": 2},
        {"provider": "other"},
        {"origin": EVIL_ORIGIN},
        {"key_id": b"0" * 16},
    ],
    ids=lambda changes: next(iter(changes)),
)
async def test_an_envelope_for_another_context_is_refused_and_the_ticket_stays_good(
    vault: Deployment, at: Addresses, changes: dict[str, Any]
) -> None:
    issued = await vault.ticket(at)
    assert (await vault.deposit(issued.ticket, canary_key(), **changes)).code == "envelope_invalid"
    assert (await vault.deposit(issued.ticket, canary_key())).status == 200


@pytest.mark.parametrize(
    "envelope",
    ["", "x", "A" * 770, "A" * 771, "=" * 771, "AQ==", "é", "A" * 2000, "\ud83d\ude00"],
    ids=["empty", "one", "short", "zeros", "padding", "padded", "not ascii", "long", "emoji"],
)
async def test_what_is_no_envelope_is_refused(vault: Deployment, at: Addresses, envelope: str) -> None:
    issued = await vault.ticket(at)
    answer = await vault.post("/deposit", {"ticket": issued.ticket, "envelope": envelope})
    assert (answer.status, answer.code) == (400, "envelope_invalid")


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (b"sk-sim-0123456789abcdefgh\n", "line break"),
        (b"sk sim 0123456789abcdefgh", "space"),
        (b"short", "short"),
    ],
)
async def test_a_key_that_cannot_be_one_is_refused_inside_the_vault_too(
    vault: Deployment, at: Addresses, monkeypatch: pytest.MonkeyPatch, key: bytes, reason: str
) -> None:
    # A page without the charset gate: anyone who has the public key can seal anything.
    monkeypatch.setattr("sealgate.envelope.sealing.check_provider_key", lambda _key: None)
    issued = await vault.ticket(at)
    answer = await vault.deposit(issued.ticket, key)
    assert (answer.status, answer.code) == (400, "key_format")
    assert reason in answer.json["error"]["message"]
    assert answer.json["error"]["hint"]


async def test_a_ticket_works_once(vault: Deployment, at: Addresses, log: io.StringIO) -> None:
    issued = await vault.ticket(at)
    seen = (await vault.view(issued.ticket)).json
    body = {"ticket": issued.ticket, "envelope": sealed(seen, canary_key())}
    assert (await vault.post("/deposit", body)).status == 200
    assert (await vault.post("/deposit", body)).code == "ticket_unknown"
    assert f"ticket_refused code=used credential={issued.credential}" in log.getvalue()


async def test_looking_at_a_ticket_does_not_use_it(vault: Deployment, at: Addresses) -> None:
    issued = await vault.ticket(at)
    assert [(await vault.view(issued.ticket)).status for _ in range(3)] == [200, 200, 200]


async def test_a_ticket_ends_after_ten_minutes(
    vault: Deployment, at: Addresses, clock: Clock, log: io.StringIO
) -> None:
    issued = await vault.ticket(at)
    assert issued.expires_at == clock.now_s + 600
    clock.now_s += 600
    assert (await vault.view(issued.ticket)).code == "ticket_unknown"
    assert "code=expired" in log.getvalue()


async def test_unknown_used_expired_and_damaged_tickets_give_one_and_the_same_answer(
    vault: Deployment, at: Addresses, clock: Clock
) -> None:
    used, expired = await vault.ticket(at), await vault.ticket(at)
    await vault.deposit(used.ticket, canary_key())
    clock.now_s += 700
    tickets = [used.ticket, expired.ticket, "A" * 43, "", "A" * 44, "é" * 43, expired.ticket + "="]
    answers = [await vault.view(ticket) for ticket in tickets]
    assert {(answer.status, answer.body) for answer in answers} == {(404, answers[0].body)}


async def test_the_ticket_stands_in_no_file_and_no_log_line(
    vault: Deployment, at: Addresses, log: io.StringIO
) -> None:
    issued = await vault.ticket(at)
    files = [path.read_bytes() for path in vault.config.data_dir.iterdir()]
    assert not any(issued.ticket.encode() in content for content in files)
    assert issued.ticket not in log.getvalue()


async def test_the_key_stands_in_no_file_and_no_log_line(
    vault: Deployment, at: Addresses, log: io.StringIO
) -> None:
    key = canary_key()
    credential = await vault.sealed_key(at, key)
    await vault.open(at, credential)
    await vault.sealed_key(at, key, credential)
    await vault.revoke(at, credential)
    files = {path.name: path.read_bytes() for path in vault.config.data_dir.iterdir()}
    assert {"vault.db", "vault.db-wal", "anchor", "kek"} <= set(files)
    for needle in (key, key.hex().encode(), key[:24]):
        assert not [name for name, content in files.items() if needle in content]
    assert key.decode() not in log.getvalue()


async def test_too_many_tickets_at_a_time_are_refused(vault: Deployment, at: Addresses) -> None:
    for _ in range(20):
        await vault.ticket(at)
    with pytest.raises(RefusedError, match="too_many_tickets"):
        await vault.ticket(at)
    await vault.ticket(Addresses(at.organization))
