"""What a running vault audits, refusal by refusal, and what operators are told of it."""

from __future__ import annotations

import asyncio
import io
import struct
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from sealgate.ids import new_id
from sealgate.messages.auditing import AskAudit, AuditChecked, AuditEntry, AuditPage, CheckAudit
from sealgate.messages.client import Client
from sealgate.messages.frames import PROTOCOL, FrameKind, Hello, Message, RefusedError, encode
from sealgate.messages.opening import Open, Renew
from sealgate.messages.operating import AskKeks, DestroyKek
from sealgate.messages.tickets import ListCredentials, Revoke
from sealgate.vault.config import VaultConfig
from sealgate.vault.process import OPENER_SOCKET
from tests.vault.audits import audit_checked, edit, operator, rows
from tests.vault.deployment import (
    EVIL_ORIGIN,
    Addresses,
    Clock,
    Deployment,
    canary_key,
    open_request,
    running,
    ticket_order,
)


@pytest.fixture
async def asking(vault: Deployment) -> AsyncIterator[Client]:
    async with operator(vault.config) as client:
        yield client


async def page(client: Client, **filters: Any) -> tuple[AuditEntry, ...]:
    answer = await client.ask(AskAudit(**filters))
    assert isinstance(answer, AuditPage)
    assert answer.next == 0
    return answer.items


async def newest(client: Client, event: str) -> Mapping[str, Any]:
    return (await page(client, event=event))[-1].details


async def test_a_credentials_life_is_told_in_order(vault: Deployment, asking: Client, at: Addresses) -> None:
    credential = await vault.sealed_key(at, canary_key())
    version = await vault.staged_key(at, canary_key(), credential)
    await vault.switch(at, credential)
    await vault.roll_back(at, credential)
    await vault.discard(at, credential, version)
    await vault.revoke(at, credential)
    told = [each.event for each in await page(asking, about=credential)]
    assert told == [
        "ticket_issued",
        "deposited",
        "ticket_issued",
        "deposited",
        *["versions_changed"] * 3,
        "revoked",
    ]
    assert (await audit_checked(vault.config)).findings == ()


async def test_a_start_is_told_and_so_is_a_stop(config: VaultConfig, assets: Path) -> None:
    async with running(config, Clock(), io.StringIO(), assets):
        pass
    events = [event for _, event, _ in rows(config.data_dir / "vault.db")]
    assert (events[:2], events[-1]) == (["kek_made", "started"], "stopped")


CAUSES: dict[str, tuple[dict[str, Any], str]] = {
    "another organization": ({"organization": new_id("org")}, "other_organization"),
    "another application": ({"application": new_id("app")}, "other_application"),
    "another provider": ({"provider": "azure-openai"}, "other_provider"),
    "another origin": ({"origin": EVIL_ORIGIN}, "other_origin"),
    "no such credential": ({"credential": new_id("cred")}, "unknown"),
    "no such version": ({"version": 9}, "no_version"),
}


@pytest.mark.parametrize(("change", "cause"), CAUSES.values(), ids=CAUSES)
async def test_an_open_that_is_refused_is_told_with_its_cause_which_the_proxy_never_hears(
    vault: Deployment, asking: Client, at: Addresses, change: dict[str, Any], cause: str
) -> None:
    credential = await vault.sealed_key(at, canary_key())
    asked = structs.replace(open_request(at, credential), **change)
    assert await refused(vault.proxy, asked) == "no_credential"
    told = await newest(asking, "open_refused")
    assert (told["code"], told["cause"], told["operation"]) == ("no_credential", cause, "Open")
    assert (told["credential"], told["organization"]) == (asked.credential, asked.organization)
    assert told["proxy"].startswith("prx_")
    assert told["uid"] >= 0


async def test_refusals_of_revoked_damaged_and_malformed_are_told_apart(
    vault: Deployment, asking: Client, at: Addresses
) -> None:
    credential = await vault.sealed_key(at, canary_key())
    damaged = await vault.sealed_key(at, canary_key())
    await vault.revoke(at, credential)
    edit(
        vault.config.data_dir / "vault.db", f"UPDATE versions SET revision = 7 WHERE credential = '{damaged}'"
    )
    for asked in (
        open_request(at, credential),
        open_request(at, damaged),
        Renew(credential=damaged, version=0),
        Open(organization="x\n", application="", credential=damaged, provider="", origin=""),
    ):
        await refused(vault.proxy, asked)
    found = [each.details for each in await page(asking, event="open_refused")]
    assert [(each["code"], each["cause"], each["organization"]) for each in found] == [
        ("credential_revoked", "revoked", at.organization),
        ("credential_damaged", "versions", at.organization),
        ("malformed", "", ""),
        ("malformed", "", ""),
    ]
    assert (await page(asking, event="alarm_row"))[0].details["table"] == "versions"


async def test_what_the_console_may_not_have_is_told_with_whom_it_concerned(
    vault: Deployment, asking: Client, at: Addresses
) -> None:
    credential = new_id("cred")
    order = Revoke(organization=at.organization, application=at.application, credential=credential)
    assert await refused(vault.console, order) == "unknown_credential"
    told = await newest(asking, "desk_refused")
    assert (told["operation"], told["credential"], told["application"]) == (
        "Revoke",
        credential,
        at.application,
    )
    await refused(vault.console, ListCredentials(organization="' OR 1=1", application=at.application))
    told = await newest(asking, "desk_refused")
    assert (told["code"], told["organization"]) == ("malformed", "")
    await refused(vault.console, structs.replace(ticket_order(at), origin="https://evil.example"))
    assert (await newest(asking, "desk_refused"))["code"] == "unknown_destination"


async def test_browsers_refusals_are_told(vault: Deployment, asking: Client, at: Addresses) -> None:
    issued = await vault.ticket(at)
    await vault.view("A" * 43)
    await vault.post("/deposit", {"ticket": issued.ticket, "envelope": "AAAA"})
    await vault.post("/deposit", b"{")
    await vault.post("/deposit", {"ticket": issued.ticket}, {"origin": "https://evil.example"})
    await vault.deposit(issued.ticket, canary_key(), origin=EVIL_ORIGIN)
    assert (await newest(asking, "ticket_refused"))["code"] == "unknown"
    codes = [each.details["code"] for each in await page(asking, event="page_refused")]
    assert codes == ["envelope_invalid", "malformed", "origin_refused", "envelope_invalid"]
    told = await newest(asking, "deposit_refused")
    assert (told["credential"], told["organization"]) == (issued.credential, at.organization)


async def test_a_pages_look_leaves_no_entry(vault: Deployment, asking: Client) -> None:
    await vault.request("GET", "/deposit")
    await vault.request("GET", "/nothing")
    assert await page(asking, event="page_refused") == ()


async def test_operators_are_told_by_their_user(vault: Deployment, asking: Client) -> None:
    await asking.ask(AskKeks())
    await refused(asking, DestroyKek(version="file-0123456789abcdef"))
    assert [each.details["operation"] for each in await page(asking, event="operator_asked")][:2] == [
        "AskKeks",
        "DestroyKek",
    ]
    told = await newest(asking, "operator_refused")
    assert (told["code"], told["operation"]) == ("kek_unknown", "DestroyKek")


async def test_who_is_not_understood_at_a_socket_is_told(vault: Deployment, asking: Client) -> None:
    path = str(vault.config.runtime_dir / OPENER_SOCKET)
    hello = Hello(protocol=PROTOCOL, instance="inst_" + "z" * 20, process="prx")
    expected = ("no_frame", "other_instance", "unreadable")
    sent = (
        b"GET / HTTP/1.1\r\nhost: x\r\n\r\n",
        encode(FrameKind.REQUEST, 1, hello),
        encode(FrameKind.REQUEST, 1, structs.replace(hello, instance=vault.config.instance))
        + struct.pack(">IIB3x", 4, 2, 1)
        + b"\xff\xff\xff\xff",
    )
    for number, each in enumerate(sent):
        _, writer = await asyncio.open_unix_connection(path)
        writer.write(each)
        async with asyncio.timeout(5):
            while len(told := await page(asking, event="peer_refused")) <= number:
                await asyncio.sleep(0.01)
        writer.close()
        assert (told[-1].details["code"], told[-1].details["socket"]) == (expected[number], OPENER_SOCKET)


async def test_entries_are_found_by_time_event_and_what_they_name(
    vault: Deployment, asking: Client, at: Addresses
) -> None:
    vault.vault.log("certificate_expiring", days=3)
    now_s = (await page(asking))[-1].at
    credential = await vault.sealed_key(at, canary_key())
    assert {each.event for each in await page(asking, about=at.application)} == {"ticket_issued", "deposited"}
    assert len(await page(asking, about=credential, event="deposited")) == 1
    assert await page(asking, since=now_s + 1) == ()
    assert await page(asking, about="cred_nothing") == ()


async def test_many_entries_come_in_pages(
    vault: Deployment, asking: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sealgate.vault.audit_pages.STRETCH", 400)
    for number in range(1_200):
        vault.vault.log("certificate_expiring", days=number)
    seen, after = [], 0
    while True:
        answer = await asking.ask(AskAudit(event="certificate_expiring", after=after))
        assert isinstance(answer, AuditPage)
        seen += [each.details["days"] for each in answer.items]
        after = answer.next
        if not after:
            break
    assert seen == list(range(1_200))
    monkeypatch.undo()
    answer = await asking.ask(AskAudit())
    assert isinstance(answer, AuditPage)
    assert (len(answer.items), answer.next) == (500, 500)


@pytest.mark.parametrize(
    "asked",
    [AskAudit(event="' OR 1"), AskAudit(about="%\x00"), CheckAudit(noted="12"), CheckAudit(noted="x:y")],
    ids=["event", "about", "noted", "noted digits"],
)
async def test_what_nothing_could_match_is_refused(vault: Deployment, asking: Client, asked: Message) -> None:
    assert await refused(asking, asked) == "malformed"


async def test_an_entry_that_is_not_the_vaults_shows_its_number_alone(
    vault: Deployment, asking: Client
) -> None:
    await page(asking)
    edit(vault.config.data_dir / "vault.db", """UPDATE audit SET details = '{"x":"<b>"}' WHERE number = 1""")
    first = (await page(asking))[0]
    assert (first.number, first.genuine, first.event, first.details) == (1, False, "", {})


async def test_an_operator_accepts_what_was_found(vault: Deployment, asking: Client) -> None:
    await page(asking)
    edit(vault.config.data_dir / "vault.db", "DELETE FROM audit WHERE number = 1")
    found = await audit_checked(vault.config)
    assert [(each.fault, each.number, each.until) for each in found.findings] == [("missing", 1, 1)]
    answer = await asking.ask(CheckAudit(accept=True))
    assert isinstance(answer, AuditChecked)
    assert (answer.findings, answer.accepted) == ((), 1)
    assert (await newest(asking, "audit_accepted"))["code"] == "missing"
    answer = await asking.ask(CheckAudit(accept=True, noted=answer.end))
    assert isinstance(answer, AuditChecked)
    assert answer.accepted == 1


async def test_nothing_that_was_typed_or_sealed_is_in_the_audit(
    vault: Deployment, asking: Client, at: Addresses
) -> None:
    key = canary_key()
    issued = await vault.ticket(at)
    await vault.deposit(issued.ticket, key)
    await vault.open(at, issued.credential)
    await vault.view(issued.ticket)
    await page(asking)
    said = "".join(str(each) for each in await page(asking))
    for secret in (key.decode(), issued.ticket, key.decode()[-4:], "Larkspur", "Newsletter"):
        assert secret not in said


async def refused(client: Client, message: Message) -> str:
    with pytest.raises(RefusedError) as error:
        await client.ask(message)
    return error.value.refusal.code
