"""Sessions signed with either algorithm, found again by their bytes."""

from __future__ import annotations

import time

import msgspec
import pytest

from sealgate.messages.feed import SessionKeyEntry
from sealgate.session import InvalidSession, SigningKey
from tests.proxy.world import World, until


@pytest.mark.parametrize("algorithm", ["Ed25519", "ES256"])
async def test_a_session_of_either_algorithm_is_verified_once_and_then_found(
    world: World, algorithm: str
) -> None:
    key = SigningKey.generate(algorithm="ES256" if algorithm == "ES256" else "Ed25519")
    publish(world, SessionKeyEntry(key.kid, algorithm, key.public.public_key))
    await settled(world, 2)
    token = world.token(key=key)
    sessions = world.running.parts.sessions
    for _ in range(2):
        assert (await world.chat(token=token)).status == 200
    assert token.encode() in sessions._verified
    assert len(sessions._verified) == 1


async def test_a_key_under_the_other_algorithms_name_opens_nothing(world: World) -> None:
    key = SigningKey.generate(algorithm="ES256")
    publish(world, SessionKeyEntry(key.kid, "Ed25519", key.public.public_key))
    answer = await world.chat(token=world.token(key=key))
    assert answer.status in (401, 503)
    assert not world.provider.calls


async def test_an_algorithm_that_is_not_known_makes_the_document_unusable(world: World) -> None:
    assert (await world.chat()).status == 200
    publish(world, SessionKeyEntry(world.key.kid, "RS256", world.key.public.public_key))
    await until(lambda: "application_damaged" in world.log.getvalue())
    answer = await world.chat()
    assert (answer.status, answer.error["code"]) == (503, "policy_damaged")


async def test_a_revoked_es256_key_opens_nothing_with_the_next_request(world: World) -> None:
    key = SigningKey.generate(algorithm="ES256")
    publish(world, SessionKeyEntry(key.kid, "ES256", key.public.public_key))
    await settled(world, 2)
    token = world.token(key=key)
    assert (await world.chat(token=token)).status == 200
    world.publish(session_keys=())
    await settled(world, 3)
    assert (await world.chat(token=token)).error["code"] == "invalid_session"


def publish(world: World, entry: SessionKeyEntry) -> None:
    world.console.publish(msgspec.structs.replace(world.document(), session_keys=(entry,)))


async def settled(world: World, version: int) -> None:
    """The application as it is now, asked for by some request, is known to the proxy."""
    applications = world.running.parts.applications
    await applications.fetch(world.application)
    await until(lambda: applications.ids() == [(world.application, version)])


async def test_a_look_at_one_token_never_speaks_for_another(world: World) -> None:
    await world.chat()
    sessions, now_s = world.running.parts.sessions, time.time()
    application = world.running.parts.applications.get(world.application, now_s)
    assert application is not None
    first, second = (world.token(user=user).encode() for user in ("user-1", "user-2"))
    assert sessions.application_of(first) == world.application
    assert sessions.verify(second, application, now_s).session.subject == "user-2"
    assert sessions.verify(first, application, now_s).session.subject == "user-1"
    head, body, _ = first.split(b".")
    forged = b".".join((head, body, second.split(b".")[2]))
    sessions.application_of(first)
    with pytest.raises(InvalidSession):
        sessions.verify(forged, application, now_s)
