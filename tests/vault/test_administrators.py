"""Administrators of the vault: invited by operators, enrolled with passkeys, removed; and rows that lie."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sealgate.ids import new_id
from sealgate.messages.administering import (
    AdministratorRemoved,
    ApprovalsMissing,
    InviteAdministrator,
    RemoveAdministrator,
)
from sealgate.messages.erasing import Erase, ErasureKind
from sealgate.messages.frames import Message, RefusedError
from sealgate.vault import base64url
from tests.vault.authenticator import Lies, Passkey
from tests.vault.deployment import HOST, Addresses, Clock, Deployment, running, vault_config
from tests.vault.people import People, connected_people


@pytest.fixture
async def people(vault: Deployment) -> AsyncIterator[People]:
    async with connected_people(vault) as found:
        yield found


async def refusal(asked: Any) -> str:
    with pytest.raises(RefusedError) as refused:
        await asked
    assert refused.value.refusal.hint
    return refused.value.refusal.code


async def test_who_is_invited_enrols_a_passkey_and_is_listed(
    vault: Deployment, people: People, log: io.StringIO
) -> None:
    invited = await people.invite("Ada")
    seen = (await vault.post("/enrol/invitation", {"invitation": people.token(invited)})).json
    assert (seen["name"], seen["organization"], seen["again"]) == ("Ada", None, False)
    assert seen["rp"] == {"id": HOST, "name": "Sealgate vault"}
    assert seen["user"]["name"] == "Ada"
    assert len(base64url.decode(seen["challenge"])) == 32
    passkey = Passkey()
    page = await people.enrol(invited, passkey, transports=["usb", "nonsense", "usb"])
    assert page.json["name"] == "Ada"
    assert page.json["passkeys"] == 1
    (row,) = await people.list()
    assert (row.state, row.invited_until, len(row.passkeys)) == ("enrolled-whole", None, 1)
    assert row.passkeys[0].fingerprint == page.json["fingerprint"]
    text = log.getvalue()
    assert f"administrator_invited administrator={invited.administrator}" in text
    assert f"passkey_enrolled administrator={invited.administrator}" in text
    assert "Ada" not in text
    assert people.token(invited) not in text


async def test_an_administrator_of_one_organization_is_told_so(vault: Deployment, people: People) -> None:
    organization = new_id("org")
    invited = await people.invite("Ada", organization)
    seen = (await vault.post("/enrol/invitation", {"invitation": people.token(invited)})).json
    assert seen["organization"]["id"] == organization
    await people.enrol(invited, Passkey())
    (row,) = await people.list()
    assert (row.state, row.organization) == ("enrolled", organization)


async def test_an_invitation_works_once(vault: Deployment, people: People) -> None:
    invited = await people.invite("Ada")
    assert (await people.enrol(invited, Passkey())).status == 200
    again = await vault.post("/enrol/invitation", {"invitation": people.token(invited)})
    assert (again.status, again.code) == (404, "invitation_unknown")


async def test_an_invitation_ends_after_a_day(vault: Deployment, people: People, clock: Clock) -> None:
    invited = await people.invite("Ada")
    clock.now_s = invited.expires_at
    again = await vault.post("/enrol/invitation", {"invitation": people.token(invited)})
    assert (again.status, again.code) == (404, "invitation_unknown")


async def test_a_new_invitation_of_the_same_person_replaces_the_one_before(
    vault: Deployment, people: People
) -> None:
    first = await people.invite("Ada")
    second = await people.again(first.administrator)
    assert (await vault.post("/enrol/invitation", {"invitation": people.token(first)})).status == 404
    assert (await vault.post("/enrol/invitation", {"invitation": people.token(second)})).status == 200


@pytest.mark.parametrize("text", ["", "A", "A" * 43, "A" * 44, "\ud800" * 43, "ä" * 43])
async def test_a_guessed_invitation_gives_the_one_answer(
    vault: Deployment, log: io.StringIO, text: str
) -> None:
    answer = await vault.post("/enrol/invitation", {"invitation": text})
    assert answer.code in {"invitation_unknown", "malformed"}


async def test_guesses_are_slowed_down(vault: Deployment) -> None:
    codes = [(await vault.post("/enrol/invitation", {"invitation": "A" * 43})).code for _ in range(40)]
    assert codes[-1] == "rate_limited"


async def test_a_second_passkey_is_the_same_administrator(vault: Deployment, people: People) -> None:
    ada = await people.enrolled("Ada")
    invited = await people.again(ada.administrator)
    seen = (await vault.post("/enrol/invitation", {"invitation": people.token(invited)})).json
    assert seen["again"] is True
    assert seen["exclude"] == [base64url.encode(ada.passkey.id)]
    assert (await people.enrol(invited, Passkey())).json["passkeys"] == 2
    (row,) = await people.list()
    assert len(row.passkeys) == 2


async def test_a_passkey_that_breaks_a_rule_is_not_enrolled_and_the_invitation_stays_good(
    people: People, log: io.StringIO
) -> None:
    invited = await people.invite("Ada")
    refused = await people.enrol(invited, Passkey(), Lies(origin="http://evil.example"))
    assert (refused.status, refused.code) == (400, "passkey_refused")
    assert f"passkey_refused code=origin_wrong administrator={invited.administrator}" in log.getvalue()
    assert (await people.enrol(invited, Passkey())).status == 200


async def test_no_passkey_is_enrolled_twice(people: People, log: io.StringIO) -> None:
    ada = await people.enrolled("Ada")
    refused = await people.enrol(await people.invite("Bea"), ada.passkey)
    assert refused.code == "passkey_refused"
    assert "passkey_refused code=known" in log.getvalue()


async def test_an_enrolment_for_another_invitation_is_refused(vault: Deployment, people: People) -> None:
    first, second = await people.invite("Ada"), await people.invite("Bea")
    seen = (await vault.post("/enrol/invitation", {"invitation": people.token(first)})).json
    body = Passkey().enrolment(base64url.decode(seen["challenge"]))
    refused = await vault.post("/enrol", {"invitation": people.token(second)} | body)
    assert refused.code == "passkey_refused"


@pytest.mark.parametrize("field", ["id", "client_data", "attestation_object"])
@pytest.mark.parametrize("value", ["", "=", "A", "ä", "A" * 6000, None, 1, [], {}], ids=lambda v: repr(v)[:9])
async def test_every_field_of_an_enrolment_is_checked(people: People, field: str, value: Any) -> None:
    invited = await people.invite("Ada")
    refused = await people.enrol(invited, Passkey(), **{field: value})
    assert refused.code in {"passkey_refused", "malformed"}
    assert (await people.list())[0].state == "invited"


async def test_an_administrator_has_so_many_passkeys_and_no_more(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await people.enrolled("Ada")
    invited = await people.again(ada.administrator)
    monkeypatch.setattr("sealgate.vault.administrators.PASSKEYS_LIMIT", 1)
    monkeypatch.setattr("sealgate.vault.administering.PASSKEYS_LIMIT", 1)
    assert (await people.enrol(invited, Passkey())).code == "passkey_refused"
    assert await refusal(people.again(ada.administrator)) == "too_many_passkeys"


INVITATIONS = {
    "no name": (InviteAdministrator(), "malformed"),
    "a name with a line end": (InviteAdministrator(name="A\nB"), "malformed"),
    "a long name": (InviteAdministrator(name="A" * 81), "malformed"),
    "no organization": (InviteAdministrator(name="A", organization="acme"), "malformed"),
    "no administrator": (InviteAdministrator(administrator="ada"), "malformed"),
    "an unknown administrator": (InviteAdministrator(administrator=new_id("adm")), "unknown_administrator"),
    "nobody to remove": (RemoveAdministrator(administrator=new_id("adm")), "unknown_administrator"),
    "no id to remove": (RemoveAdministrator(administrator="ada"), "malformed"),
    "nobody's passkey": (
        RemoveAdministrator(administrator=new_id("adm"), passkey="x"),
        "unknown_administrator",
    ),
}


@pytest.mark.parametrize(("request_", "code"), INVITATIONS.values(), ids=INVITATIONS)
async def test_what_cannot_be_meant_is_refused(people: People, request_: Message, code: str) -> None:
    assert await refusal(people.operator.ask(request_)) == code


async def test_a_known_person_is_not_renamed_by_an_invitation(people: People) -> None:
    ada = await people.enrolled("Ada")
    order = InviteAdministrator(administrator=ada.administrator, name="Eve")
    assert await refusal(people.operator.ask(order)) == "malformed"


async def test_who_is_removed_counts_for_nothing_and_the_id_is_closed(people: People) -> None:
    ada = await people.enrolled("Ada")
    removed = await people.operator.ask(RemoveAdministrator(administrator=ada.administrator))
    assert removed == AdministratorRemoved(administrator=ada.administrator, passkeys=0)
    assert await people.list() == ()
    assert await refusal(people.again(ada.administrator)) == "unknown_administrator"
    order = RemoveAdministrator(administrator=ada.administrator)
    assert await refusal(people.operator.ask(order)) == "unknown_administrator"


async def test_one_passkey_of_two_is_removed_and_never_the_last(people: People) -> None:
    ada = await people.enrolled("Ada")
    await people.enrol(await people.again(ada.administrator), Passkey())
    (row,) = await people.list()
    first, second = (each.passkey for each in row.passkeys)

    async def remove(passkey: str) -> Message:
        order = RemoveAdministrator(administrator=ada.administrator, passkey=passkey)
        return await people.operator.ask(order)

    assert await refusal(remove("0" * 16)) == "unknown_passkey"
    assert await remove(first) == AdministratorRemoved(administrator=ada.administrator, passkeys=1)
    assert [each.passkey for each in (await people.list())[0].passkeys] == [second]
    assert await refusal(remove(second)) == "last_passkey"


async def test_removing_a_passkey_ends_an_open_invitation(vault: Deployment, people: People) -> None:
    ada = await people.enrolled("Ada")
    await people.enrol(await people.again(ada.administrator), Passkey())
    invited = await people.again(ada.administrator)
    (row,) = await people.list()
    order = RemoveAdministrator(administrator=ada.administrator, passkey=row.passkeys[0].passkey)
    await people.operator.ask(order)
    assert (await vault.post("/enrol/invitation", {"invitation": people.token(invited)})).status == 404


async def test_once_two_are_enrolled_changing_them_takes_both(people: People) -> None:
    ada, bea = await people.enrolled("Ada"), await people.enrolled("Bea")
    await people.enrol(await people.again_approved(ada, bea), Passkey())
    orders: list[Message] = [
        InviteAdministrator(name="Eve"),
        InviteAdministrator(administrator=ada.administrator),
        RemoveAdministrator(administrator=bea.administrator),
        RemoveAdministrator(
            administrator=ada.administrator, passkey=(await people.list())[0].passkeys[0].passkey
        ),
    ]
    for order in orders:
        missing = await people.operator.ask(order)
        assert isinstance(missing, ApprovalsMissing)
        assert missing.proposal.approved == ()
        assert (await people.approve(missing.proposal.link, ada.passkey)).status == 200
        assert isinstance(await people.operator.ask(order), ApprovalsMissing)
        assert (await people.approve(missing.proposal.link, bea.passkey)).json["state"] == "granted"
    for order in orders:
        assert not isinstance(await people.operator.ask(order), ApprovalsMissing)
    assert [row.name for row in await people.list()] == ["Ada", "Eve"]


async def test_approvals_of_an_invitation_serve_for_one(people: People) -> None:
    ada, bea = await people.enrolled("Ada"), await people.enrolled("Bea")
    await people.approved(InviteAdministrator(name="Eve"), ada, bea)
    again = await people.operator.ask(InviteAdministrator(name="Eve"))
    assert isinstance(again, ApprovalsMissing)
    assert again.proposal.approved == ()


async def test_an_invitation_from_before_there_were_two_stops_working_once_there_are(
    people: People, log: io.StringIO
) -> None:
    spare = await people.invite("Eve")
    await people.enrolled("Ada")
    await people.enrolled("Bea")
    assert (await people.enrol(spare, Passkey())).code == "invitation_unknown"
    assert "invitation_refused code=not_approved" in log.getvalue()


async def test_administrators_of_an_organization_are_the_operators_to_invite(people: People) -> None:
    await people.enrolled("Ada")
    await people.enrolled("Bea")
    cleo = await people.enrolled("Cleo", new_id("org"))
    removed = await people.operator.ask(RemoveAdministrator(administrator=cleo.administrator))
    assert isinstance(removed, AdministratorRemoved)


async def test_erasing_an_organization_removes_its_administrators_and_lets_none_in(
    people: People, vault: Deployment
) -> None:
    at = Addresses()
    await vault.ticket(at)
    await people.enrolled("Ada", at.organization)
    bea = await people.enrolled("Bea", new_id("org"))
    await people.operator.ask(Erase(kind=ErasureKind.ORGANIZATION, subject=at.organization))
    assert [row.administrator for row in await people.list()] == [bea.administrator]
    assert await refusal(people.invite("Cleo", at.organization)) == "erased"


async def test_a_vault_without_a_name_invites_nobody(folder: Path, clock: Clock, assets: Path) -> None:
    config = vault_config(folder, public_url="http://127.0.0.1:8701")
    async with running(config, clock, io.StringIO(), assets) as vault, connected_people(vault) as people:
        assert await refusal(people.invite("Ada")) == "no_name"


EDITS = {
    "another name": "UPDATE administrators SET name = 'Eve'",
    "another scope": "UPDATE administrators SET organization = ''",
    "another state": "UPDATE administrators SET state = 'enrolled-whole'",
    "approved": "UPDATE administrators SET invitation_approved = 1",
    "another MAC": "UPDATE administrators SET mac = x'00'",
    "no row": "DELETE FROM administrators",
    "no passkey": "DELETE FROM passkeys",
    "another key": "UPDATE passkeys SET public_key = x'a0'",
    "another owner": "UPDATE passkeys SET administrator = 'adm_aaaaaaaaaaaaaaaaaaaa'",
    "another counter": "UPDATE passkeys SET counter = 7",
    "another passkey's MAC": "UPDATE passkeys SET mac = x'00'",
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
async def test_an_edited_row_is_an_alarm_and_counts_for_nothing(
    vault: Deployment, people: People, log: io.StringIO, edit: str
) -> None:
    cleo = await people.enrolled("Cleo", new_id("org"))
    with vault.vault._foundation.database.transaction() as connection:
        connection.execute(edit)
    (row,) = await people.list()
    assert (row.administrator, row.state, row.passkeys) == (cleo.administrator, "damaged", ())
    assert "alarm_row" in log.getvalue()
    assert await refusal(people.again(cleo.administrator)) == "damaged"
    removed = await people.operator.ask(RemoveAdministrator(administrator=cleo.administrator))
    assert isinstance(removed, AdministratorRemoved)
    assert await people.list() == ()


async def test_an_invitation_whose_row_was_edited_does_not_work(
    vault: Deployment, people: People, log: io.StringIO
) -> None:
    invited = await people.invite("Ada", new_id("org"))
    with vault.vault._foundation.database.transaction() as connection:
        connection.execute("UPDATE administrators SET organization = ''")
    assert (await people.enrol(invited, Passkey())).code == "invitation_unknown"
    assert "invitation_refused code=damaged" in log.getvalue()


async def test_a_removed_passkey_put_back_from_an_old_copy_counts_for_nothing(
    vault: Deployment, people: People
) -> None:
    ada = await people.enrolled("Ada")
    await people.enrol(await people.again(ada.administrator), Passkey())
    before = people.copy("administrators", "passkeys")
    (row,) = await people.list()
    order = RemoveAdministrator(administrator=ada.administrator, passkey=row.passkeys[0].passkey)
    await people.operator.ask(order)
    people.put_back(before)
    assert [each.state for each in await people.list()] == ["damaged"]


async def test_a_used_invitation_put_back_from_an_old_copy_does_not_work(
    vault: Deployment, people: People
) -> None:
    invited = await people.invite("Ada")
    before = people.copy("administrators", "passkeys")
    await people.enrol(invited, Passkey())
    people.put_back(before)
    assert (await people.enrol(invited, Passkey())).code == "invitation_unknown"


async def test_a_removed_administrator_put_back_counts_for_nothing(people: People) -> None:
    ada = await people.enrolled("Ada")
    before = people.copy("administrators", "passkeys")
    await people.operator.ask(RemoveAdministrator(administrator=ada.administrator))
    people.put_back(before)
    assert [each.state for each in await people.list()] == ["damaged"]


async def test_removing_rows_does_not_bring_back_the_time_when_one_could_invite(people: People) -> None:
    await people.enrolled("Ada")
    await people.enrolled("Bea")
    people.put_back({"administrators": [], "passkeys": []})
    assert await refusal(people.invite("Eve")) == "too_few_administrators"


async def test_the_name_of_who_is_damaged_is_not_shown_as_true(people: People, vault: Deployment) -> None:
    await people.enrolled("Ada")
    with vault.vault._foundation.database.transaction() as connection:
        connection.execute("UPDATE administrators SET name = 'Eve'")
    assert [row.name for row in await people.list()] == [""]
