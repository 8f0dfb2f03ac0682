"""What the assistant asks for: itself, and what its session may do."""

from __future__ import annotations

import gzip

from sealgate.policy.catalogue import ready_actions
from sealgate.policy.document import Limits
from tests.proxy.world import ORIGIN, World

SCRIPT = "/assistant/v1/sealgate-assistant"


async def test_me_names_the_application_its_actions_and_what_is_left(world: World) -> None:
    world.publish(Limits(requests_per_minute=20, concurrent_streams=3))
    token = world.token()
    await world.action({"text": "a"}, token=token)
    answer = await world.get("/assistant/v1/me", token=token, origin=ORIGIN)
    me = answer.json()
    assert me["application"] == {"name": "Larkspur"}
    assert [action["id"] for action in me["actions"]] == [each.id for each in ready_actions("gpt-test")]
    assert me["actions"][0]["parameters"][0]["choices"][1] == {"value": "by-half", "label": "By half"}
    assert me["allowance"]["requests"] == {"limit": 20, "remaining": 19, "window_s": 60, "reset_s": 3}
    assert me["allowance"]["streams"] == {"limit": 3, "remaining": 3}
    assert me["rights"] == {"prompt": True, "follow_ups": 2}
    assert answer.headers["cache-control"] == "no-store"


async def test_me_names_no_provider_no_model_and_no_instructions(world: World) -> None:
    body = (await world.get("/assistant/v1/me", token=world.token())).body
    for word in (b"gpt", b"openai", b"editor", b"[amount]", b"wording"):
        assert word not in body


async def test_me_shows_only_what_the_session_permits(world: World) -> None:
    token = world.token(permissions=("action:simplify",))
    me = (await world.get("/assistant/v1/me", token=token)).json()
    assert [action["id"] for action in me["actions"]] == ["simplify"]


async def test_asking_for_me_uses_no_request_and_needs_no_key(world: World) -> None:
    token = world.token()
    for _ in range(3):
        assert (await world.get("/assistant/v1/me", token=token)).status == 200
    assert not world.vault.opens


async def test_me_needs_a_session(world: World) -> None:
    assert (await world.get("/assistant/v1/me")).error["code"] == "session_missing"


async def test_the_script_comes_from_a_stable_address_that_is_checked_again_soon(world: World) -> None:
    answer = await world.get(f"{SCRIPT}.js")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/javascript; charset=utf-8")
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert "max-age=300" in answer.headers["cache-control"]


async def test_the_script_of_one_version_may_be_kept_for_ever(world: World) -> None:
    version = world.running.parts.script.version
    answer = await world.get(f"{SCRIPT}.{version}.js")
    assert "immutable" in answer.headers["cache-control"]
    assert (await world.get(f"{SCRIPT}.{'0' * 12}.js")).status == 404


async def test_the_script_is_sent_compressed_to_those_who_take_it(world: World) -> None:
    plain = await world.get(f"{SCRIPT}.js")
    packed = await world.get(f"{SCRIPT}.js", accept_encoding="br, gzip;q=0.8")
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert "content-encoding" not in (await world.get(f"{SCRIPT}.js", accept_encoding="gzip;q=0")).headers


async def test_the_whole_script_is_small_enough_for_the_first_interaction(world: World) -> None:
    packed = await world.get(f"{SCRIPT}.js", accept_encoding="gzip")
    assert 0 < len(packed.body) <= 30 * 1024


async def test_a_script_that_is_known_is_not_sent_again(world: World) -> None:
    etag = (await world.get(f"{SCRIPT}.js")).headers["etag"]
    answer = await world.get(f"{SCRIPT}.js", if_none_match=etag)
    assert (answer.status, answer.body) == (304, b"")
    assert "transfer-encoding" not in answer.headers
