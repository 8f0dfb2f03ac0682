"""What the console may ask for, and that it never gets more than a mask."""

from __future__ import annotations

import io
from pathlib import Path

import msgspec
import pytest

from sealgate.ids import new_id
from sealgate.messages.frames import Message, RefusedError
from sealgate.messages.tickets import (
    AskPseudonym,
    CredentialRevoked,
    CredentialState,
    DepositApproval,
    Destinations,
    Discard,
    ListCredentials,
    ListDestinations,
    Revoke,
    RollBack,
    Switch,
)
from tests.vault.deployment import (
    EVIL_ORIGIN,
    ORIGIN,
    Addresses,
    Clock,
    Deployment,
    canary_key,
    running,
    ticket_order,
    vault_config,
)
from tests.vault.people import connected_people

BAD_IDS = [
    "",
    "org",
    "org_" + "A" * 20,
    "org_" + "a" * 21,
    "org_" + "a" * 19 + "\n",
    "../../etc",
    "é" * 24,
    "a" * 9999,
]
_ENVELOPES = "SELECT envelope FROM versions"
BAD_NAMES = ["", " ", " padded", "two\nlines", "\x00", "\u202eleft", "x" * 201]


async def refused(vault: Deployment, request: Message) -> str:
    with pytest.raises(RefusedError) as refusal:
        await vault.console.ask(request)
    assert refusal.value.refusal.hint
    return refusal.value.refusal.code


async def test_the_vault_alone_says_where_keys_may_go(vault: Deployment) -> None:
    listed = await vault.ask(ListDestinations(), Destinations)
    regions = ("us", "eu", "gb", "au", "ca", "in", "jp", "kr", "sg", "ae")
    openai = [ORIGIN, *(f"https://{region}.api.openai.com" for region in regions)]
    others = ["anthropic", "google", "mistral", "groq", "openrouter"]
    assert [each.origin for each in listed.items if each.provider == "openai"] == [EVIL_ORIGIN, *openai]
    assert [each.provider for each in listed.items if each.provider != "openai"] == others


@pytest.mark.parametrize(
    "origin", ["https://evil.example", ORIGIN + "/", ORIGIN.upper(), "http://api.openai.com", ORIGIN + ":443"]
)
async def test_no_ticket_is_issued_for_a_destination_that_the_vault_does_not_know(
    vault: Deployment, origin: str
) -> None:
    assert await refused(vault, ticket_order(Addresses(origin=origin))) == "unknown_destination"


@pytest.mark.parametrize("field", ["organization", "application", "credential"])
@pytest.mark.parametrize("value", BAD_IDS)
async def test_a_malformed_id_is_refused(vault: Deployment, at: Addresses, field: str, value: str) -> None:
    order = msgspec.structs.replace(ticket_order(at, new_id("cred")), **{field: value})
    assert await refused(vault, order) == "malformed"
    if field == "credential":
        whose = {"organization": at.organization, "application": at.application, field: value}
        for request in (Revoke(**whose), Switch(**whose), RollBack(**whose)):
            assert await refused(vault, request) == "malformed"
        assert await refused(vault, Discard(**whose, version=1)) == "malformed"
    else:
        owner = {"organization": at.organization, "application": at.application, field: value}
        assert await refused(vault, ListCredentials(**owner)) == "malformed"
        assert await refused(vault, AskPseudonym(**owner, subject="x")) == "malformed"


@pytest.mark.parametrize("field", ["organization_name", "application_name"])
@pytest.mark.parametrize("value", BAD_NAMES)
async def test_a_name_that_could_deceive_on_the_page_is_refused(
    vault: Deployment, at: Addresses, field: str, value: str
) -> None:
    order = msgspec.structs.replace(ticket_order(at), **{field: value})
    assert await refused(vault, order) == "malformed"


@pytest.mark.parametrize("field", ["provider", "origin"])
@pytest.mark.parametrize("value", ["", "é", "x" * 301])
async def test_a_malformed_destination_is_refused(
    vault: Deployment, at: Addresses, field: str, value: str
) -> None:
    assert await refused(vault, msgspec.structs.replace(ticket_order(at), **{field: value})) == "malformed"


@pytest.mark.parametrize("subject", ["", "x" * 513, "é" * 257])
async def test_a_malformed_subject_is_refused(vault: Deployment, at: Addresses, subject: str) -> None:
    request = AskPseudonym(organization=at.organization, application=at.application, subject=subject)
    assert await refused(vault, request) == "malformed"


async def test_an_organization_without_a_key_has_no_pseudonyms(vault: Deployment, at: Addresses) -> None:
    request = AskPseudonym(organization=at.organization, application=at.application, subject="x")
    assert await refused(vault, request) == "unknown_organization"


async def test_the_list_shows_a_mask_and_the_state(vault: Deployment, at: Addresses) -> None:
    key = canary_key()
    credential = await vault.sealed_key(at, key)
    awaited = await vault.ticket(at)
    rows = {row.credential: row for row in (await vault.list(at)).items}
    assert rows[credential].state is CredentialState.ACTIVE
    assert rows[credential].last_four == key[-4:].decode()
    assert rows[awaited.credential].state is CredentialState.AWAITED
    assert key not in msgspec.msgpack.encode(tuple(rows.values()))


async def test_the_list_shows_nothing_of_another_application(vault: Deployment, at: Addresses) -> None:
    await vault.sealed_key(at, canary_key())
    for other in (Addresses(at.organization), Addresses(application=at.application)):
        assert (await vault.list(other)).items == ()


async def test_revoking_destroys_the_envelope_in_every_file(vault: Deployment, at: Addresses) -> None:
    credential = await vault.sealed_key(at, canary_key())
    database = vault.vault._foundation.database
    envelope = database.rows(_ENVELOPES)[0][0]
    assert isinstance(envelope, bytes)
    revoked = await vault.revoke(at, credential)
    assert isinstance(revoked, CredentialRevoked)
    assert database.rows(_ENVELOPES) == [(None,)]
    assert (await vault.list(at)).items[0].versions == ()
    for path in vault.config.data_dir.iterdir():
        assert envelope[60:] not in path.read_bytes(), path.name


async def test_replacing_overwrites_the_old_envelope_in_every_file(vault: Deployment, at: Addresses) -> None:
    credential = await vault.sealed_key(at, canary_key())
    old = vault.vault._foundation.database.rows(_ENVELOPES)[0][0]
    assert isinstance(old, bytes)
    await vault.sealed_key(at, canary_key(), credential)
    for path in vault.config.data_dir.iterdir():
        assert old[60:] not in path.read_bytes(), path.name


async def test_revoking_twice_tells_the_first_time(vault: Deployment, at: Addresses) -> None:
    credential = await vault.sealed_key(at, canary_key())
    assert await vault.revoke(at, credential) == await vault.revoke(at, credential)


async def test_a_credential_of_another_application_cannot_be_revoked_or_replaced(
    vault: Deployment, at: Addresses
) -> None:
    credential = await vault.sealed_key(at, canary_key())
    for other in (Addresses(at.organization), Addresses(application=at.application), Addresses()):
        with pytest.raises(RefusedError, match="unknown_credential"):
            await vault.revoke(other, credential)
        with pytest.raises(RefusedError, match="unknown_credential"):
            await vault.ticket(other, credential)


async def test_a_replacement_cannot_change_the_destination(vault: Deployment, at: Addresses) -> None:
    credential = await vault.sealed_key(at, canary_key())
    elsewhere = Addresses(at.organization, at.application, origin=EVIL_ORIGIN)
    with pytest.raises(RefusedError, match="unknown_credential"):
        await vault.ticket(elsewhere, credential)


async def test_a_revoked_credential_takes_no_new_key(vault: Deployment, at: Addresses) -> None:
    credential = await vault.sealed_key(at, canary_key())
    pending = await vault.ticket(at, credential)
    await vault.revoke(at, credential)
    assert (await vault.view(pending.ticket)).code == "ticket_unknown"
    with pytest.raises(RefusedError, match="credential_revoked"):
        await vault.ticket(at, credential)


async def test_an_awaited_credential_is_called_off_by_revoking_it(vault: Deployment, at: Addresses) -> None:
    issued = await vault.ticket(at)
    await vault.revoke(at, issued.credential)
    assert (await vault.view(issued.ticket)).code == "ticket_unknown"
    assert (await vault.list(at)).items == ()


async def test_the_console_is_told_whether_an_administrator_must_approve_a_deposit(
    folder: Path, clock: Clock, log: io.StringIO, assets: Path
) -> None:
    here, there = Addresses(), Addresses()
    config = vault_config(folder, deposits_need_passkey=(here.organization,))
    async with running(config, clock, log, assets) as vault:
        assert (await vault.list(there)).approval is DepositApproval.NOT_NEEDED
        assert (await vault.list(here)).approval is DepositApproval.IMPOSSIBLE
        assert await refused(vault, ticket_order(here)) == "no_administrator"
        async with connected_people(vault) as people:
            await people.enrolled("Ada", here.organization)
        assert (await vault.list(here)).approval is DepositApproval.NEEDED
