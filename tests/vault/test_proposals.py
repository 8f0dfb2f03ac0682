"""Proposals: two different administrators approve exactly one thing, in time, and it is done once."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from typing import Any

import pytest

from sealgate.ids import new_id
from sealgate.messages.administering import (
    ApprovalsMissing,
    AskProposals,
    InviteAdministrator,
    ProposalList,
    ProposalRow,
    RemoveAdministrator,
)
from sealgate.messages.frames import Message, RefusedError
from sealgate.messages.operating import AskKeks, DestroyKek, KekReport, RotateKek
from sealgate.vault import base64url
from sealgate.vault.approvals import ACTIONS, Action
from sealgate.vault.proposals import KEPT_S, LIFETIME_S
from tests.vault.authenticator import UP, Lies, Passkey
from tests.vault.deployment import HOST, Clock, Deployment
from tests.vault.people import People, Person, connected_people
from tests.vault.test_operator import settled


@pytest.fixture
async def people(vault: Deployment) -> AsyncIterator[People]:
    async with connected_people(vault) as found:
        yield found


@pytest.fixture
async def two(people: People) -> tuple[Person, Person]:
    return await people.enrolled("Ada"), await people.enrolled("Bea")


@pytest.fixture
async def old(people: People) -> str:
    """A KEK version that nothing is wrapped by any more."""
    answer = await people.operator.ask(RotateKek())
    assert isinstance(answer, KekReport)
    report = await settled(people.operator)
    return report.items[0].version


async def proposed(people: People, order: Message) -> ProposalRow:
    missing = await people.operator.ask(order)
    assert isinstance(missing, ApprovalsMissing)
    return missing.proposal


async def test_a_kek_is_destroyed_once_two_administrators_approved_it(
    vault: Deployment, people: People, two: tuple[Person, Person], old: str, log: io.StringIO
) -> None:
    proposal = await proposed(people, DestroyKek(version=old))
    assert (proposal.action, proposal.subject, proposal.needed) == ("kek.destroy", old, 2)
    seen = (await people.proposal(proposal.link)).json
    assert (seen["state"], seen["approved"], seen["rp_id"]) == ("open", [], HOST)
    assert ["KEK version", old] in seen["facts"]
    assert {*seen["allow"]} == {base64url.encode(each.passkey.id) for each in two}
    once = (await people.approve(proposal.link, two[0].passkey)).json
    assert ([each["name"] for each in once["approved"]], once["state"]) == (["Ada"], "open")
    missing = await proposed(people, DestroyKek(version=old))
    assert missing.proposal == proposal.proposal
    assert missing.link == proposal.link
    assert [each.name for each in missing.approved] == ["Ada"]
    twice = (await people.approve(proposal.link, two[1].passkey)).json
    assert twice["state"] == "granted"
    report = await people.operator.ask(DestroyKek(version=old))
    assert isinstance(report, KekReport)
    assert [each.state for each in report.items] == ["destroyed", "current"]
    assert not (vault.config.data_dir / "kek").exists()
    assert (await people.proposal(proposal.link)).json["state"] == "done"
    text = log.getvalue()
    assert f"kek_destroying kek={old} proposal={proposal.proposal}" in text
    assert text.count("approved proposal=") == 2
    assert people.fragment(proposal.link) not in text


async def test_two_passkeys_of_one_person_are_one_approval(people: People, old: str) -> None:
    ada = await people.enrolled("Ada")
    other = Passkey()
    await people.enrol(await people.again(ada.administrator), other)
    await people.enrolled("Bea")
    proposal = await proposed(people, DestroyKek(version=old))
    assert (await people.approve(proposal.link, ada.passkey)).status == 200
    again = await people.approve(proposal.link, other)
    assert (again.status, again.code) == (409, "approved_already")
    assert isinstance(await people.operator.ask(DestroyKek(version=old)), ApprovalsMissing)


async def test_with_fewer_than_two_nothing_can_be_proposed(people: People, old: str) -> None:
    await people.enrolled("Ada")
    await people.enrolled("Bea", new_id("org"))
    with pytest.raises(RefusedError) as refused:
        await people.operator.ask(DestroyKek(version=old))
    assert refused.value.refusal.code == "too_few_administrators"
    assert "invite" in refused.value.refusal.hint


async def test_an_administrator_of_an_organization_approves_nothing_of_the_vault(
    people: People, two: tuple[Person, Person], old: str
) -> None:
    cleo = await people.enrolled("Cleo", new_id("org"))
    proposal = await proposed(people, DestroyKek(version=old))
    page = await people.approve(proposal.link, cleo.passkey)
    assert (page.status, page.code) == (403, "passkey_refused")


async def test_a_proposal_ends_after_three_days(
    people: People, two: tuple[Person, Person], old: str, clock: Clock
) -> None:
    proposal = await proposed(people, DestroyKek(version=old))
    await people.approve(proposal.link, two[0].passkey)
    clock.now_s += LIFETIME_S + 1
    assert (await people.proposal(proposal.link)).json["state"] == "expired"
    page = await people.approve(proposal.link, two[1].passkey)
    assert (page.status, page.code) == (409, "proposal_over")
    again = await proposed(people, DestroyKek(version=old))
    assert again.proposal != proposal.proposal
    assert again.approved == ()


async def test_approvals_that_come_too_late_to_be_used_grant_nothing(
    people: People, two: tuple[Person, Person], old: str, clock: Clock
) -> None:
    proposal = await proposed(people, DestroyKek(version=old))
    for person in two:
        await people.approve(proposal.link, person.passkey)
    clock.now_s += LIFETIME_S + 1
    assert isinstance(await people.operator.ask(DestroyKek(version=old)), ApprovalsMissing)


async def test_a_proposal_that_was_done_takes_no_more_approvals(
    people: People, two: tuple[Person, Person]
) -> None:
    order = InviteAdministrator(name="Eve")
    proposal = await proposed(people, order)
    await people.approved(order, *two)
    page = await people.approve(proposal.link, two[0].passkey)
    assert (page.status, page.code) == (409, "proposal_over")


async def test_approvals_serve_for_exactly_what_was_proposed(
    people: People, two: tuple[Person, Person]
) -> None:
    proposal = await proposed(people, InviteAdministrator(name="Eve"))
    for person in two:
        await people.approve(proposal.link, person.passkey)
    for order in (
        InviteAdministrator(name="Mallory"),
        RemoveAdministrator(administrator=two[0].administrator),
    ):
        assert (await proposed(people, order)).approved == ()


async def test_an_assertion_for_another_proposal_approves_nothing(
    vault: Deployment, people: People, two: tuple[Person, Person], log: io.StringIO
) -> None:
    first = await proposed(people, InviteAdministrator(name="Eve"))
    second = await proposed(people, InviteAdministrator(name="Mallory"))
    seen = (await people.proposal(first.link)).json
    given = two[0].passkey.assertion(base64url.decode(seen["challenge"]))
    body = {"proposal": people.fragment(second.link), "passkey": given}
    page = await vault.post("/approve", body)
    assert (page.status, page.code) == (403, "passkey_refused")
    assert "passkey_refused code=challenge_wrong" in log.getvalue()


async def test_the_approval_of_who_was_removed_counts_no_more(
    people: People, two: tuple[Person, Person], old: str
) -> None:
    await people.approved(InviteAdministrator(name="Cleo"), *two)
    removal = RemoveAdministrator(administrator=two[0].administrator)
    await people.operator.ask(InviteAdministrator(name="Cleo"))
    proposal = await proposed(people, DestroyKek(version=old))
    for person in two:
        await people.approve(proposal.link, person.passkey)
    await people.approved(removal, *two)
    with pytest.raises(RefusedError, match="too_few_administrators"):
        await people.operator.ask(DestroyKek(version=old))


async def test_who_approved_with_a_passkey_that_was_removed_may_approve_again(
    people: People, old: str
) -> None:
    ada = await people.enrolled("Ada")
    other = Passkey()
    await people.enrol(await people.again(ada.administrator), other)
    bea = await people.enrolled("Bea")
    proposal = await proposed(people, DestroyKek(version=old))
    await people.approve(proposal.link, ada.passkey)
    name = (await people.list())[0].passkeys[0].passkey
    await people.approved(RemoveAdministrator(administrator=ada.administrator, passkey=name), ada, bea)
    assert (await proposed(people, DestroyKek(version=old))).approved == ()
    assert (await people.approve(proposal.link, other)).status == 200
    assert (await people.approve(proposal.link, bea.passkey)).json["state"] == "granted"


async def test_the_names_of_administrators_are_shown_with_their_ids(
    people: People, two: tuple[Person, Person]
) -> None:
    proposal = await proposed(people, RemoveAdministrator(administrator=two[1].administrator))
    seen = (await people.proposal(proposal.link)).json
    assert seen["facts"] == [["Administrator", two[1].administrator], ["Name", "Bea"]]


async def test_proposals_are_listed_and_those_long_past_are_forgotten(
    people: People, two: tuple[Person, Person], clock: Clock
) -> None:
    await proposed(people, InviteAdministrator(name="Eve"))
    clock.now_s += 60
    await proposed(people, InviteAdministrator(name="Mallory"))

    async def subjects() -> list[str]:
        answer = await people.operator.ask(AskProposals())
        assert isinstance(answer, ProposalList)
        return [each.subject for each in answer.items]

    assert await subjects() == ["Mallory", "Eve"]
    clock.now_s += LIFETIME_S + KEPT_S
    await proposed(people, InviteAdministrator(name="Cleo"))
    assert await subjects() == ["Cleo", "Mallory"]


@pytest.mark.parametrize("text", ["", "A", "A" * 43, "A" * 44, "ä" * 43])
async def test_a_guessed_proposal_gives_the_one_answer(vault: Deployment, text: str) -> None:
    page = await vault.post("/approve/proposal", {"proposal": text})
    assert (page.status, page.code) == (404, "proposal_unknown")
    page = await vault.post("/approve", {"proposal": text, "passkey": Passkey().assertion(bytes(32))})
    assert (page.status, page.code) == (404, "proposal_unknown")


async def test_guesses_at_proposals_are_slowed_down(vault: Deployment) -> None:
    codes = [(await vault.post("/approve/proposal", {"proposal": "A" * 43})).code for _ in range(40)]
    assert codes[-1] == "rate_limited"


LIES = {
    "from another page": Lies(origin="http://console.localhost:8700"),
    "for another party": Lies(rp_id="console.localhost"),
    "without verification": Lies(flags=UP),
    "an unknown passkey": Lies(passkey=b"unknown"),
}


@pytest.mark.parametrize("lies", LIES.values(), ids=LIES)
async def test_an_approval_from_a_hostile_page_or_device_counts_for_nothing(
    people: People, two: tuple[Person, Person], lies: Lies
) -> None:
    proposal = await proposed(people, InviteAdministrator(name="Eve"))
    page = await people.approve(proposal.link, two[0].passkey, lies)
    assert (page.status, page.code) == (403, "passkey_refused")
    assert (await proposed(people, InviteAdministrator(name="Eve"))).approved == ()


@pytest.mark.parametrize("field", ["id", "client_data", "authenticator_data", "signature"])
@pytest.mark.parametrize("value", ["", "=", "ä", "AAAA", None, 1, []], ids=repr)
async def test_every_field_of_an_approval_is_checked(
    people: People, two: tuple[Person, Person], field: str, value: Any
) -> None:
    proposal = await proposed(people, InviteAdministrator(name="Eve"))
    page = await people.approve(proposal.link, two[0].passkey, **{field: value})
    assert page.code in {"malformed", "passkey_refused"}


EDITS = {
    "another subject": "UPDATE proposals SET subject = 'Mallory'",
    "another action": "UPDATE proposals SET action = 'kek.destroy'",
    "more approvals": "UPDATE proposals SET approvals = 2",
    "a longer life": "UPDATE proposals SET expires_at = expires_at + 1000",
    "another MAC": "UPDATE proposals SET mac = x'00'",
    "another approver": "UPDATE approvals SET administrator = 'adm_aaaaaaaaaaaaaaaaaaaa'",
    "an approval less": "DELETE FROM approvals",
    "an approval copied": "INSERT INTO approvals"
    " SELECT proposal, 'x', revision, name, passkey, approved_at, mac FROM approvals",
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
async def test_an_edited_proposal_is_an_alarm_and_grants_nothing(
    vault: Deployment, people: People, two: tuple[Person, Person], log: io.StringIO, edit: str
) -> None:
    proposal = await proposed(people, InviteAdministrator(name="Eve"))
    await people.approve(proposal.link, two[0].passkey)
    with vault.vault._foundation.database.transaction() as connection:
        connection.execute(edit)
    assert (await people.proposal(proposal.link)).code == "proposal_unknown"
    assert "alarm_row" in log.getvalue()
    again = await proposed(people, InviteAdministrator(name="Eve"))
    assert again.proposal != proposal.proposal
    assert again.approved == ()


async def test_a_proposal_that_was_used_and_put_back_from_an_old_copy_grants_nothing(
    people: People, two: tuple[Person, Person]
) -> None:
    order = InviteAdministrator(name="Eve")
    proposal = await proposed(people, order)
    for person in two:
        await people.approve(proposal.link, person.passkey)
    granted = people.copy("proposals", "approvals")
    assert not isinstance(await people.operator.ask(order), ApprovalsMissing)
    people.put_back(granted)
    again = await proposed(people, order)
    assert again.approved == ()


def test_every_action_has_words() -> None:
    assert set(ACTIONS) == set(Action)


async def test_nothing_is_proposed_for_a_kek_that_is_in_use(
    people: People, two: tuple[Person, Person]
) -> None:
    report = await people.operator.ask(AskKeks())
    assert isinstance(report, KekReport)
    with pytest.raises(RefusedError, match="kek_in_use"):
        await people.operator.ask(DestroyKek(version=report.items[0].version))
