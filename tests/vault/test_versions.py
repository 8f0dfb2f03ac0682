"""Staging a key, switching to it, rolling back and discarding, over the real sockets."""

from __future__ import annotations

import io
from collections.abc import Awaitable

import msgspec
import pytest

from sealgate.messages.frames import RefusedError
from sealgate.messages.opening import CredentialEvent, Renew, Renewed
from sealgate.messages.tickets import CredentialRow, CredentialState
from tests.vault.deployment import Addresses, Deployment, canary_key

OLD, NEW, NEWER = canary_key(), canary_key(), canary_key()


async def with_staged(vault: Deployment, at: Addresses) -> str:
    """A credential whose version 1 is active and whose version 2 is staged."""
    credential = await vault.sealed_key(at, OLD)
    assert await vault.staged_key(at, NEW, credential) == 2
    return credential


async def row(vault: Deployment, at: Addresses) -> CredentialRow:
    (only,) = (await vault.list(at)).items
    return only


def standings(shown: CredentialRow) -> dict[int, str]:
    return {each.version: each.standing.value for each in shown.versions}


async def refused(asked: Awaitable[object]) -> str:
    with pytest.raises(RefusedError) as refusal:
        await asked
    assert refusal.value.refusal.hint
    return refusal.value.refusal.code


async def test_a_staged_key_leaves_the_active_one_in_use(vault: Deployment, at: Addresses) -> None:
    credential = await with_staged(vault, at)
    opened, found = await vault.open(at, credential)
    assert (opened.version, found) == (1, OLD)
    shown = await row(vault, at)
    assert (shown.version, shown.last_four) == (1, OLD[-4:].decode())
    assert standings(shown) == {2: "staged", 1: "active"}
    assert [each.last_four for each in shown.versions] == [NEW[-4:].decode(), OLD[-4:].decode()]


async def test_the_sealing_page_is_told_that_the_key_is_staged_and_whether_one_gives_way(
    vault: Deployment, at: Addresses
) -> None:
    credential = await vault.sealed_key(at, OLD)
    seen = (await vault.view((await vault.ticket(at, credential, stage=True)).ticket)).json
    assert (seen["stage"], seen["replaces"], seen["version"]) == (True, False, 2)
    await vault.staged_key(at, NEW, credential)
    again = (await vault.view((await vault.ticket(at, credential, stage=True)).ticket)).json
    assert (again["stage"], again["replaces"], again["version"]) == (True, True, 3)
    plain = (await vault.view((await vault.ticket(at, credential)).ticket)).json
    assert (plain["stage"], plain["replaces"]) == (False, True)


async def test_a_first_key_cannot_be_staged(vault: Deployment, at: Addresses) -> None:
    assert await refused(vault.ticket(at, stage=True)) == "nothing_active"


@pytest.mark.parametrize(("version", "key"), [(1, OLD), (2, NEW)], ids=["active", "staged"])
async def test_a_named_version_is_opened(vault: Deployment, at: Addresses, version: int, key: bytes) -> None:
    credential = await with_staged(vault, at)
    opened, found = await vault.open(at, credential, version)
    assert (opened.version, found) == (version, key)


@pytest.mark.parametrize(
    ("version", "code"),
    [(3, "no_credential"), (0, "malformed"), (-1, "malformed"), (2**53, "malformed")],
    ids=str,
)
async def test_a_version_that_is_not_held_is_not_opened(
    vault: Deployment, at: Addresses, version: int, code: str
) -> None:
    credential = await with_staged(vault, at)
    assert await refused(vault.open(at, credential, version)) == code


async def test_switching_makes_the_staged_key_active_and_keeps_the_old_one(
    vault: Deployment, at: Addresses, log: io.StringIO
) -> None:
    credential = await with_staged(vault, at)
    shown = await vault.switch(at, credential)
    assert (shown.version, standings(shown)) == (2, {2: "active", 1: "previous"})
    assert shown == await row(vault, at)
    assert (await vault.open(at, credential))[1] == NEW
    assert (await vault.open(at, credential, 1))[1] == OLD
    assert f"versions_changed organization={at.organization}" in log.getvalue()


async def test_rolling_back_uses_the_old_key_again_and_stages_the_new_one(
    vault: Deployment, at: Addresses
) -> None:
    credential = await with_staged(vault, at)
    await vault.switch(at, credential)
    shown = await vault.roll_back(at, credential)
    assert (shown.version, standings(shown)) == (1, {2: "staged", 1: "active"})
    assert (await vault.open(at, credential))[1] == OLD
    again = await vault.switch(at, credential)
    assert (again.version, standings(again)) == (2, {2: "active", 1: "previous"})


async def test_proxies_are_told_of_each_change(vault: Deployment, at: Addresses) -> None:
    credential = await with_staged(vault, at)
    await vault.switch(at, credential)
    await vault.roll_back(at, credential)
    await vault.discard(at, credential, 2)
    notices = [await vault.notice() for _ in range(5)]
    assert {notice.credential for notice in notices} == {credential}
    assert [notice.event for notice in notices] == [
        CredentialEvent.DEPOSITED,
        *(CredentialEvent.REPLACED for _ in range(4)),
    ]


async def test_a_second_switch_gives_up_the_key_before_the_previous_one(
    vault: Deployment, at: Addresses
) -> None:
    credential = await with_staged(vault, at)
    await vault.switch(at, credential)
    await vault.staged_key(at, NEWER, credential)
    assert standings(await row(vault, at)) == {3: "staged", 2: "active", 1: "previous"}
    assert standings(await vault.switch(at, credential)) == {3: "active", 2: "previous"}
    assert await refused(vault.open(at, credential, 1)) == "no_credential"


async def test_staging_again_gives_up_the_staged_key(vault: Deployment, at: Addresses) -> None:
    credential = await with_staged(vault, at)
    await vault.staged_key(at, NEWER, credential)
    assert standings(await row(vault, at)) == {3: "staged", 1: "active"}


async def test_a_plain_deposit_takes_the_active_keys_place_and_leaves_the_others(
    vault: Deployment, at: Addresses
) -> None:
    credential = await with_staged(vault, at)
    await vault.sealed_key(at, NEWER, credential)
    assert standings(await row(vault, at)) == {3: "active", 2: "staged"}
    assert (await vault.open(at, credential))[1] == NEWER
    assert await refused(vault.open(at, credential, 1)) == "no_credential"


async def test_a_version_number_is_never_used_twice(vault: Deployment, at: Addresses) -> None:
    credential = await with_staged(vault, at)
    await vault.discard(at, credential, 2)
    assert (await vault.ticket(at, credential)).version == 3


async def test_what_cannot_be_is_refused_with_a_hint(vault: Deployment, at: Addresses) -> None:
    credential = await vault.sealed_key(at, OLD)
    assert await refused(vault.switch(at, credential)) == "nothing_staged"
    assert await refused(vault.roll_back(at, credential)) == "nothing_previous"
    assert await refused(vault.discard(at, credential, 1)) == "version_active"
    assert await refused(vault.discard(at, credential, 2)) == "unknown_version"
    assert await refused(vault.discard(at, credential, 0)) == "malformed"
    await vault.staged_key(at, NEW, credential)
    await vault.switch(at, credential)
    await vault.staged_key(at, NEWER, credential)
    assert await refused(vault.roll_back(at, credential)) == "staged_in_the_way"
    await vault.discard(at, credential, 3)
    assert (await vault.roll_back(at, credential)).version == 1


async def test_versions_of_another_application_cannot_be_changed(vault: Deployment, at: Addresses) -> None:
    credential = await with_staged(vault, at)
    for other in (Addresses(at.organization), Addresses(application=at.application), Addresses()):
        for change in (vault.switch, vault.roll_back):
            assert await refused(change(other, credential)) == "unknown_credential"
        assert await refused(vault.discard(other, credential, 2)) == "unknown_credential"
        assert await refused(vault.ticket(other, credential, stage=True)) == "unknown_credential"


async def test_of_a_staged_and_a_plain_ticket_for_one_version_only_one_counts(
    vault: Deployment, at: Addresses
) -> None:
    credential = await vault.sealed_key(at, OLD)
    plain, staged = await vault.ticket(at, credential), await vault.ticket(at, credential, stage=True)
    assert (await vault.deposit(staged.ticket, NEW)).status == 200
    assert (await vault.view(plain.ticket)).code == "ticket_unknown"


async def test_a_ticket_outlives_a_switch(vault: Deployment, at: Addresses) -> None:
    credential = await with_staged(vault, at)
    pending = await vault.ticket(at, credential, stage=True)
    await vault.switch(at, credential)
    assert (await vault.deposit(pending.ticket, NEWER)).status == 200
    assert standings(await row(vault, at)) == {3: "staged", 2: "active", 1: "previous"}


async def test_what_runs_on_the_previous_key_may_go_on_until_that_key_is_discarded(
    vault: Deployment, at: Addresses
) -> None:
    credential = await with_staged(vault, at)
    await vault.switch(at, credential)
    assert isinstance(await vault.proxy.ask(Renew(credential=credential, version=1)), Renewed)
    await vault.discard(at, credential, 1)
    assert await refused(vault.proxy.ask(Renew(credential=credential, version=1))) == "no_credential"


async def test_revoking_destroys_every_version_in_every_file(vault: Deployment, at: Addresses) -> None:
    credential = await with_staged(vault, at)
    await vault.switch(at, credential)
    await vault.staged_key(at, NEWER, credential)
    envelopes = held_envelopes(vault)
    assert len(envelopes) == 3
    await vault.revoke(at, credential)
    shown = await row(vault, at)
    assert (shown.state, shown.version, shown.versions) == (CredentialState.REVOKED, 2, ())
    assert shown.last_four == NEW[-4:].decode()
    assert_gone(vault, envelopes)
    for version in (None, 1, 2, 3):
        assert await refused(vault.open(at, credential, version)) == "credential_revoked"
    for change in (vault.switch, vault.roll_back):
        assert await refused(change(at, credential)) == "credential_revoked"
    assert await refused(vault.discard(at, credential, 1)) == "credential_revoked"
    assert await refused(vault.ticket(at, credential, stage=True)) == "credential_revoked"


async def test_discarding_destroys_that_envelope_in_every_file(vault: Deployment, at: Addresses) -> None:
    credential = await with_staged(vault, at)
    before = held_envelopes(vault)
    await vault.discard(at, credential, 2)
    (kept,) = held_envelopes(vault)
    assert_gone(vault, [envelope for envelope in before if envelope != kept])


def held_envelopes(vault: Deployment) -> list[bytes]:
    rows = vault.vault._foundation.database.rows("SELECT envelope FROM versions")
    return [envelope for (envelope,) in rows if isinstance(envelope, bytes)]


def assert_gone(vault: Deployment, envelopes: list[bytes]) -> None:
    assert envelopes
    for path in vault.config.data_dir.iterdir():
        content = path.read_bytes()
        assert not [envelope for envelope in envelopes if envelope[60:] in content], path.name


async def test_no_key_is_in_a_row(vault: Deployment, at: Addresses) -> None:
    credential = await with_staged(vault, at)
    sent = msgspec.msgpack.encode(await vault.switch(at, credential))
    assert OLD not in sent
    assert NEW not in sent
